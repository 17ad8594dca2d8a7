#include "runtime/stepper.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/try.h"

namespace galago::runtime {

Result<Stepper> Stepper::create(const models::Model& model, std::unique_ptr<EntryExecutor> executor, StateStore& store,
                                const models::EntryLimits& limits, int max_sequences) {
  Stepper stepper;
  stepper.prefill_ = executor->find("prefill");
  stepper.head_ = executor->find("head");
  stepper.decode_ = executor->find("decode");
  if (stepper.prefill_ < 0 || stepper.head_ < 0 || stepper.decode_ < 0) {
    return error(ErrorCode::kUnsupported, "{} is an encoder and generates no text", model.info().architecture);
  }
  stepper.limits_ = limits;
  stepper.hidden_size_ = model.info().hidden_size;
  stepper.vocab_size_ = model.info().vocab_size;
  stepper.axes_ = model.info().position_axes;
  stepper.takes_media_ = executor->inputs(stepper.prefill_).size() > 3;
  stepper.executor_ = std::move(executor);
  const auto rows = static_cast<std::size_t>(std::max(limits.prefill_tokens, limits.decode_tokens));
  for (auto* buffer : {&stepper.ids_, &stepper.splice_, &stepper.wanted_}) buffer->reserve(rows);
  stepper.positions_.reserve(rows * static_cast<std::size_t>(stepper.axes_));
  stepper.tables_.emplace(store, static_cast<int>(rows), max_sequences);
  if (stepper.takes_media_) stepper.media_.reserve(rows * static_cast<std::size_t>(stepper.hidden_size_));
  stepper.head_input_.reserve(static_cast<std::size_t>(limits.decode_tokens) *
                              static_cast<std::size_t>(stepper.hidden_size_));
  stepper.symbols_.reserve(8);
  return stepper;
}

// Lays the parts' rows one after the other and reserves their places in the state.
Status Stepper::gather(std::span<const StepPart> parts, int most_rows) {
  for (auto* buffer : {&ids_, &splice_, &wanted_}) buffer->clear();
  tables_->clear();
  std::size_t rows = 0;
  for (const StepPart& part : parts) rows += part.ids.size();
  if (rows == 0 || rows > static_cast<std::size_t>(most_rows)) {
    return error(ErrorCode::kOutOfRange, "a step of {} rows; 1 to {} are possible", rows, most_rows);
  }
  for (const StepPart& part : parts) {
    GALAGO_CHECK(part.sequence->reserve(static_cast<std::int64_t>(part.ids.size())));
    for (std::size_t i = 0; i < part.ids.size(); ++i) {
      const std::int32_t id = part.ids[i];
      if (id < 0 || id >= vocab_size_) {
        return error(ErrorCode::kInvalidArgument, "the token {} is outside of the vocabulary of {}", id, vocab_size_);
      }
      if (part.wants_all || i + 1 == part.ids.size()) wanted_.push_back(static_cast<std::int32_t>(ids_.size()));
      ids_.push_back(id);
    }
    tables_->add(*part.sequence, static_cast<std::int64_t>(part.ids.size()));
  }
  positions_.clear();
  for (int axis = 0; axis < axes_; ++axis) {
    positions_.insert(positions_.end(), tables_->positions().begin(), tables_->positions().end());
  }
  view_ = tables_->view();
  return {};
}

// Copies the media rows that this step's parts ask for, and counts `splice` into the copy.
Status Stepper::gather_media(std::span<const StepPart> parts) {
  media_.clear();
  media_rows_ = 0;
  const auto width = static_cast<std::size_t>(hidden_size_);
  for (const StepPart& part : parts) {
    for (std::size_t i = 0; i < part.ids.size(); ++i) {
      const std::int32_t row = part.splice.empty() ? -1 : part.splice[i];
      if (row < 0) {
        splice_.push_back(-1);
        continue;
      }
      const std::size_t at = static_cast<std::size_t>(row) * width;
      if (at + width > part.media.size()) {
        return error(ErrorCode::kInvalidArgument, "the prompt asks for row {} of {} media rows", row,
                     part.media.size() / width);
      }
      media_.insert(media_.end(), part.media.begin() + static_cast<std::ptrdiff_t>(at),
                    part.media.begin() + static_cast<std::ptrdiff_t>(at + width));
      splice_.push_back(static_cast<std::int32_t>(media_rows_++));
    }
  }
  return {};
}

// Finds each symbol's value by its name.
Status Stepper::run(int entry, std::span<const std::byte* const> inputs) {
  symbols_.clear();
  for (const graph::SymbolBound& symbol : executor_->symbols(entry)) {
    if (symbol.name == "tokens") symbols_.push_back(static_cast<std::int64_t>(ids_.size()));
    if (symbol.name == "rows") symbols_.push_back(static_cast<std::int64_t>(wanted_.size()));
    if (symbol.name == "media_rows") symbols_.push_back(media_rows_);
  }
  return executor_->run(entry, symbols_, inputs, &view_);
}

void Stepper::advance(std::span<const StepPart> parts) {
  for (const StepPart& part : parts) part.sequence->advance(static_cast<std::int64_t>(part.ids.size()));
}

Result<std::span<const float>> Stepper::prefill(std::span<const StepPart> parts) {
  GALAGO_CHECK(gather(parts, limits_.prefill_tokens));
  const auto bytes = [](const auto& buffer) { return reinterpret_cast<const std::byte*>(buffer.data()); };
  if (takes_media_) {
    GALAGO_CHECK(gather_media(parts));
    const std::array inputs = {bytes(ids_), bytes(positions_), bytes(splice_), bytes(media_), bytes(wanted_)};
    GALAGO_CHECK(run(prefill_, inputs));
  } else {
    const std::array inputs = {bytes(ids_), bytes(positions_), bytes(wanted_)};
    GALAGO_CHECK(run(prefill_, inputs));
  }
  advance(parts);
  return executor_->output(prefill_, 0);
}

Result<std::span<const float>> Stepper::head(std::span<const float> hidden) {
  const std::size_t rows = hidden.size() / static_cast<std::size_t>(hidden_size_);
  if (rows == 0 || rows > static_cast<std::size_t>(limits_.decode_tokens)) {
    return error(ErrorCode::kOutOfRange, "logits of {} rows; 1 to {} are possible at once", rows,
                 limits_.decode_tokens);
  }
  // A copy, because `hidden` usually lies in the arena that the head runs in.
  head_input_.assign(hidden.begin(), hidden.end());
  symbols_.assign(1, static_cast<std::int64_t>(rows));
  const std::array inputs = {reinterpret_cast<const std::byte*>(head_input_.data())};
  GALAGO_CHECK(executor_->run(head_, symbols_, inputs, nullptr));
  return executor_->output(head_, 0);
}

Result<std::span<const float>> Stepper::decode(std::span<const StepPart> parts) {
  GALAGO_CHECK(gather(parts, limits_.decode_tokens));
  const std::array inputs = {reinterpret_cast<const std::byte*>(ids_.data()),
                             reinterpret_cast<const std::byte*>(positions_.data())};
  GALAGO_CHECK(run(decode_, inputs));
  advance(parts);
  return executor_->output(decode_, 0);
}

Result<std::span<const float>> Stepper::prefill_all(const StepPart& part, int chunk) {
  const std::int64_t most = std::clamp(chunk, 1, limits_.prefill_tokens);
  std::span<const float> hidden;
  for (std::size_t at = 0; at < part.ids.size();) {
    StepPart rows = part;
    const std::size_t left = part.ids.size() - at;
    const auto n = static_cast<std::size_t>(part.sequence->step_rows(static_cast<std::int64_t>(left), most));
    rows.ids = part.ids.subspan(at, n);
    if (!part.splice.empty()) rows.splice = part.splice.subspan(at, n);
    GALAGO_TRY(hidden, prefill(std::span(&rows, 1)));
    at += n;
  }
  part.sequence->mark();
  return head(hidden.last(static_cast<std::size_t>(hidden_size_)));
}

}  // namespace galago::runtime
