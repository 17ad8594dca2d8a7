// verify_model() for models that generate text, with pictures in the prompt or without.
#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/try.h"
#include "runtime/prompt_rows.h"
#include "runtime/stepper.h"
#include "verify/run.h"

namespace galago::verify {
namespace {

// What one reading of the prompt gives.
struct Reading {
  std::vector<float> hidden;  // (tokens, hidden_size)
  std::vector<graph::NamedTensor> taps;
};

// Replaces the preprocessed pixels by those of the file, one picture after the other.
Status feed_pixels(const Run& run, std::vector<models::EncoderRun>& encoders) {
  GALAGO_TRY(const Tensor pixels, run.expected.tensor("pixel_values"));
  std::size_t at = 0;
  for (models::EncoderRun& encoder : encoders) {
    Tensor& input = encoder.inputs[0].tensor;
    const std::size_t n = input.floats().size();
    if (at + n > pixels.floats().size()) {
      return error(ErrorCode::kInvalidArgument, "{}: \"pixel_values\" has the shape {}; {} pictures of {} are expected",
                   run.expected.path().string(), pixels.shape().to_string(), encoders.size(),
                   input.shape().to_string());
    }
    input = Tensor::from(pixels.floats().subspan(at, n), input.shape());
    at += n;
  }
  return {};
}

// Replaces the ids by those of the file. Negative ones stand where a picture's rows go.
Status feed_ids(const Run& run, models::PreparedPrompt& prompt) {
  GALAGO_TRY(std::vector<std::int32_t> ids, run.expected.ids("input_ids"));
  std::int32_t row = 0;
  const bool marked = std::any_of(ids.begin(), ids.end(), [](std::int32_t id) { return id < 0; });
  if (marked) {
    prompt.splice_index.clear();
    for (std::int32_t& id : ids) {
      prompt.splice_index.push_back(id < 0 ? row++ : -1);
      id = std::max(id, 0);
    }
  } else if (ids.size() != prompt.ids.size()) {
    return error(ErrorCode::kInvalidArgument, "{}: {} input_ids; the prompt has {}", run.expected.path().string(),
                 ids.size(), prompt.ids.size());
  }
  prompt.ids = std::move(ids);
  return {};
}

// The prompt of the media folder, with the stages of its preparation compared.
Result<models::PreparedPrompt> prepare_media(const Run& run) {
  if (run.media->prompts.size() != 1) {
    return error(ErrorCode::kCorrupt, "{}: manifest.json has {} prompts; this model takes one",
                 run.engine.checkpoint().path().string(), run.media->prompts.size());
  }
  GALAGO_TRY(const text::Tokenizer* tokenizer, run.engine.tokenizer());
  const models::Processor& processor = run.engine.model().processor();
  GALAGO_TRY(models::PreparedPrompt prompt,
             processor.prepare(*tokenizer, run.media->prompts[0], run.media->images, /*add_special=*/true));
  std::vector<Tensor> pictures;
  for (const models::EncoderRun& encoder : prompt.encoders) pictures.push_back(encoder.inputs[0].tensor);
  if (!pictures.empty()) {
    GALAGO_TRY(const std::vector<float> levels, grey_levels(processor));
    GALAGO_CHECK(run.comparison.add_pixels(pictures, levels));
  }
  for (const auto& [stage, tensor] : prompt.stages) GALAGO_CHECK(run.comparison.add(stage, tensor));
  if (run.feeds("pixel_values")) GALAGO_CHECK(feed_pixels(run, prompt.encoders));
  if (run.feeds("input_ids")) GALAGO_CHECK(feed_ids(run, prompt));
  return prompt;
}

Result<models::PreparedPrompt> prepare(const Run& run) {
  if (run.media) return prepare_media(run);
  models::PreparedPrompt prompt;
  GALAGO_TRY(prompt.ids, run.expected.ids("input_ids"));
  if (prompt.ids.empty()) {
    return error(ErrorCode::kCorrupt, "{}: \"input_ids\" is empty", run.expected.path().string());
  }
  return prompt;
}

// A decoder with one sequence.
class Reader {
 public:
  static Result<std::unique_ptr<Reader>> create(const Run& run, StageExecutor executor,
                                                const models::PreparedPrompt& prompt) {
    std::unique_ptr<Reader> reader(new Reader(run, prompt, std::move(executor.fed)));
    const formats::StoredTensor* greedy = run.expected.find("greedy_ids");
    const std::int64_t more = greedy == nullptr || greedy->shape.empty() ? 0 : greedy->shape.back();
    GALAGO_TRY(reader->store_, run.engine.make_state(static_cast<std::int64_t>(prompt.ids.size()) + more));
    reader->sequence_.emplace(*reader->store_);
    GALAGO_TRY(reader->stepper_, runtime::Stepper::create(run.engine.model(), std::move(executor.executor),
                                                          *reader->store_, run.engine.limits(), 1));
    return reader;
  }

