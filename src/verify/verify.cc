#include "verify/verify.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/try.h"
#include "ops/executor.h"
#include "verify/fed_stage.h"
#include "verify/run.h"

namespace galago::verify {
namespace {

constexpr int kMostRows = 4096;  // of one prefill step
// What every expected file of a text model holds.
constexpr std::array<std::string_view, 4> kTextStages = {"input_ids", "logits", "hidden_last", "greedy_ids"};
// Stages that are inputs, and are fed without touching an entry.
constexpr std::array<std::string_view, 4> kInputStages = {"pixel_values", "input_ids", "attention_mask", "hidden_last"};

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// The rows of the prompt as far as the file tells before anything ran.
int prompt_rows(const Expected& expected) {
  const formats::StoredTensor* logits = expected.find("logits");
  const formats::StoredTensor* ids = expected.find("input_ids");
  std::int64_t rows = 256;
  if (logits != nullptr && !logits->shape.empty()) {
    rows = logits->shape[0];
  } else if (ids != nullptr && !ids->shape.empty()) {
    rows = ids->shape.back();
  }
  return static_cast<int>(std::clamp<std::int64_t>(rows, 1, kMostRows));
}

// The prompt's rows and the tokens decoded after it.
int sequence_rows(const Expected& expected) {
  const formats::StoredTensor* greedy = expected.find("greedy_ids");
  const std::int64_t decoded = greedy != nullptr && !greedy->shape.empty() ? greedy->shape.back() : 0;
  return prompt_rows(expected) + static_cast<int>(std::min<std::int64_t>(decoded, kMostRows));
}

Status check_options(const Expected& expected, const Options& options) {
  if (options.eager && options.precision != Precision::kExact) {
    return error(ErrorCode::kInvalidArgument, "eager execution is exact; leave out --eager or --precision fast");
  }
  if (options.chunk < 0 || options.chunk > kMostRows) {
    return error(ErrorCode::kInvalidArgument, "chunks of {} rows; 1 to {} are possible", options.chunk, kMostRows);
  }
  if (options.from == "logits" || options.from == "greedy_ids") {
    return error(ErrorCode::kInvalidArgument, "nothing is computed from \"{}\"", options.from);
  }
  if (!options.from.empty()) GALAGO_CHECK(expected.tensor(options.from));
  return {};
}

}  // namespace

Result<StageExecutor> make_stage_executor(const Run& run) {
  const std::string& from = run.options.from;
  StageExecutor result;
  std::optional<StagePlace> place;
  if (!from.empty() && !contains(kInputStages, from)) {
    GALAGO_TRY(place, find_stage(run.engine.model(), run.engine.limits(), from));
    GALAGO_TRY(result.fed, run.expected.tensor(from));
  }
  if (!place || place->is_output) {
    GALAGO_TRY(result.executor, run.engine.make_tapped_executor(run.options.eager));
    return result;
  }
  const FedModel variant(run.engine.model(), *place, from);
  GALAGO_TRY(auto executor, run.engine.make_tapped_executor(run.options.eager, &variant));
  result.executor = std::make_unique<FedExecutor>(std::move(executor), *place, std::move(result.fed));
  result.fed = {};
  return result;
}

Result<std::vector<float>> grey_levels(const models::Processor& processor) {
  constexpr int kSide = 32;
  std::array<Tensor, 2> pixels;
  for (int i = 0; i < 2; ++i) {
    const auto grey = static_cast<std::uint8_t>(100 + i);
    GALAGO_TRY(pixels[static_cast<std::size_t>(i)],
               processor.pixels({kSide, kSide, std::vector<std::uint8_t>(3 * kSide * kSide, grey)}));
  }
  const std::size_t plane = static_cast<std::size_t>(pixels[0].size(-1)) * static_cast<std::size_t>(pixels[0].size(-2));
  std::vector<float> levels;
  for (std::size_t at = plane / 2; plane > 0 && at < pixels[0].floats().size(); at += plane) {
    levels.push_back(pixels[1].floats()[at] - pixels[0].floats()[at]);
  }
  return levels;
}

const StageResult* Report::find(std::string_view stage) const {
  const auto found =
      std::find_if(stages.begin(), stages.end(), [stage](const StageResult& result) { return result.stage == stage; });
  return found == stages.end() ? nullptr : &*found;
}

Result<Report> verify_model(const std::filesystem::path& checkpoint, const std::filesystem::path& expected_path,
                            const Options& options) {
  GALAGO_TRY(const Expected expected, Expected::open(expected_path));
  GALAGO_CHECK(check_options(expected, options));
  ModelOptions model_options;
  model_options.precision = options.precision;
  model_options.kv = options.kv;
  model_options.n_threads = options.n_threads;
  model_options.context = sequence_rows(expected);
  model_options.prefill_chunk = options.chunk > 0 ? options.chunk : prompt_rows(expected);
  GALAGO_TRY(const auto engine, runtime::Engine::open(checkpoint, model_options));
  GALAGO_TRY(const std::optional<MediaFolder> media, MediaFolder::read(checkpoint));

  std::unique_ptr<ops::Executor> kernels;
  std::optional<ops::ExecutorScope> scope;
  if (options.eager) {
    GALAGO_TRY(kernels, runtime::make_eager_executor(engine->n_threads()));
    scope.emplace(*kernels);
  }
  StageComparison comparison(expected, options.tolerance, options.from);
  const Run run{*engine, expected, options, media, comparison};
  const bool generates = engine->model().info().vocab_size > 0;
  GALAGO_CHECK(generates ? verify_decoder(run) : verify_encoder(run));
  // Without media, the prompt's ids are an input that nobody computed.
  comparison.finish(media ? std::vector<std::string>{} : std::vector<std::string>{"input_ids", "attention_mask"});

  Report report;
  report.stages = comparison.results();
  report.passed = comparison.passed();
  const auto beyond_text = [](const formats::StoredTensor& stage) { return !contains(kTextStages, stage.name); };
  report.has_stages = media.has_value() || std::any_of(expected.stages().begin(), expected.stages().end(), beyond_text);
  report.isa = engine->description().isa;
  report.mode = options.eager ? "eager" : "compiled";
  if (report.stages.empty()) {
    return error(ErrorCode::kInvalidArgument,
                 "{}: holds nothing to compare; logits, hidden_last or greedy_ids would do", expected_path.string());
  }
  return report;
}

}  // namespace galago::verify
