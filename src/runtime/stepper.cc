#include "runtime/stepper.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/try.h"
#include "graph/symbol_binding.h"

namespace galago::runtime {

Result<Stepper> Stepper::create(const models::Model& model, std::unique_ptr<EntryExecutor> executor, StateStore& store,
                                const models::EntryLimits& limits, int max_sequences) {
  const models::ModelInfo& info = model.info();
  const int head = executor->find("head");
  if (head < 0 || executor->find("prefill") < 0 || executor->find("decode") < 0) {
    return error(ErrorCode::kUnsupported, "{} is an encoder and generates no text", info.architecture);
  }
  const std::vector<graph::TraceInput>& head_inputs = executor->inputs(head);
  if (head_inputs.size() != 1 || head_inputs[0].name != "hidden") {
    return error(ErrorCode::kUnsupported, "head: its only input is to be \"hidden\"; it takes {}, the first \"{}\"",
                 head_inputs.size(), head_inputs.empty() ? "" : head_inputs[0].name);
  }
  GALAGO_TRY(StepInputs prefill, StepInputs::create(*executor, "prefill", info, limits.prefill_tokens));
  GALAGO_TRY(StepInputs decode, StepInputs::create(*executor, "decode", info, limits.decode_tokens));
  Stepper stepper(std::move(prefill), std::move(decode));
  stepper.head_ = head;
  stepper.head_symbols_.resize(executor->symbols(head).size());
  stepper.limits_ = limits;
  stepper.hidden_size_ = info.hidden_size;
  stepper.vocab_size_ = info.vocab_size;
  stepper.executor_ = std::move(executor);
  const auto rows = static_cast<std::size_t>(std::max(limits.prefill_tokens, limits.decode_tokens));
  stepper.tables_.emplace(store, static_cast<int>(rows), max_sequences);
  stepper.head_input_.reserve(static_cast<std::size_t>(limits.decode_tokens) *
                              static_cast<std::size_t>(stepper.hidden_size_));
  return stepper;
}

// Reserves the parts' places in the state and says where they are.
Status Stepper::lay_out(std::span<const StepPart> parts) {
  tables_->clear();
  for (const StepPart& part : parts) {
    const auto n = static_cast<std::int64_t>(part.ids.size());
    GALAGO_CHECK(part.sequence->reserve(n));
    tables_->add(*part.sequence, n);
  }
  view_ = tables_->view();
  return {};
}

// Appends the parts' rows to their sequences; the entry's first output.
Result<std::span<const float>> Stepper::run(StepInputs& inputs, std::span<const StepPart> parts) {
  GALAGO_CHECK(inputs.gather(parts));
  GALAGO_CHECK(lay_out(parts));
  GALAGO_CHECK(inputs.run(*executor_, view_));
  for (const StepPart& part : parts) {
    part.sequence->advance(static_cast<std::int64_t>(part.ids.size()), part.positions);
  }
  return executor_->output(inputs.entry(), 0);
}

Result<std::span<const float>> Stepper::prefill(std::span<const StepPart> parts) { return run(prefill_, parts); }

Result<std::span<const float>> Stepper::decode(std::span<const StepPart> parts) { return run(decode_, parts); }

Result<std::span<const float>> Stepper::head(std::span<const float> hidden) {
  const std::size_t rows = hidden.size() / static_cast<std::size_t>(hidden_size_);
  if (rows == 0 || rows > static_cast<std::size_t>(limits_.decode_tokens)) {
    return error(ErrorCode::kOutOfRange, "logits of {} rows; 1 to {} are possible at once", rows,
                 limits_.decode_tokens);
  }
  // A copy, because `hidden` usually lies in the arena that the head runs in.
  head_input_.assign(hidden.begin(), hidden.end());
  const std::array sizes = {static_cast<std::int64_t>(rows), hidden_size_};
  GALAGO_CHECK(graph::bind_symbols("head", executor_->inputs(head_), executor_->symbols(head_), sizes, head_symbols_));
  const std::array inputs = {reinterpret_cast<const std::byte*>(head_input_.data())};
  GALAGO_CHECK(executor_->run(head_, head_symbols_, inputs, nullptr));
  return executor_->output(head_, 0);
}

Status Stepper::write_static(std::string_view entry, Sequence& sequence, std::span<const float> rows) {
  const int number = executor_->find(entry);
  if (number < 0) return error(ErrorCode::kNotFound, "the model has no entry \"{}\"", entry);
  const std::vector<graph::TraceInput>& inputs = executor_->inputs(number);
  const auto is_rows = [](const TensorType& type) {
    return type.dtype == DType::kF32 && type.shape.rank() == 2 && type.shape.dim(1).is_constant();
  };
  if (inputs.size() != 1 || !is_rows(inputs[0].type)) {
    return error(ErrorCode::kUnsupported, "{}: its only input is to be f32 (tokens, width); it takes {}, the first {}",
                 entry, inputs.size(), inputs.empty() ? "" : inputs[0].type.to_string());
  }
  const std::int64_t most = inputs[0].type.shape.dim(0).bound(), width = inputs[0].type.shape.dim(1).bound();
  const auto floats = static_cast<std::int64_t>(rows.size());
  if (most < 1 || width < 1 || floats % width != 0) {
    return error(ErrorCode::kInvalidArgument, "{}: {} numbers are no rows of {}", entry, floats, width);
  }
  std::vector<std::int64_t> symbols(executor_->symbols(number).size());
  for (std::int64_t at = 0, n = 0; at < floats / width; at += n) {
    n = std::min(most, floats / width - at);
    GALAGO_CHECK(sequence.reserve_static(n));
    tables_->clear();
    tables_->add_static(sequence, n);
    view_ = tables_->view();
    const std::array sizes = {n, width};
    GALAGO_CHECK(graph::bind_symbols(entry, inputs, executor_->symbols(number), sizes, symbols));
    const std::array data = {reinterpret_cast<const std::byte*>(rows.data() + at * width)};
    GALAGO_CHECK(executor_->run(number, symbols, data, &view_));
    sequence.advance_static(n);
  }
  return {};
}

Result<std::span<const float>> Stepper::prefill_all(const StepPart& part, int chunk) {
  if (part.ids.empty()) return error(ErrorCode::kInvalidArgument, "a prompt without tokens has no logits");
  const std::int64_t most = std::clamp(chunk, 1, limits_.prefill_tokens);
  std::span<const float> hidden;
  for (std::size_t at = 0; at < part.ids.size();) {
    const auto left = static_cast<std::int64_t>(part.ids.size() - at);
    const auto n = static_cast<std::size_t>(part.sequence->step_rows(left, most));
    const StepPart& rows = slice_.of(part, at, n);
    GALAGO_TRY(hidden, prefill(std::span(&rows, 1)));
    at += n;
  }
  part.sequence->mark();
  return head(hidden.last(static_cast<std::size_t>(hidden_size_)));
}

}  // namespace galago::runtime