  // Runs the encoders, without which nothing can be read. Their stages, each once for every run, are appended to
  // `stages` where that is given.
  Status encode(std::vector<std::pair<std::string, std::vector<Tensor>>>* stages) {
    StageRunner runner(stepper_->executor(), *run_.engine.programs());
    if (fed_.ok()) runner.feed(run_.options.from, fed_);
    std::vector<runtime::EncodedMediaPtr> media;
    for (const models::EncoderRun& encoder : prompt_.encoders) {
      runtime::EncodedMedia item{.mark = media.size(), .n_rows = encoder.rows};
      const std::vector<std::string>& plain = runner.plain_outputs(encoder.entry);
      GALAGO_TRY(const auto outputs, runner.run(encoder.entry, encoder.inputs));
      for (const graph::NamedTensor& output : outputs) {
        if (std::find(plain.begin(), plain.end(), output.name) != plain.end()) {
          const std::vector<float> rows(output.tensor.floats().begin(), output.tensor.floats().end());
          if (output.name == plain.front())
            item.rows = rows;
          else
            item.further.push_back({output.name, rows});
        }
        if (stages == nullptr) continue;
        const auto known = std::find_if(stages->begin(), stages->end(),
                                        [&output](const auto& stage) { return stage.first == output.name; });
        if (known == stages->end())
          stages->push_back({output.name, {output.tensor}});
        else
          known->second.push_back(output.tensor);
      }
      media.push_back(std::make_shared<const runtime::EncodedMedia>(std::move(item)));
    }
    GALAGO_TRY(rows_, runtime::PromptRows::create(prompt_, std::move(media), run_.engine.model().info()));
    return {};
  }

  Result<Reading> read() {
    Reading reading;
    std::vector<std::vector<float>> taps;
    runtime::EntryExecutor& executor = stepper_->executor();
    const int prefill = executor.find("prefill");
    const auto step = static_cast<std::size_t>(stepper_->max_prefill_rows());
    for (std::size_t at = 0; at < prompt_.ids.size(); at += step) {
      const std::size_t n = std::min(step, prompt_.ids.size() - at);
      runtime::StepPart part =
          rows_.part(*sequence_, static_cast<std::int64_t>(at), static_cast<std::int64_t>(n), stepper_->prefill_rows());
      part.wants_all = true;
      GALAGO_TRY(const std::span<const float> hidden, stepper_->prefill(std::span(&part, 1)));
      reading.hidden.insert(reading.hidden.end(), hidden.begin(), hidden.end());
      taps.resize(executor.output_names(prefill).size());
      for (std::size_t i = 1; i < taps.size(); ++i) {
        const std::span<const float> rows = executor.output(prefill, static_cast<int>(i));
        taps[i].insert(taps[i].end(), rows.begin(), rows.end());
      }
    }
    const auto rows = static_cast<std::int64_t>(prompt_.ids.size());
    for (std::size_t i = 1; i < taps.size(); ++i) {
      const auto width = static_cast<std::int64_t>(taps[i].size()) / rows;
      reading.taps.push_back(
          {executor.output_names(prefill)[i], Tensor::from(std::span<const float>(taps[i]), {rows, width})});
    }
    return reading;
  }

  // Logits of all rows, in pieces that the head takes.
  Result<std::vector<float>> logits(std::span<const float> hidden) {
    std::vector<float> all;
    const auto piece = static_cast<std::size_t>(stepper_->max_decode_rows() * stepper_->hidden_size());
    for (std::size_t at = 0; at < hidden.size(); at += piece) {
      GALAGO_TRY(const auto rows, stepper_->head(hidden.subspan(at, std::min(piece, hidden.size() - at))));
      all.insert(all.end(), rows.begin(), rows.end());
    }
    return all;
  }

  Result<std::span<const float>> decode(std::int32_t token) {
    rows_.push(token);
    const runtime::StepPart& part = rows_.part(*sequence_, rows_.size() - 1, 1, stepper_->decode_rows());
    return stepper_->decode(std::span(&part, 1));
  }

  std::int64_t hidden_size() const { return stepper_->hidden_size(); }
  std::int64_t vocab_size() const { return stepper_->vocab_size(); }

 private:
  Reader(const Run& run, const models::PreparedPrompt& prompt, Tensor fed)
      : run_(run), prompt_(prompt), fed_(std::move(fed)) {}

