// Parameters found by rules in a checkpoint: the first rule that applies, and what was asked for.
#include "models/model_source.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <deque>
#include <filesystem>
#include <fstream>

#include "formats/safetensors_writer.h"
#include "models/tensor_transforms.h"

namespace galago::models {
namespace {

using ::testing::HasSubstr;

class CheckpointWeightsTest : public ::testing::Test {
 protected:
  CheckpointWeightsTest() { std::filesystem::create_directories(folder_); }
  ~CheckpointWeightsTest() override { std::filesystem::remove_all(folder_); }

  void add(std::string name, std::vector<std::int64_t> shape, DType dtype = DType::kF32) {
    std::size_t bytes = static_cast<std::size_t>(info(dtype).block_bytes);
    for (const std::int64_t size : shape) bytes *= static_cast<std::size_t>(size);
    auto& data = data_.emplace_back(bytes, std::byte{1});
    tensors_.push_back({.name = std::move(name), .dtype = dtype, .shape = std::move(shape), .data = data});
  }
  CheckpointWeights weights(TensorRules rules) {
    std::ofstream(folder_ / "config.json") << R"({"model_type": "test"})";
    EXPECT_TRUE(formats::write_safetensors(folder_ / "model.safetensors", tensors_).ok());
    return {formats::Checkpoint::open(folder_).value(), std::move(rules), Json::object()};
  }
  // The type, "absent", or the error.
  static std::string found(const CheckpointWeights& weights, std::string_view name) {
    const auto tensor = weights.find(name);
    if (!tensor.ok()) return tensor.error().message;
    return *tensor ? (*tensor)->type().to_string() : "absent";
  }
  static std::string unread(const CheckpointWeights& weights) {
    const Status status = weights.check_unread();
    return status.ok() ? "" : status.error().message;
  }

  std::filesystem::path folder_ =
      std::filesystem::path(::testing::TempDir()) / ("galago_model_source_" + std::to_string(::getpid()));
  std::vector<formats::StoredTensor> tensors_;
  std::deque<std::vector<std::byte>> data_;
};

// Mixtral's names and a fused file's, by one list.
TEST_F(CheckpointWeightsTest, TakeTheFirstRuleWhoseSourcesAreThere) {
  const TensorRules rules = {
      {"layers.{}.gate", {"blk.{}.gate_exps"}, {}, Container::kGguf},
      {"layers.{}.gate", {"layers.{}.experts.{n}.w1"}, transforms::stacked()},
      {"layers.{}.gate", {"layers.{}.gate_up"}, transforms::of_each(transforms::equal_piece(0, 2))},
      {"old.{*}", {"new.{}"}},
  };
  add("blk.0.gate_exps", {9, 9, 9});
  for (const char* name : {"layers.0.experts.0.w1", "layers.0.experts.1.w1"}) add(name, {4, 8});
  add("layers.1.gate_up", {3, 8, 8});
  add("new.norm", {8});
  add("model.own", {5});
  add("bare", {6});
  const CheckpointWeights source = weights(rules);
  EXPECT_EQ(found(source, "layers.0.gate"), "f32 (2, 4, 8)") << "not the rule for another container";
  EXPECT_EQ(found(source, "layers.1.gate"), "f32 (3, 4, 8)");
  EXPECT_EQ(found(source, "layers.2.gate"), "absent");
  EXPECT_EQ(found(source, "old.norm"), "f32 (8)");
  EXPECT_EQ(found(source, "model.own"), "f32 (5)");
  EXPECT_EQ(found(source, "model.bare"), "f32 (6)") << "of a base model";
  EXPECT_EQ(found(source, "other.bare"), "absent");
}

// MXFP4 is refused until rules claim its codes and exponents; then nothing is unread.
TEST_F(CheckpointWeightsTest, TakeIntegersOnlyForRulesThatWantThem) {
  add("down_proj_blocks", {2, 3, 1, 16}, DType::kU8);
  add("down_proj_scales", {2, 3, 1}, DType::kU8);
  TensorRule rule{"down.weight", {"down_proj_blocks", "down_proj_scales"}, transforms::mxfp4()};
  const CheckpointWeights refusing = weights({rule});
  EXPECT_THAT(found(refusing, "down.weight"), HasSubstr("the tensor \"down_proj_blocks\" is u8"));
  EXPECT_THAT(unread(refusing), HasSubstr("belongs to a quantization that is not understood here"));
  rule.takes_integers = true;
  const CheckpointWeights taking = weights({rule});
  EXPECT_EQ(found(taking, "down.weight"), "mxfp4 (2, 3, 32)");
  EXPECT_EQ(unread(taking), "");
}

}  // namespace
}  // namespace galago::models
