// Each key that an architecture reads for itself, by what it makes of the traced model. That the numbers are the
// original's is what the goldens prove.
#include <gtest/gtest.h>

#include "models/invented_model_test.h"

namespace galago::models {
namespace {

Json config(const std::string& model_type, const std::string& keys = "{}") {
  Json json = parse_json(R"({"vocab_size": 24, "hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 3,
                             "num_attention_heads": 2, "max_position_embeddings": 32})",
                         "test")
                  .value();
  json["model_type"] = model_type;
  const Json more = parse_json(keys, "test").value();
  for (const auto& [key, value] : more.items()) json[key] = value;
  return json;
}

TEST(Architectures, QwenFollowsItsKeys) {
  for (const char* type : {"qwen2", "qwen3"}) {
    const Json base = config(type, R"({"use_sliding_window": true, "sliding_window": 5, "max_window_layers": 2})");
    expect_keys(base, {{"use_sliding_window", false, "-window=5"},
                       {"sliding_window", 7, "window=7"},
                       {"sliding_window", nullptr, "-window=5"},
                       {"max_window_layers", 3, "-window=5"},
                       {"rms_norm_eps", 0.25, "eps=0.25"}});
    // Which layers: state 2 is the last one's.
    EXPECT_NE(traced(base).find("state=2, kv_heads=2, v_dim=8, scale=0.35355338, window=5"), std::string::npos);
    EXPECT_EQ(traced(base).find("state=1, kv_heads=2, v_dim=8, scale=0.35355338, window=5"), std::string::npos);
    Json types = base;
    types["layer_types"] = {"full_attention", "sliding_attention", "full_attention"};
    EXPECT_NE(traced(types).find("state=1, kv_heads=2, v_dim=8, scale=0.35355338, window=5"), std::string::npos);
    EXPECT_EQ(traced(types).find("state=2, kv_heads=2, v_dim=8, scale=0.35355338, window=5"), std::string::npos);
  }
  EXPECT_NE(traced(config("qwen2")).find("q_proj.bias"), std::string::npos);
  EXPECT_NE(traced(config("qwen3")).find("q_norm.weight"), std::string::npos);
}

TEST(Architectures, Gemma2FollowsItsKeys) {
  const Json base = config("gemma2", R"({"sliding_window": 5, "head_dim": 8})");
  expect_keys(base, {{"hidden_activation", "relu", "kind=relu"},
                     {"tie_word_embeddings", false, "lm_head.weight"},
                     {"final_logit_softcapping", 8.0, "factor=8}"},
                     {"final_logit_softcapping", nullptr, "-kind=tanh"},
                     {"attn_logit_softcapping", 7.0, "soft_cap=7"},
                     {"attn_logit_softcapping", nullptr, "soft_cap=0"},
                     {"query_pre_attn_scalar", 16, "scale=0.25"},
                     {"hidden_size", 64, "factor=8}"},
                     {"sliding_window", 6, "window=6"}});
  // Even layers slide, unless layer_types says which.
  EXPECT_NE(traced(base).find("state=0, kv_heads=2, v_dim=8, scale=0.0625, window=5, soft_cap=50"), std::string::npos);
  EXPECT_NE(traced(base).find("state=1, kv_heads=2, v_dim=8, scale=0.0625, window=0, soft_cap=50"), std::string::npos);
  Json types = base;
  types["layer_types"] = {"full_attention", "sliding_attention", "full_attention"};
  EXPECT_NE(traced(types).find("state=0, kv_heads=2, v_dim=8, scale=0.0625, window=0, soft_cap=50"), std::string::npos);
  EXPECT_NE(traced(base).find("weight_plus_one=true"), std::string::npos);
}

TEST(Architectures, Phi3FollowsItsKeys) {
  const Json base = config("phi3", R"({"sliding_window": 5})");
  expect_keys(base, {{"sliding_window", 7, "window=7"}, {"sliding_window", nullptr, "-window=5"}});
  Json types = base;
  types["layer_types"] = {"full_attention", "sliding_attention", "full_attention"};
  EXPECT_NE(traced(base).find("state=0, kv_heads=2, v_dim=8, scale=0.35355338, window=5"), std::string::npos);
  EXPECT_EQ(traced(types).find("state=0, kv_heads=2, v_dim=8, scale=0.35355338, window=5"), std::string::npos);
}