  const Run& run_;
  const models::PreparedPrompt& prompt_;
  Tensor fed_;
  runtime::PromptRows rows_;
  std::optional<runtime::StateStore> store_;
  std::optional<runtime::Sequence> sequence_;
  std::optional<runtime::Stepper> stepper_;
};

std::size_t argmax(std::span<const float> logits) {
  return static_cast<std::size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

// Decodes along the expected tokens. With f32 arithmetic each must be the likeliest; with int8 activations it may lose
// by what the tolerance lets two logits move.
Status compare_greedy(const Run& run, Reader& reader, std::vector<float> logits) {
  if (run.expected.find("greedy_ids") == nullptr) return {};
  GALAGO_TRY(const std::vector<std::int32_t> expected, run.expected.ids("greedy_ids"));
  const bool exact = run.options.precision == Precision::kExact;
  const double slack = exact ? 0.0 : 2 * run.options.tolerance * standard_deviation(logits);
  const auto vocab = static_cast<std::size_t>(reader.vocab_size());
  StageResult result{"greedy_ids", 0.0, ""};
  std::vector<float> row(logits.end() - static_cast<std::ptrdiff_t>(vocab), logits.end());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto wanted = static_cast<std::size_t>(expected[i]);
    if (wanted >= vocab) {
      return error(ErrorCode::kCorrupt, "{}: greedy_ids holds {}, outside of the vocabulary of {}",
                   run.expected.path().string(), expected[i], vocab);
    }
    const std::size_t found = argmax(row);
    if (found != wanted) {
      *result.error += 1;
      const double lost = static_cast<double>(row[found]) - static_cast<double>(row[wanted]);
      if (result.problem.empty() && !(lost <= slack && lost >= 0 && !exact)) {
        result.problem =
            fmt::format("token {} is {} where {} is expected (its logit is {:.3g} lower)", i, found, wanted, lost);
      }
    }
    if (i + 1 == expected.size()) break;
    GALAGO_TRY(const std::span<const float> next, reader.decode(expected[i]));
    row.assign(next.begin(), next.end());
  }
  run.comparison.add_result(std::move(result));
  return {};
}

// The stages after the last layer.
Status compare_end(const Run& run, Reader& reader, Reading reading) {
  const Shape hidden = {static_cast<std::int64_t>(reading.hidden.size()) / reader.hidden_size(), reader.hidden_size()};
  GALAGO_CHECK(run.comparison.add("hidden_last", Tensor::from(std::span<const float>(reading.hidden), hidden)));
  if (run.feeds("hidden_last")) {
    GALAGO_TRY(const Tensor fed, run.expected.tensor("hidden_last"));
    if (fed.floats().size() != reading.hidden.size()) {
      return error(ErrorCode::kInvalidArgument, "{}: \"hidden_last\" has the shape {}; {} is expected",
                   run.expected.path().string(), fed.shape().to_string(), hidden.to_string());
    }
    reading.hidden.assign(fed.floats().begin(), fed.floats().end());
  }
  GALAGO_TRY(std::vector<float> logits, reader.logits(reading.hidden));
  GALAGO_CHECK(
      run.comparison.add("logits", Tensor::from(std::span<const float>(logits), {hidden.dim(0), reader.vocab_size()})));
  return compare_greedy(run, reader, std::move(logits));
}

bool holds_inner_stages(const Expected& expected) {
  constexpr std::array<std::string_view, 7> kOuter = {
      "pixel_values", "input_ids", "attention_mask", "input_ids_unexpanded", "hidden_last", "logits", "greedy_ids"};
  return std::any_of(expected.stages().begin(), expected.stages().end(), [&](const formats::StoredTensor& stage) {
    return std::find(kOuter.begin(), kOuter.end(), stage.name) == kOuter.end();
  });
}

}  // namespace

Status verify_decoder(const Run& run) {
  GALAGO_TRY(const models::PreparedPrompt prompt, prepare(run));
  const bool from_inside = !run.options.from.empty();
  const bool ends_here = run.options.eager || from_inside;
  if (ends_here || holds_inner_stages(run.expected)) {
    GALAGO_TRY(StageExecutor executor, make_stage_executor(run));
    GALAGO_TRY(const std::unique_ptr<Reader> reader, Reader::create(run, std::move(executor), prompt));
    std::vector<std::pair<std::string, std::vector<Tensor>>> stages;
    GALAGO_CHECK(reader->encode(&stages));
    for (const auto& [stage, tensors] : stages) GALAGO_CHECK(run.comparison.add(stage, tensors));
    GALAGO_TRY(Reading reading, reader->read());
    for (const graph::NamedTensor& tap : reading.taps) GALAGO_CHECK(run.comparison.add(tap.name, tap.tensor));
    if (ends_here) return compare_end(run, *reader, std::move(reading));
  }
  // The end is that of the programs that users run: intermediate stages are in the way of the passes.
  StageExecutor plain;
  GALAGO_TRY(plain.executor, run.engine.make_executor());
  GALAGO_TRY(const std::unique_ptr<Reader> reader, Reader::create(run, std::move(plain), prompt));
  GALAGO_CHECK(reader->encode(nullptr));
  GALAGO_TRY(Reading reading, reader->read());
  return compare_end(run, *reader, std::move(reading));
}

}  // namespace galago::verify
