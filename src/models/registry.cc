#include "models/registry.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/try.h"
#include "models/weight_checks.h"

namespace galago::models {

#define GALAGO_MODEL(name) const Architecture& name##_architecture();
#include "models/models.def"
#undef GALAGO_MODEL

namespace {

bool contains(const std::vector<std::string_view>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Error unknown_architecture(const formats::Checkpoint& checkpoint) {
  std::vector<std::string_view> known;
  const bool gguf = checkpoint.format() == formats::ContainerFormat::kGguf;
  for (const Architecture* architecture : architectures()) {
    const auto& names = gguf ? architecture->gguf_names : architecture->model_types;
    known.insert(known.end(), names.begin(), names.end());
  }
  return error(ErrorCode::kUnsupported, "{}: the architecture \"{}\" is not known here; {} are",
               checkpoint.path().string(), checkpoint.architecture(), fmt::join(known, ", "));
}

}  // namespace

std::span<const Architecture* const> architectures() {
  static const std::array kAll = {
#define GALAGO_MODEL(name) &name##_architecture(),
#include "models/models.def"
#undef GALAGO_MODEL
  };
  return kAll;
}

Result<std::unique_ptr<Model>> build_model(std::shared_ptr<const formats::Checkpoint> checkpoint,
                                           std::int64_t sequence_length) {
  const bool gguf = checkpoint->format() == formats::ContainerFormat::kGguf;
  for (const Architecture* architecture : architectures()) {
    if (!contains(gguf ? architecture->gguf_names : architecture->model_types, checkpoint->architecture())) continue;
    ModelSource source{.checkpoint = checkpoint, .config = checkpoint->config(), .sequence_length = sequence_length};
    if (gguf) {
      GgufKeys keys(*checkpoint);
      GALAGO_TRY(source.config, architecture->gguf_config(keys));
      GALAGO_CHECK(keys.refuse_unread());
    }
    GALAGO_CHECK(check_quantization(source.config, architecture->quantizations, checkpoint->path().string()));
    auto weights = std::make_unique<CheckpointWeights>(checkpoint, architecture->rules, source.config);
    const CheckpointWeights& asked = *weights;
    source.weights = std::move(weights);
    GALAGO_TRY(auto model, architecture->build(source));
    GALAGO_CHECK(asked.check_unread());
    return model;
  }
  return unknown_architecture(*checkpoint);
}

}  // namespace galago::models