TEST(Architectures, StableLmFollowsItsKeys) {
  const Json base = config("stablelm");
  expect_keys(base, {{"layer_norm_eps", 0.25, "eps=0.25"},
                     {"use_qkv_bias", true, "q_proj.bias"},
                     {"use_parallel_residual", true, "-post_attention_layernorm"},
                     {"qk_layernorm", true, "k_layernorm.norms.1.weight"}});
  // A quarter of a head of 8 turns; half of it: 2 pairs. The pairs are the sizes of inv_freq.
  const auto turning = [](const Json& json) {
    const auto model = invent(json).value();
    const auto graph = trace_entry(*model, model->entries({})[0]).value();
    for (const graph::Value& value : graph.values) {
      if (value.name == "inv_freq") return value.type.shape.to_string();
    }
    return std::string();
  };
  EXPECT_EQ(turning(base), "(1)");
  Json half = base;
  half["partial_rotary_factor"] = 0.5;
  EXPECT_EQ(turning(half), "(2)");
}

TEST(Architectures, OptFollowsItsKeys) {
  const Json base = config("opt", R"({"ffn_dim": 12, "activation_function": "relu"})");
  expect_keys(base, {{"ffn_dim", 28, "(tokens, 28)"},
                     {"activation_function", "gelu", "kind=gelu"},
                     {"word_embed_proj_dim", 8, "project_out.weight"},
                     {"do_layer_norm_before", false, "-model.decoder.final_layer_norm.weight"},
                     {"enable_bias", false, "-q_proj.bias"},
                     {"enable_bias", false, "-fc1.bias"},
                     {"layer_norm_elementwise_affine", false, "-self_attn_layer_norm.weight"},
                     {"max_position_embeddings", 40, "length=40"}});
  EXPECT_EQ(traced(base).find("rope"), std::string::npos);
  EXPECT_NE(traced(base).find("start=2"), std::string::npos) << "position 0 is row 2 of the table";
}

TEST(Architectures, Lfm2FollowsItsKeys) {
  const Json base = config("lfm2", R"({"full_attn_idxs": [1], "block_multiple_of": 4, "num_key_value_heads": 1})");
  expect_keys(base, {{"block_ff_dim", 30, "(tokens, 20)"},
                     {"block_auto_adjust_ff_dim", false, "(tokens, 20)"},
                     {"block_ffn_dim_multiplier", 2.0, "(tokens, 28)"},
                     {"block_multiple_of", 13, "(tokens, 13)"},
                     {"norm_eps", 0.25, "eps=0.25"},
                     {"tie_word_embeddings", false, "lm_head.weight"},
                     {"tie_embedding", false, "lm_head.weight"},
                     {"conv_L_cache", 5, "recurrent(elements=64)"},
                     {"conv_bias", true, "in_proj.bias"},
                     {"full_attn_idxs", Json::array({0, 1}), "state 0 : paged("},
                     {"full_attn_idxs", nullptr, "-recurrent("},
                     {"layer_types", Json::array({"full_attention", "conv", "conv"}), "state 0 : paged("}});
  Json foreign = base;
  foreign["layer_types"] = Json::array({"mamba", "conv", "conv"});
  EXPECT_NE(traced(foreign).find("\"layer_types\" holds \"mamba\""), std::string::npos);
  foreign["layer_types"] = Json::array({"conv"});
  EXPECT_NE(traced(foreign).find("names 1 layers; there are 3"), std::string::npos);
}

TEST(Architectures, LlamaFollowsItsKeys) {
  expect_keys(config("llama"), {{"attention_bias", true, "o_proj.bias"},
                                {"mlp_bias", true, "down_proj.bias"},
                                {"hidden_act", "gelu", "kind=gelu"},
                                {"tie_word_embeddings", true, "-lm_head.weight"},
                                {"num_key_value_heads", 1, "kv_heads=1"},
                                {"head_dim", 4, "v_dim=4"},
                                {"rms_norm_eps", 0.25, "eps=0.25"},
                                {"rope_scaling", {{"rope_type", "yarn"}, {"factor", 4.0}}, "attention_factor=1.1386"}});
}

}  // namespace
}  // namespace galago::models
