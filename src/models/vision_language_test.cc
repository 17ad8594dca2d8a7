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

}  // namespace
}  // namespace galago::models
