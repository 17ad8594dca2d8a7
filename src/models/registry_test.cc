// Loading checkpoints: names, and weights that would give wrong numbers without a word.
#include "models/registry.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>

#include "formats/safetensors_writer.h"
#include "models/weight_checks.h"

namespace galago::models {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr std::int64_t kWords = 7, kWidth = 8, kInner = 12;

// A Hugging Face folder with a tiny llama.
class RegistryTest : public ::testing::Test {
 protected:
  RegistryTest() {
    fs::create_directories(folder_);
    config_ = {{"model_type", "llama"},      {"vocab_size", kWords},        {"hidden_size", kWidth},
               {"num_hidden_layers", 1},     {"intermediate_size", kInner}, {"num_attention_heads", 2},
               {"tie_word_embeddings", true}};
    add("model.embed_tokens.weight", {kWords, kWidth});
    add("model.norm.weight", {kWidth});
    const std::string layer = "model.layers.0.";
    for (const char* name : {"input_layernorm", "post_attention_layernorm"}) add(layer + name + ".weight", {kWidth});
    for (const char* name : {"q_proj", "k_proj", "v_proj", "o_proj"}) {
      add(layer + "self_attn." + name + ".weight", {kWidth, kWidth});
    }
    for (const char* name : {"gate_proj", "up_proj"}) add(layer + "mlp." + name + ".weight", {kInner, kWidth});
    add(layer + "mlp.down_proj.weight", {kWidth, kInner});
  }
  ~RegistryTest() override { fs::remove_all(folder_); }

  void add(std::string name, std::vector<std::int64_t> shape, DType dtype = DType::kF32) {
    std::size_t bytes = static_cast<std::size_t>(info(dtype).block_bytes);
    for (const std::int64_t size : shape) bytes *= static_cast<std::size_t>(size);
    auto& data = data_.emplace_back(bytes);
    for (std::size_t i = 0; i + sizeof(float) <= bytes; i += sizeof(float)) {
      const float value = static_cast<float>(data_.size()) + static_cast<float>(i) / 64.0f;
      std::memcpy(&data[i], &value, sizeof(value));
    }
    tensors_.push_back({.name = std::move(name), .dtype = dtype, .shape = std::move(shape), .data = data});
  }
  formats::StoredTensor& stored(std::string_view name) {
    return *std::ranges::find(tensors_, name, &formats::StoredTensor::name);
  }

  Result<std::unique_ptr<Model>> load() {
    std::ofstream(folder_ / "config.json") << write_json(config_);
    EXPECT_TRUE(formats::write_safetensors(folder_ / "model.safetensors", tensors_).ok());
    return build_model(formats::Checkpoint::open(folder_).value());
  }
  std::string failure() {
    const auto model = load();
    return model.ok() ? "" : model.error().message;
  }
  std::string with_quantization(Json quantization) {
    config_["quantization_config"] = std::move(quantization);
    return failure();
  }

