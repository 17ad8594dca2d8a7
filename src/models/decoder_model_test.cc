// Each key that decoder_config() reads, by what it makes of the configuration.
#include "models/decoder_model.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>

namespace galago::models {
namespace {

Json base() {
  return parse_json(R"({"vocab_size": 100, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3,
                        "num_attention_heads": 4})",
                    "test")
      .value();
}

Result<nn::DecoderConfig> read_decoder(const Json& json) { return decoder_config(ConfigReader(json, "m"), 0); }

// A key, a value, and what then is so that was not before.
struct Key {
  const char* key;
  Json value;
  std::function<bool(const nn::DecoderConfig&)> holds;
};

TEST(DecoderConfig, FollowsEachKey) {
  using Config = nn::DecoderConfig;
  const Key keys[] = {
      {"vocab_size", 50, [](const Config& c) { return c.vocab_size == 50; }},
      {"hidden_size", 32, [](const Config& c) { return c.hidden_size == 32 && c.attention.hidden_size == 32; }},
      {"hidden_size", 32, [](const Config& c) { return c.attention.head_dim == 8; }},
      {"intermediate_size", 7, [](const Config& c) { return c.intermediate_size == 7; }},
      {"num_hidden_layers", 5, [](const Config& c) { return c.n_layers == 5; }},
      {"num_attention_heads", 8, [](const Config& c) { return c.attention.n_heads == 8; }},
      {"num_attention_heads", 8, [](const Config& c) { return c.attention.n_kv_heads == 8; }},
      {"num_key_value_heads", 2, [](const Config& c) { return c.attention.n_kv_heads == 2; }},
      {"head_dim", 24, [](const Config& c) { return c.attention.head_dim == 24; }},
      {"head_dim", 24, [](const Config& c) { return c.attention.rope->rotary_dim == 24; }},
      {"rms_norm_eps", 0.5, [](const Config& c) { return c.norm.eps == 0.5f; }},
      {"hidden_act", "relu", [](const Config& c) { return c.activation == nn::Activation::kRelu; }},
      {"mlp_bias", true, [](const Config& c) { return c.mlp_bias; }},
      {"tie_word_embeddings", true, [](const Config& c) { return c.tie_word_embeddings; }},
      {"max_position_embeddings", 77, [](const Config& c) { return c.context_length == 77; }},
      {"rope_theta", 5e5, [](const Config& c) { return c.attention.rope->theta == 5e5; }},
      {"attention_bias", true, [](const Config& c) { return c.attention.o_bias; }},
      {"attention_bias", true,
       [](const Config& c) { return c.attention.q_bias && c.attention.k_bias && c.attention.v_bias; }},
      {"qkv_bias", true, [](const Config& c) { return c.attention.q_bias && !c.attention.o_bias; }},
  };
  const auto plain = read_decoder(base());
  ASSERT_TRUE(plain.ok()) << plain.error().message;
  for (const Key& key : keys) {
    Json json = base();
    json[key.key] = key.value;
    const auto config = read_decoder(json);
    ASSERT_TRUE(config.ok()) << config.error().message;
    EXPECT_FALSE(key.holds(*plain)) << key.key;
    EXPECT_TRUE(key.holds(*config)) << key.key;
  }
}

TEST(DecoderConfig, HasLlamasDefaults) {
  const nn::DecoderConfig config = read_decoder(base()).value();
  EXPECT_EQ(config.norm.eps, 1e-6f);
  EXPECT_EQ(config.norm.kind, nn::NormKind::kRms);
  EXPECT_EQ(config.activation, nn::Activation::kSilu);
  EXPECT_EQ(config.context_length, 2048);
  EXPECT_EQ(config.attention.head_dim, 16);
  EXPECT_EQ(config.attention.rope->theta, 10000.0);
  EXPECT_EQ(config.attention.window, 0);
}

TEST(DecoderConfig, DeclaresTheLengthOfSequences) {
  const Json json = base();
  EXPECT_EQ(decoder_config(ConfigReader(json, "m"), 123)->attention.rope->sequence_length, 123);
}

TEST(DecoderConfig, NamesWhatMakesNoSense) {
  for (const char* key :
       {"vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"}) {
    Json json = base();
    json.erase(key);
    EXPECT_EQ(read_decoder(json).error().message, fmt::format("m: the configuration lacks \"{}\"", key));
    json[key] = 0;
    EXPECT_FALSE(read_decoder(json).ok()) << key;
    json[key] = std::int64_t{1} << 40;
    EXPECT_FALSE(read_decoder(json).ok()) << key;
  }
  Json json = base();
  json["num_key_value_heads"] = 3;
  EXPECT_EQ(read_decoder(json).error().message, "m: 4 attention heads are no multiple of 3 key-value heads");
}

TEST(DecoderEntries, TakeMediaAndFurtherRows) {
  const DecoderParts parts{.embed = [](const Tensor& ids) { return embedding(ids, Tensor::zeros({9, 4})); },
                           .layers =
                               [](const Tensor& x, const nn::Step& step) {
                                 const Tensor deep = step.row("deepstack_0");
                                 return deep.identity() == nullptr ? x : x + deep;
                               },
                           .norm = [](const Tensor& x) { return x; },
                           .logits = [](const Tensor& x) { return x; }};
  const ModelInfo info{.vocab_size = 9, .hidden_size = 4, .position_axes = 3};
  const auto entries =
      decoder_entries(parts, info, {}, {.takes_media = true, .rows = {{"deepstack_0", {DType::kF32, {4}}}}});
  ASSERT_EQ(entries.size(), 3u);
  std::string inputs;
  for (const auto& input : entries[0].inputs) inputs += input.name + " " + input.type.to_string() + "; ";
  EXPECT_EQ(inputs,
            "token_ids i32 (tokens); positions i32 (3, tokens); splice_index i32 (tokens); media f32 (media_rows, 4); "
            "deepstack_0 f32 (tokens, 4); rows i32 (rows); ");
  const auto prefill = graph::trace("prefill", entries[0].inputs, {}, entries[0].forward);
  ASSERT_TRUE(prefill.ok()) << prefill.error().message;
  std::string nodes;
  for (const graph::Node& node : prefill->nodes) nodes += std::string(graph::name(node)) + " ";
  EXPECT_EQ(nodes, "embedding splice add gather_rows ");
  const auto decode = graph::trace("decode", entries[2].inputs, {}, entries[2].forward);
  ASSERT_TRUE(decode.ok()) << decode.error().message;
  EXPECT_EQ(decode->nodes.size(), 1u) << "decoding has no further rows";
  const auto others = decoder_entries(parts, info, {}, {.decode_rows = {{"deepstack_0", {DType::kF32, {4}}}}});
  EXPECT_EQ(others[0].inputs.size(), 3u);
  ASSERT_EQ(others[2].inputs.size(), 3u);
  EXPECT_EQ(others[2].inputs[2].type.to_string(), "f32 (tokens, 4)");
  const auto with_rows = graph::trace("decode", others[2].inputs, {}, others[2].forward);
  ASSERT_TRUE(with_rows.ok()) << with_rows.error().message;
  EXPECT_EQ(with_rows->nodes.size(), 2u);
}

}  // namespace
}  // namespace galago::models
