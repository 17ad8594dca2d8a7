// Each key that models that see read, by what it makes of their traced entries.
#include "models/vision_language.h"

#include <gtest/gtest.h>

#include "models/invented_model_test.h"

namespace galago::models {
namespace {

// What is read beside the configuration: the tower's and the preprocessor's.
std::shared_ptr<const formats::Checkpoint> folder() {
  return formats::Checkpoint::open(GALAGO_SOURCE_DIR "/tests/data/goldens/multimodal/mobilevlm_v2").value();
}

TEST(VisionLanguage, OriginalLlavaFollowsItsKeys) {
  Json base = folder()->config();
  base["model_type"] = "llava_llama";
  base["mm_projector_type"] = "linear";
  base["mm_vision_select_layer"] = -1;
  // Of three layers of the tower. A slice from row 1 on leaves the class token out.
  expect_keys(base,
              {{"mm_vision_select_feature", "cls_patch", "-start=1"},
               {"mm_vision_select_layer", -2, "-encoder.layers.2.mlp.fc1.weight"},
               {"mm_projector_type", "mlp2x_gelu", "mm_projector.2.weight"},
               {"image_aspect_ratio", "anyres", "LLaVA-NeXT"},
               {"mm_vision_select_feature", "class", "cls_patch are known here"},
               {"mm_vision_select_layer", 9, "\"mm_vision_select_layer\" is 9"},
               {"mm_projector_type", "wishful", "the projector \"wishful\""}},
              folder());
}

TEST(VisionLanguage, LlavaFollowsItsKeys) {
  Json base = parse_json(R"({"model_type": "llava", "image_token_index": 30,
      "text_config": {"vocab_size": 40, "hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 1,
                      "num_attention_heads": 2},
      "vision_config": {"hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 3, "num_attention_heads": 2,
                        "image_size": 28, "patch_size": 14}})",
                         "test")
                  .value();
  expect_keys(base,
              {{"vision_feature_select_strategy", "full", "-start=1"},
               {"vision_feature_layer", -1, "encoder.layers.2.mlp.fc1.weight"},
               {"projector_hidden_act", "relu", "kind=relu"},
               {"tie_word_embeddings", true, "-language_model.lm_head.weight"},
               {"image_token_id", 40, "\"image_token_id\" is 40"},
               {"image_token_index", 40, "\"image_token_index\" is 40"},
               {"vision_feature_select_strategy", "some", "full are known here"},
               {"vision_feature_layer", -5, "\"vision_feature_layer\" is -5"},
               {"vision_config", nullptr, "lacks \"vision_config\""},
               {"text_config", nullptr, "lacks \"text_config\""}},
              folder());
  Json vision = base["vision_config"];
  for (const auto& [key, value, part] : std::initializer_list<ModelKey>{{"hidden_act", "relu", "kind=relu"},
                                                                        {"layer_norm_eps", 0.25, "eps=0.25"},
                                                                        {"intermediate_size", 24, "(5, 24)"},
                                                                        {"image_size", 42, "(10, 16)"},
                                                                        {"patch_size", 7, "(17, 16)"},
                                                                        {"num_channels", 1, "\"num_channels\" is 1"},
                                                                        {"num_attention_heads", 3, "3 heads"}}) {
    Json changed = vision;
    changed[key] = value;
    expect_keys(base, {{"vision_config", changed, part}}, folder());
  }
}

// What the original code's keys say beside the layers, read with the files of a folder.
Result<VisionLanguageConfig> mm_config_with(const char* golden, const Json& keys) {
  const auto checkpoint = formats::Checkpoint::open(std::string(GALAGO_SOURCE_DIR "/tests/data/goldens/") + golden);
  Json config = (*checkpoint)->config();
  for (const auto& [key, value] : keys.items()) config[key] = value;
  const std::map<std::string, Tensor> none;
  return mm_config({.checkpoint = *checkpoint, .config = config, .weights = std::make_unique<InventedWeights>(none)});
}

// A folder without vision_tower/.
TEST(VisionLanguage, KnowsPublishedTowersByName) {
  const auto small = mm_config_with("text/smollm2", {{"mm_vision_tower", "openai/clip-vit-large-patch14"}});
  ASSERT_TRUE(small.ok()) << small.error().message;
  EXPECT_EQ(small->vision.image_size, 224);
  EXPECT_EQ(small->vision.patch_size, 14);
  EXPECT_EQ(small->vision.encoder.hidden_size, 1024);
  EXPECT_EQ(small->vision.encoder.intermediate_size, 4096);
  EXPECT_EQ(small->vision.encoder.n_layers, 24);
  EXPECT_EQ(small->vision.encoder.n_heads, 16);
  EXPECT_EQ(small->pixels.crop_size, (media::Size{224, 224}));
  EXPECT_EQ(small->rows_per_image, 256);
  const auto large = mm_config_with("text/smollm2", {{"mm_vision_tower", "openai/clip-vit-large-patch14-336"},
                                                     {"mm_vision_select_feature", "cls_patch"}});
  ASSERT_TRUE(large.ok()) << large.error().message;
  EXPECT_EQ(large->vision.image_size, 336);
  EXPECT_EQ(large->pixels.size.shortest_edge, 336);
  EXPECT_EQ(large->rows_per_image, 577) << "the class token's row, too";
  EXPECT_NE(mm_config_with("text/smollm2", {{"mm_vision_tower", "a/b"}})
                .error()
                .message.find("the vision tower \"a/b\" is described nowhere"),
            std::string::npos);
}

TEST(VisionLanguage, PadsPicturesWhereTheKeySaysSo) {
  const Image wide{40, 20, std::vector<std::uint8_t>(40 * 20 * 3, 255)};
  const auto pixels_with = [&wide](const Json& aspect) {
    const auto config = mm_config_with("multimodal/mobilevlm_v2", {{"image_aspect_ratio", aspect}});
    const Tensor pixels = SpliceProcessor(config.value()).pixels(wide).value();
    return std::vector<float>(pixels.floats().begin(), pixels.floats().end());
  };
  EXPECT_NE(pixels_with("pad"), pixels_with("square"));
  EXPECT_EQ(pixels_with(nullptr), pixels_with("square"));
}

TEST(VisionLanguage, MobileVlmNamesWhatItCannotProject) {
  const auto refusal = [](const char* key, const char* value) {
    Json config = folder()->config();
    config[key] = value;
    return traced(config, folder());
  };
  EXPECT_NE(refusal("mm_projector_type", "linear").find("\"linear\" (mm_projector_type) is not supported; ldpnetv2"),
            std::string::npos);
  EXPECT_NE(refusal("mm_vision_select_feature", "cls_patch").find("LDPv2 takes patches alone"), std::string::npos);
}

}  // namespace
}  // namespace galago::models