  fs::path folder_ = fs::path(::testing::TempDir()) / ("galago_registry_" + std::to_string(::getpid()));
  Json config_;
  std::vector<formats::StoredTensor> tensors_;
  std::deque<std::vector<std::byte>> data_;
};

TEST_F(RegistryTest, LoadsABaseModelWithoutItsPrefix) {
  ASSERT_EQ(failure(), "");
  for (formats::StoredTensor& tensor : tensors_) tensor.name = tensor.name.substr(std::strlen("model."));
  EXPECT_EQ(failure(), "");
  config_["tie_word_embeddings"] = false;
  EXPECT_THAT(failure(), HasSubstr("the tensor \"lm_head.weight\" (7, 8) is missing"));
}

// Eight bits with a scale for each row: without the scales they would be taken as numbers up to 127.
TEST_F(RegistryTest, RefusesIntegersWhereNumbersBelong) {
  formats::StoredTensor& weight = stored("model.layers.0.self_attn.q_proj.weight");
  weight.data = weight.data.first(weight.data.size() / sizeof(float));
  for (const DType dtype : {DType::kI8, DType::kU8}) {
    weight.dtype = dtype;
    EXPECT_THAT(failure(), HasSubstr("the tensor \"model.layers.0.self_attn.q_proj.weight\" is " +
                                     std::string(name(dtype)) + "; numbers or a block format are expected"));
  }
}

TEST_F(RegistryTest, RefusesScalesThatNobodyReads) {
  for (const char* name :
       {"self_attn.q_proj.weight_scale", "self_attn.q_proj.weight_zero_point", "self_attn.q_proj.weight.absmax",
        "self_attn.q_proj.scales", "self_attn.q_proj.qweight", "self_attn.q_proj.qzeros", "self_attn.q_proj.g_idx",
        "self_attn.q_proj.weight_scale_inv", "self_attn.q_proj.weight.quant_state.bitsandbytes__nf4",
        "self_attn.q_proj.SCB", "mlp.experts.down_proj_blocks", "self_attn.q_proj.weight_packed"}) {
    add(std::string("model.layers.0.") + name, {kWidth, 1});
    EXPECT_THAT(failure(), HasSubstr(std::string("the tensor \"model.layers.0.") + name +
                                     "\" (f32) belongs to a quantization that is not understood here"));
    tensors_.pop_back();
  }
  add("model.layers.0.self_attn.rotary_emb.inv_freq", {2});
  add("mtp.layers.0.weight", {2});
  EXPECT_EQ(failure(), "") << "what is no part of a quantization is only named in the log";
}

TEST_F(RegistryTest, RefusesAQuantizationThatIsNotUnderstood) {
  for (const Json& quantization :
       {Json{{"quant_method", "gptq"}, {"bits", 4}}, Json{{"quant_method", "awq"}}, Json{{"quant_method", "fp8"}},
        Json{{"quant_method", "bitsandbytes"}, {"load_in_4bit", true}},
        Json{{"quant_method", "bitsandbytes"}, {"load_in_4bit", false}, {"load_in_8bit", true}},
        Json{{"quant_method", "compressed-tensors"}, {"format", "int-quantized"}},
        Json{{"quant_method", "compressed-tensors"}, {"config_groups", {{"group_0", {{"weights", nullptr}}}}}},
        Json{{"quant_method", "mxfp4"}}, Json{{"bits", 8}}}) {
    EXPECT_THAT(with_quantization(quantization),
                HasSubstr("config.json has a \"quantization_config\" of the quant_method"))
        << quantization.dump();
  }
  config_.erase("quantization_config");
  config_["text_config"] = {{"quantization_config", {{"quant_method", "gptq"}}}};
  EXPECT_THAT(failure(), HasSubstr("\"gptq\""));
  config_.erase("text_config");
  config_["compression_config"] = {{"quant_method", "sparseml"}};
  EXPECT_THAT(failure(), HasSubstr("config.json has a \"compression_config\" of the quant_method \"sparseml\""));
}

TEST_F(RegistryTest, TakesAConfigurationThatQuantizesNothing) {
  EXPECT_EQ(with_quantization(nullptr), "");
  EXPECT_EQ(with_quantization(Json::object()), "");
  EXPECT_EQ(with_quantization({{"quant_method", "bitsandbytes"}, {"load_in_4bit", false}, {"load_in_8bit", false}}),
            "");
  EXPECT_EQ(with_quantization(
                {{"quant_method", "compressed-tensors"}, {"format", "dense"}, {"config_groups", Json::object()}}),
            "");
}

// An architecture whose rules put the codes together names the method.
TEST(WeightChecks, LetAnArchitectureUnderstandAMethod) {
  const Json config = {{"quantization_config", {{"quant_method", "mxfp4"}}}};
  const std::string_view understood[] = {"mxfp4"};
  EXPECT_TRUE(check_quantization(config, understood, "m").ok());
  EXPECT_FALSE(check_quantization(config, {}, "m").ok());
}

}  // namespace
}  // namespace galago::models
