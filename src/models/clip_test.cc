// Each key of CLIP's configuration, by what it makes of its traced towers.
#include <gmock/gmock.h>

#include "models/invented_model_test.h"

namespace galago::models {
namespace {

std::shared_ptr<const formats::Checkpoint> clip_folder() {
  return formats::Checkpoint::open(GALAGO_SOURCE_DIR "/tests/data/goldens/multimodal/clip").value();
}

Json clip_config() {
  return parse_json(R"({"model_type": "clip", "projection_dim": 12,
      "text_config": {"vocab_size": 30, "hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 1,
                      "num_attention_heads": 2, "max_position_embeddings": 9, "eos_token_id": 7},
      "vision_config": {"hidden_size": 24, "intermediate_size": 28, "num_hidden_layers": 1, "num_attention_heads": 2,
                        "image_size": 28, "patch_size": 14}})",
                    "test")
      .value();
}

Json clip_with(const char* part, const char* key, Json value) {
  Json changed = clip_config();
  changed[part][key] = std::move(value);
  return changed;
}

TEST(Clip, FollowsItsKeys) {
  expect_keys(clip_config(), {{"projection_dim", 20, "(images, 20)"}}, clip_folder());
  for (const auto& [part, key, value, seen] :
       std::initializer_list<std::tuple<const char*, const char*, Json, const char*>>{
           {"text_config", "hidden_size", 32, "(tokens, 32)"},
           {"text_config", "intermediate_size", 22, "(tokens, 22)"},
           {"text_config", "num_hidden_layers", 2, "text_model.encoder.layers.1.mlp.fc1.weight"},
           {"text_config", "num_attention_heads", 4, "(tokens, 4, 4)"},
           {"text_config", "hidden_act", "relu", "kind=relu"},
           {"text_config", "layer_norm_eps", 0.25, "eps=0.25"},
           {"vision_config", "hidden_size", 32, "(5, 32)"},
           {"vision_config", "hidden_act", "relu", "kind=relu"},
           {"vision_config", "patch_size", 7, "(17, 24)"}}) {
    expect_keys(clip_config(), {{part, clip_with(part, key, value)[part], seen}}, clip_folder());
  }
}

TEST(Clip, HasTablesForItsTokensAndPositions) {
  const auto parameters = [](const Json& json) {
    return invent(json, clip_folder()).value()->module().parameter_count();
  };
  const auto plain = parameters(clip_config());
  EXPECT_EQ(parameters(clip_with("text_config", "vocab_size", 31)), plain + 16);
  EXPECT_EQ(parameters(clip_with("text_config", "max_position_embeddings", 11)), plain + 2 * 16);
}

// Notes which row is asked to stand for a text.
class NotesRow : public EntryRunner {
 public:
  Result<std::vector<graph::NamedTensor>> run(std::string_view entry,
                                              std::span<const graph::NamedTensor> inputs) override {
    EXPECT_EQ(entry, "encode_text");
    for (const graph::NamedTensor& input : inputs) {
      if (input.name == "pooled_row") row = *reinterpret_cast<const std::int32_t*>(input.tensor.bytes().data());
    }
    return std::vector<graph::NamedTensor>{{"text_embeds", Tensor::random({1, 12})}};
  }
  std::int32_t row = -1;
};

TEST(Clip, TakesTheRowOfItsEndToken) {
  const auto row_with = [](std::int64_t end) {
    const auto model = invent(clip_with("text_config", "eos_token_id", end), clip_folder()).value();
    const std::vector<std::int32_t> ids = {1, 5, 9, 7, 3};
    const std::vector<graph::NamedTensor> given = {
        {"input_ids", Tensor::from(std::span<const std::int32_t>(ids), {1, 5})}};
    NotesRow runner;
    const auto stages = model->encode({.texts = {}, .images = {}, .given = given}, runner);
    EXPECT_TRUE(stages.ok()) << stages.error().message;
    return runner.row;
  };
  EXPECT_EQ(row_with(7), 3);
  EXPECT_EQ(row_with(5), 1);
  EXPECT_EQ(row_with(2), 2) << "the highest id, as the first checkpoints mean it";
}

}  // namespace
}  // namespace galago::models
