#include "runtime/step_inputs.h"

#include <algorithm>

#include "base/error.h"
#include "base/try.h"
#include "graph/symbol_binding.h"

namespace galago::runtime {
namespace {

std::size_t width_of(const std::vector<std::int64_t>& inner) {
  std::size_t width = 1;
  for (const std::int64_t size : inner) width *= static_cast<std::size_t>(size);
  return width;
}

template <class T>
void append(std::vector<T>& to, std::span<const T> from) {
  to.insert(to.end(), from.begin(), from.end());
}

}  // namespace

const StepPart& PartSlice::of(const StepPart& whole, std::size_t at, std::size_t n) {
  const std::size_t all = whole.ids.size();
  part_ = whole;
  part_.ids = whole.ids.subspan(at, n);
  if (!whole.splice.empty()) part_.splice = whole.splice.subspan(at, n);
  positions_.clear();
  for (std::size_t axis = 0; axis < whole.positions.size(); axis += all) {
    append(positions_, whole.positions.subspan(axis + at, n));
  }
  part_.positions = positions_;
  rows_.clear();
  for (const NamedRows& rows : whole.rows) {
    const std::size_t values = rows.values.size() / all, ints = rows.ints.size() / all;
    rows_.push_back({rows.input, rows.values.subspan(at * values, n * values), rows.ints.subspan(at * ints, n * ints)});
  }
  part_.rows = rows_;
  return part_;
}

// What gives an input its values: a name that is known, of its type, or rows of the same name.
Result<StepInputs::Slot> StepInputs::bind(std::string_view entry, const graph::TraceInput& input,
                                          std::string_view tokens, int axes) {
  struct Known {
    std::string_view name;
    Source source;
    DType dtype;
    int rank;
  };
  static constexpr Known kKnown[] = {{"token_ids", Source::kIds, DType::kI32, 1},
                                     {"positions", Source::kPositions, DType::kI32, 2},
                                     {"splice_index", Source::kSplice, DType::kI32, 1},
                                     {"media", Source::kMedia, DType::kF32, 2},
                                     {"rows", Source::kWanted, DType::kI32, 1}};
  const Shape& shape = input.type.shape;
  Slot slot{.source = Source::kRows, .name = input.name, .dtype = input.type.dtype, .width = 1, .inner = {}};
  const auto known =
      std::find_if(std::begin(kKnown), std::end(kKnown), [&](const Known& each) { return each.name == input.name; });
  bool fits = shape.rank() >= 1;
  if (known != std::end(kKnown)) {
    slot.source = known->source;
    fits = input.type.dtype == known->dtype && shape.rank() == known->rank;
  } else {
    fits = fits && shape.dim(0) == Dim::symbol(std::string(tokens), shape.dim(0).symbol_bound()) &&
           (input.type.dtype == DType::kF32 || input.type.dtype == DType::kI32);
  }
  if (fits && slot.source == Source::kPositions) {
    fits = shape.dim(0) == Dim(axes) && shape.dim(1).name() == tokens;
    slot.width = static_cast<std::size_t>(axes);
  } else {
    for (int d = 1; fits && d < shape.rank(); ++d) {
      fits = shape.dim(d).is_constant();
      slot.inner.push_back(shape.dim(d).bound());
    }
    slot.width = width_of(slot.inner);
  }
  if (fits) return slot;
  return error(ErrorCode::kUnsupported,
               "{}: nothing gives the input \"{}\", {}; expected are token_ids i32 ({}), positions i32 ({}, {}), "
               "splice_index i32 ({}), media f32 (media_rows, n), rows i32 (rows), or f32 or i32 rows ({}, ...)",
               entry, input.name, input.type.to_string(), tokens, axes, tokens, tokens, tokens);
}

Result<StepInputs> StepInputs::create(const EntryExecutor& executor, std::string_view entry,
                                      const models::ModelInfo& info, int most_rows) {
  StepInputs inputs;
  inputs.entry_ = entry;
  inputs.number_ = executor.find(entry);
  if (inputs.number_ < 0) {
    return error(ErrorCode::kUnsupported, "{} has no entry \"{}\" and generates no text", info.architecture, entry);
  }
  inputs.most_rows_ = static_cast<std::size_t>(most_rows);
  inputs.axes_ = static_cast<std::size_t>(info.position_axes);
  inputs.vocab_size_ = info.vocab_size;
  const std::vector<graph::TraceInput>& declared = executor.inputs(inputs.number_);
  std::string tokens = "tokens";
  for (const graph::TraceInput& input : declared) {
    if (input.name == "token_ids" && input.type.shape.rank() == 1) tokens = input.type.shape.dim(0).name();
  }
  std::size_t n_sizes = 0;
  for (const graph::TraceInput& input : declared) {
    GALAGO_TRY(Slot slot, bind(entry, input, tokens, info.position_axes));
    const std::size_t elements = inputs.most_rows_ * slot.width;
    if (slot.dtype == DType::kF32) slot.values.reserve(elements);
    if (slot.dtype == DType::kI32) slot.integers.reserve(elements);
    if (slot.source == Source::kRows) inputs.row_inputs_.push_back(input.name);
    n_sizes += static_cast<std::size_t>(input.type.shape.rank());
    inputs.slots_.push_back(std::move(slot));
  }
  if (inputs.takes(Source::kSplice) != inputs.takes(Source::kMedia)) {
    return error(ErrorCode::kUnsupported, "{}: \"splice_index\" and \"media\" belong together; only one is an input",
                 entry);
  }
  inputs.sizes_.reserve(n_sizes);
  inputs.symbols_.resize(executor.symbols(inputs.number_).size());
  inputs.data_.resize(inputs.slots_.size());
  return inputs;
}

bool StepInputs::takes(Source source) const {
  return std::any_of(slots_.begin(), slots_.end(), [source](const Slot& slot) { return slot.source == source; });
}

// That everything a part brings has an input, and one value for each token.
Status StepInputs::check(const StepPart& part) const {
  const auto lacks = [this](std::string_view input) {
    return error(ErrorCode::kInvalidArgument, "{}: rows were given for the input \"{}\", which it does not take",
                 entry_, input);
  };
  const std::size_t n = part.ids.size();
  const bool splices = std::any_of(part.splice.begin(), part.splice.end(), [](std::int32_t row) { return row >= 0; });
  if (splices && !takes(Source::kSplice)) return lacks("splice_index");
  if (!part.splice.empty() && part.splice.size() != n) {
    return error(ErrorCode::kInvalidArgument, "{}: \"splice_index\" has {} rows; {} are expected", entry_,
                 part.splice.size(), n);
  }
  if (!part.positions.empty() && !takes(Source::kPositions)) return lacks("positions");
  if (!part.positions.empty() && part.positions.size() != n * axes_) {
    return error(ErrorCode::kInvalidArgument, "{}: {} positions were given; {} are expected, {} on each of {} axes",
                 entry_, part.positions.size(), n * axes_, n, axes_);
  }
  for (const NamedRows& rows : part.rows) {
    if (std::find(row_inputs_.begin(), row_inputs_.end(), rows.input) == row_inputs_.end()) return lacks(rows.input);
  }
  return {};
}

Status StepInputs::gather_ids(Slot& slot, const StepPart& part) const {
  for (const std::int32_t id : part.ids) {
    if (id < 0 || id >= vocab_size_) {
      return error(ErrorCode::kInvalidArgument, "the token {} is outside of the vocabulary of {}", id, vocab_size_);
    }
    slot.integers.push_back(id);
  }
  return {};
}

// Counts into the copy of those media rows that the step's parts ask for.
Status StepInputs::gather_splice(Slot& slot, const StepPart& part) {
  if (part.splice.empty()) slot.integers.resize(slot.integers.size() + part.ids.size(), -1);
  for (const std::int32_t row : part.splice) {
    slot.integers.push_back(row < 0 ? -1 : media_rows_++);
  }
  return {};
}

Status StepInputs::gather_media(Slot& slot, const StepPart& part) const {
  for (const std::int32_t row : part.splice) {
    if (row < 0) continue;
    const std::size_t at = static_cast<std::size_t>(row) * slot.width;
    if (at + slot.width > part.media.size()) {
      return error(ErrorCode::kInvalidArgument, "the prompt asks for row {} of {} media rows", row,
                   part.media.size() / slot.width);
    }
    append(slot.values, part.media.subspan(at, slot.width));
  }
  return {};
}

Status StepInputs::gather_rows(Slot& slot, const StepPart& part) const {
  const auto rows = std::find_if(part.rows.begin(), part.rows.end(),
                                 [&slot](const NamedRows& each) { return each.input == slot.name; });
  if (rows == part.rows.end()) {
    return error(ErrorCode::kInvalidArgument, "{}: no rows are given for the input \"{}\"", entry_, slot.name);
  }
  const bool floats = slot.dtype == DType::kF32;
  const std::size_t expected = part.ids.size() * slot.width;
  const std::size_t found = floats ? rows->values.size() : rows->ints.size();
  if (found != expected || (floats ? rows->ints.size() : rows->values.size()) != 0) {
    return error(ErrorCode::kInvalidArgument, "{}: \"{}\" has {} {} and {} other values; {} rows of {} are expected",
                 entry_, slot.name, found, floats ? "f32" : "i32", floats ? rows->ints.size() : rows->values.size(),
                 part.ids.size(), slot.width);
  }
  append(slot.values, rows->values);
  append(slot.integers, rows->ints);
  return {};
}

Status StepInputs::gather_positions(Slot& slot, std::span<const StepPart> parts) const {
  for (std::size_t axis = 0; axis < axes_; ++axis) {
    for (const StepPart& part : parts) {
      const std::size_t n = part.ids.size();
      if (!part.positions.empty()) {
        append(slot.integers, part.positions.subspan(axis * n, n));
        continue;
      }
      const std::int64_t first = part.sequence->next_position();
      for (std::size_t i = 0; i < n; ++i) {
        slot.integers.push_back(static_cast<std::int32_t>(first + static_cast<std::int64_t>(i)));
      }
    }
  }
  return {};
}

void StepInputs::gather_wanted(Slot& slot, std::span<const StepPart> parts) const {
  std::int32_t row = 0;
  for (const StepPart& part : parts) {
    for (std::size_t i = 0; i < part.ids.size(); ++i, ++row) {
      if (part.wants_all || i + 1 == part.ids.size()) slot.integers.push_back(row);
    }
  }
}

Status StepInputs::gather(std::span<const StepPart> parts) {
  std::size_t rows = 0;
  for (const StepPart& part : parts) rows += part.ids.size();
  if (rows == 0 || rows > most_rows_) {
    return error(ErrorCode::kOutOfRange, "a step of {} rows; 1 to {} are possible", rows, most_rows_);
  }
  media_rows_ = 0;
  for (const StepPart& part : parts) GALAGO_CHECK(check(part));
  sizes_.clear();
  for (Slot& slot : slots_) {
    slot.values.clear();
    slot.integers.clear();
    if (slot.source == Source::kPositions) GALAGO_CHECK(gather_positions(slot, parts));
    if (slot.source == Source::kWanted) gather_wanted(slot, parts);
    for (const StepPart& part : parts) {
      switch (slot.source) {
        case Source::kIds: GALAGO_CHECK(gather_ids(slot, part)); break;
        case Source::kSplice: GALAGO_CHECK(gather_splice(slot, part)); break;
        case Source::kMedia: GALAGO_CHECK(gather_media(slot, part)); break;
        case Source::kRows: GALAGO_CHECK(gather_rows(slot, part)); break;
        case Source::kPositions:
        case Source::kWanted: break;
      }
    }
    append_sizes(slot);
  }
  return {};
}

void StepInputs::append_sizes(const Slot& slot) {
  const std::size_t elements = slot.dtype == DType::kF32 ? slot.values.size() : slot.integers.size();
  if (slot.source == Source::kPositions) sizes_.push_back(static_cast<std::int64_t>(axes_));
  sizes_.push_back(static_cast<std::int64_t>(elements / std::max<std::size_t>(slot.width, 1)));
  sizes_.insert(sizes_.end(), slot.inner.begin(), slot.inner.end());
}

Status StepInputs::run(EntryExecutor& executor, const ops::StepView& view) {
  GALAGO_CHECK(graph::bind_symbols(entry_, executor.inputs(number_), executor.symbols(number_), sizes_, symbols_));
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    data_[i] = slots_[i].dtype == DType::kF32 ? reinterpret_cast<const std::byte*>(slots_[i].values.data())
                                              : reinterpret_cast<const std::byte*>(slots_[i].integers.data());
  }
  return executor.run(number_, symbols_, data_, &view);
}

}  // namespace galago::runtime
