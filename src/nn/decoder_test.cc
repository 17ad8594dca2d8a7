// Each field of AttentionConfig and DecoderConfig by what it makes of the traced graph. That the numbers are right is
// what the goldens of the models prove that set them.
#include "nn/decoder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "graph/trace.h"
#include "nn/moe.h"
#include "ops/any_op.h"

namespace galago::nn {
namespace {

DecoderConfig plain_config() {
  DecoderConfig config{.vocab_size = 10, .hidden_size = 8, .intermediate_size = 6, .n_layers = 2};
  config.attention = {
      .hidden_size = 8, .n_heads = 4, .n_kv_heads = 2, .head_dim = 4, .rope = RopeConfig{.rotary_dim = 4}};
  return config;
}

graph::Graph traced(const CausalLm& lm, bool spans = false) {
  const Dim tokens = Dim::symbol("tokens", 16);
  std::vector<graph::TraceInput> inputs = {{"token_ids", {DType::kI32, {tokens}}},
                                           {"positions", {DType::kI32, {1, tokens}}}};
  if (spans) inputs.push_back({"spans", {DType::kI32, {tokens}}});
  auto graph = graph::trace("lm", inputs, number_states(lm), [&](const graph::TracedInputs& in) {
    Step step{.positions = in["positions"], .token_ids = in["token_ids"]};
    if (spans) step.rows.emplace_back("spans", in["spans"]);
    const Tensor x = lm.decoder()(lm.decoder().embed(step.token_ids), step);
    return std::vector<graph::NamedTensor>{{"logits", lm.logits(lm.decoder().norm(x))}};
  });
  EXPECT_TRUE(graph.ok()) << graph.error().message;
  return graph.ok() ? *std::move(graph) : graph::Graph();
}

graph::Graph traced(const DecoderConfig& config) { return traced(CausalLm(config)); }

// The names of the nodes, without reshapes.
std::string nodes(const graph::Graph& graph) {
  std::string names;
  for (const graph::Node& node : graph.nodes) {
    if (node.as<ops::Reshape>() != nullptr) continue;
    if (!names.empty()) names += ' ';
    names += graph::name(node);
  }
  return names;
}

std::string nodes(const DecoderConfig& config) { return nodes(traced(config)); }

template <class Op>
std::vector<Op> all(const graph::Graph& graph) {
  std::vector<Op> found;
  for (const graph::Node& node : graph.nodes) {
    if (const Op* op = node.as<Op>()) found.push_back(*op);
  }
  return found;
}

const std::string kAttention = "linear linear linear rope rope kv_append paged_attention linear";
const std::string kLayer = "rms_norm " + kAttention + " add rms_norm linear unary linear mul linear add";

TEST(Decoder, IsALlamaByDefault) {
  EXPECT_EQ(nodes(plain_config()), "embedding " + kLayer + " " + kLayer + " rms_norm linear");
}

TEST(Decoder, CountsATiedHeadOnce) {
  DecoderConfig config = plain_config();
  const std::int64_t untied = CausalLm(config).parameter_count();
  config.tie_word_embeddings = true;
  EXPECT_EQ(CausalLm(config).parameter_count(), untied - 10 * 8);
  config.head_bias = true;
  EXPECT_EQ(CausalLm(config).parameter_count(), untied - 10 * 8 + 10);
}

TEST(Decoder, ScalesEmbeddingsResidualsAndLogits) {
  DecoderConfig config = plain_config();
  config.n_layers = 1;
  config.embedding_scale = 3.0f;
  config.residual_scale = 0.5f;
  config.logit_scale = 0.25f;
  config.logit_soft_cap = 30.0f;
  const graph::Graph graph = traced(config);
  EXPECT_EQ(nodes(graph), "embedding scale rms_norm " + kAttention +
                              " scale add rms_norm linear unary linear mul linear scale add rms_norm linear scale "
                              "scale unary scale");
  std::vector<float> factors;
  for (const ops::Scale& scale : all<ops::Scale>(graph)) factors.push_back(scale.factor);
  EXPECT_EQ(factors, (std::vector<float>{3.0f, 0.5f, 0.5f, 0.25f, 1.0f / 30.0f, 30.0f}));
  EXPECT_EQ(all<ops::Unary>(graph).back().kind, ops::UnaryKind::kTanh);
}

TEST(Decoder, HasTheNormsThatAreNamed) {
  DecoderConfig config = plain_config();
  config.n_layers = 1;
  config.norm = {.kind = NormKind::kRmsPlusOne, .eps = 0.5f};
  config.norms = {"before", "after", "before_mlp", "after_mlp"};
  const graph::Graph sandwich = traced(config);
  EXPECT_EQ(nodes(sandwich), "embedding rms_norm " + kAttention +
                                 " rms_norm add rms_norm linear unary linear mul linear rms_norm add rms_norm linear");
  for (const ops::RmsNorm& norm : all<ops::RmsNorm>(sandwich)) {
    EXPECT_EQ(norm.eps, 0.5f);
    EXPECT_TRUE(norm.weight_plus_one);
  }
  const std::string tree = CausalLm(config).to_string();
  for (const char* name : {"before:", "after:", "before_mlp:", "after_mlp:"}) {
    EXPECT_NE(tree.find(name), std::string::npos) << name << tree;
  }
  config.norms = {"", "after", "", "after_mlp"};
  EXPECT_EQ(nodes(config),
            "embedding " + kAttention + " rms_norm add linear unary linear mul linear rms_norm add rms_norm linear");
}

TEST(Decoder, HasParallelResiduals) {
  DecoderConfig config = plain_config();
  config.n_layers = 1;
  config.norm = {.kind = NormKind::kLayer, .bias = true};
  config.parallel_residual = true;
  config.norms.mlp_in = "";
  const graph::Graph one_norm = traced(config);
  EXPECT_EQ(nodes(one_norm),
            "embedding layer_norm " + kAttention + " linear unary linear mul linear add add layer_norm linear");
  config.norms.mlp_in = "post_attention_layernorm";
  EXPECT_EQ(nodes(config), "embedding layer_norm " + kAttention +
                               " layer_norm linear unary linear mul linear add add layer_norm linear");
}

TEST(Decoder, TakesLayersOfTheModelsOwn) {
  DecoderConfig config = plain_config();
  Rotaries rotaries;
  const CausalLm lm(config, Decoder(config, [&](int layer) {
                      const Attention attention(config.attention, rotaries);
                      if (layer == 0) {
                        return DecoderLayer(config, attention, Mlp(8, 6, Activation::kRelu, true, {"c_fc", "c_proj"}));
                      }
                      const MoeConfig moe{8, 6, 4, {.experts_per_token = 2}};
                      return DecoderLayer(config, attention, Moe(moe), "block_sparse_moe");
                    }));
  const graph::Graph graph = traced(lm);
  EXPECT_EQ(nodes(graph), "embedding rms_norm " + kAttention + " add rms_norm linear unary linear add rms_norm " +
                              kAttention + " add rms_norm linear moe add rms_norm linear");
  EXPECT_EQ(all<ops::Unary>(graph).front().kind, Activation::kRelu);
  const std::string tree = lm.to_string();
  for (const char* name : {"c_fc: Linear(8 -> 6, bias)", "c_proj: Linear(6 -> 8, bias)", "block_sparse_moe: Moe"}) {
    EXPECT_NE(tree.find(name), std::string::npos) << name << tree;
  }
}

TEST(Decoder, HasAttentionOfEachLayer) {
  DecoderConfig config = plain_config();
  config.layer_attention = {config.attention, config.attention};
  config.layer_attention[1].n_heads = 2;
  config.layer_attention[1].n_kv_heads = 1;
  config.layer_intermediate_size = {6, 12};
  set_windows(config, {0, 5});
  const graph::Graph graph = traced(config);
  const auto attention = all<ops::PagedAttention>(graph);
  EXPECT_EQ(attention[0].kv_heads, 2);
  EXPECT_EQ(attention[1].kv_heads, 1);
  EXPECT_EQ(attention[0].window, 0);
  EXPECT_EQ(attention[1].window, 5);
  EXPECT_NE(CausalLm(config).to_string().find("down_proj: Linear(12 -> 8)"), std::string::npos);
}

// What a change of the attention makes of a graph of one layer.
struct Change {
  const char* name;
  std::function<void(AttentionConfig&)> make;
  std::string attention;  // nodes from the first norm on
};

TEST(Attention, FollowsItsFields) {
  const NormConfig norm{.eps = 0.25f};
  const Change changes[] = {
      {"no rope", [](AttentionConfig& c) { c.rope.reset(); }, "linear linear linear kv_append paged_attention linear"},
      {"norms of queries and keys", [&](AttentionConfig& c) { c.qk_norm = {.norm = norm}; },
       "linear linear linear rms_norm rms_norm rope rope kv_append paged_attention linear"},
      {"norms after rope",
       [&](AttentionConfig& c) {
         c.qk_norm = {.norm = norm};
         c.norms_turned = true;
       },
       "linear linear linear rope rope rms_norm rms_norm kv_append paged_attention linear"},
      {"norm of values", [&](AttentionConfig& c) { c.v_norm = norm; },
       "linear linear linear rope rope rms_norm kv_append paged_attention linear"},
      {"values are keys", [](AttentionConfig& c) { c.has_v_proj = false; },
       "linear linear rope rope kv_append paged_attention linear"},
      {"temperature",
       [](AttentionConfig& c) { c.temperature = {.scale = 0.5, .floor = 2.0, .shift = 1, .context = 16}; },
       "linear linear linear rope rope kv_append slice embedding matmul mul paged_attention linear"},
  };
  for (const Change& change : changes) {
    SCOPED_TRACE(change.name);
    DecoderConfig config = plain_config();
    config.n_layers = 1;
    change.make(config.attention);
    EXPECT_EQ(nodes(config), "embedding rms_norm " + change.attention +
                                 " add rms_norm linear unary linear mul linear add rms_norm linear");
  }
}

TEST(Attention, PassesFieldsToItsOp) {
  DecoderConfig config = plain_config();
  config.n_layers = 1;
  EXPECT_FLOAT_EQ(all<ops::PagedAttention>(traced(config))[0].scale, 0.5f) << "1 / sqrt(head_dim)";
  config.attention.scale = 0.125f;
  config.attention.soft_cap = 50.0f;
  config.attention.window = 3;
  config.attention.sinks = true;
  const graph::Graph graph = traced(CausalLm(config), /*spans=*/true);
  const ops::PagedAttention op = all<ops::PagedAttention>(graph)[0];
  EXPECT_EQ(op.scale, 0.125f);
  EXPECT_EQ(op.soft_cap, 50.0f);
  EXPECT_EQ(op.window, 3);
  EXPECT_TRUE(op.has_sinks);
  EXPECT_TRUE(op.has_spans);
  EXPECT_NE(CausalLm(config).to_string().find("sinks (4)"), std::string::npos);
}

TEST(Attention, NamesItsParametersAsTheCheckpointDoes) {
  DecoderConfig config = plain_config();
  config.attention.qk_norm = HeadNormConfig{};
  config.attention.q_bias = config.attention.v_bias = true;
  config.attention.output_name = "dense";
  config.attention.q_norm_name = "q_layernorm";
  config.attention.k_norm_name = "k_layernorm";
  const std::string tree = CausalLm(config).to_string();
  for (const char* name : {"q_proj: Linear(8 -> 16, bias)", "k_proj: Linear(8 -> 8)", "v_proj: Linear(8 -> 8, bias)",
                           "dense: Linear(16 -> 8)", "q_layernorm: RmsNorm(4", "k_layernorm: RmsNorm(4"}) {
    EXPECT_NE(tree.find(name), std::string::npos) << name << tree;
  }
  set_biases(config.attention, false, true);
  const std::string other = CausalLm(config).to_string();
  EXPECT_NE(other.find("q_proj: Linear(8 -> 16) "), std::string::npos) << other;
  EXPECT_NE(other.find("dense: Linear(16 -> 8, bias)"), std::string::npos) << other;
}

TEST(Attention, ReadsTheKeysOfAnotherLayer) {
  DecoderConfig config = plain_config();
  config.attention.qk_norm = HeadNormConfig{};
  Rotaries rotaries;
  std::optional<Attention> first;
  const CausalLm lm(config, Decoder(config, [&](int layer) {
                      const Attention attention = layer == 0 ? Attention(config.attention, rotaries)
                                                             : Attention(config.attention, rotaries, *first);
                      if (layer == 0) first = attention;
                      return DecoderLayer(config, attention, GatedMlp(8, 6, Activation::kSilu, false));
                    }));
  EXPECT_EQ(number_states(lm).size(), 1u);
  const graph::Graph graph = traced(lm);
  EXPECT_EQ(all<ops::KvAppend>(graph).size(), 1u);
  const auto attention = all<ops::PagedAttention>(graph);
  ASSERT_EQ(attention.size(), 2u);
  EXPECT_EQ(attention[0].state, attention[1].state);
  EXPECT_EQ(all<ops::Linear>(graph).size(), 2 * 4u + 2 * 3u + 1u - 2u) << "the second layer has no k_proj and v_proj";
}

TEST(Attention, GrowsQueriesWithTheirPositions) {
  DecoderConfig config = plain_config();
  config.n_layers = 1;
  // Llama 4: log(floor((p + 1) / 4) + 1) * 0.1 + 1
  config.attention.temperature = {.scale = 0.1, .floor = 4.0, .shift = 1, .context = 16};
  const graph::Graph graph = traced(config);
  const graph::Value* table = nullptr;
  for (const graph::Value& value : graph.values) {
    if (value.name == "temperatures") table = &value;
  }
  ASSERT_NE(table, nullptr);
  const std::span<const float> factors = table->constant.floats();
  ASSERT_EQ(factors.size(), 16u);
  for (const int position : {0, 2, 3, 7, 15}) {
    const double expected = std::log(std::floor((position + 1) / 4.0) + 1.0) * 0.1 + 1.0;
    EXPECT_FLOAT_EQ(factors[static_cast<std::size_t>(position)], static_cast<float>(expected)) << position;
  }
}

}  // namespace
}  // namespace galago::nn
