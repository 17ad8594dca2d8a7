// verify_model() for models that compare texts with pictures.
#include "base/error.h"
#include "base/try.h"
#include "verify/run.h"

namespace galago::verify {
namespace {

// The inputs that come from the file: the stage that is fed (ids with their mask), or all where there are no media.
Result<std::vector<graph::NamedTensor>> given_stages(const Run& run) {
  std::vector<graph::NamedTensor> given;
  for (const char* stage : {"pixel_values", "input_ids", "attention_mask"}) {
    const bool with_ids = run.feeds("input_ids") && std::string_view(stage) == "attention_mask";
    if (run.media && !run.feeds(stage) && !with_ids) continue;
    if (run.expected.find(stage) == nullptr) continue;
    GALAGO_TRY(Tensor tensor, run.expected.tensor(stage));
    given.push_back({stage, std::move(tensor)});
  }
  return given;
}

}  // namespace

Status verify_encoder(const Run& run) {
  GALAGO_TRY(const std::vector<graph::NamedTensor> given, given_stages(run));
  if (!run.media && given.empty()) {
    return error(ErrorCode::kNotFound, "{}: neither pictures (image_0.png, ..., manifest.json) nor pixel_values",
                 run.engine.checkpoint().path().string());
  }
  GALAGO_TRY(StageExecutor executor, make_stage_executor(run));
  StageRunner runner(*executor.executor, *run.engine.programs());
  if (executor.fed.ok()) runner.feed(run.options.from, executor.fed);
  models::EncodeRequest request{.given = given};
  if (run.media) {
    request.texts = run.media->prompts;
    request.images = run.media->images;
    if (!run.media->prompts.empty() && !run.feeds("input_ids")) {
      GALAGO_TRY(request.tokenizer, run.engine.tokenizer());
    }
  }
  GALAGO_TRY(const std::vector<graph::NamedTensor> stages, run.engine.model().encode(request, runner));
  for (const graph::NamedTensor& stage : stages) {
    if (!stage.tensor.ok()) return stage.tensor.error();
    if (stage.name != "pixel_values") continue;
    GALAGO_TRY(const std::vector<float> levels, grey_levels(run.engine.model().processor()));
    GALAGO_CHECK(run.comparison.add_pixels({stage.tensor}, levels));
  }
  for (const graph::NamedTensor& stage : stages) {
    if (stage.name == "pixel_values") continue;
    GALAGO_CHECK(run.comparison.add(stage.name, stage.tensor));
  }
  return {};
}

}  // namespace galago::verify
