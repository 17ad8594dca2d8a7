#include "runtime/entry_run.h"

#include <algorithm>

#include "base/error.h"
#include "base/try.h"

namespace galago::runtime {

Result<std::shared_ptr<EntryRun>> EntryRun::create(std::shared_ptr<const ProgramSet> programs) {
  std::shared_ptr<EntryRun> run(new EntryRun(std::move(programs)));
  const ProgramSet& set = *run->programs_;
  for (int device = 0; device < static_cast<int>(set.backends().size()); ++device) {
    Device memory;
    const auto allocate = [&](std::int64_t bytes, graph::BufferUse use) {
      return run->backend(device).allocate(static_cast<std::uint64_t>(bytes), use);
    };
    GALAGO_TRY(memory.arena, allocate(set.arena_bytes(device), graph::BufferUse::kArena));
    GALAGO_TRY(memory.transfers, allocate(set.transfer_bytes(device), graph::BufferUse::kTransfer));
    run->devices_.push_back(std::move(memory));
  }
  GALAGO_TRY(run->outputs_, Arena::create(static_cast<std::uint64_t>(set.output_bytes())));
  GALAGO_TRY(run->staging_, Arena::create(static_cast<std::uint64_t>(set.staging_bytes())));
  return run;
}

EntryRun::EntryRun(std::shared_ptr<const ProgramSet> programs) : programs_(std::move(programs)) {
  std::size_t symbols = 0, inputs = 0, parts = 0, all_symbols = 0, all_inputs = 0;
  for (const ProgramSet::Item& item : programs_->items()) {
    std::size_t part_symbols = 0, part_inputs = 0;
    for (const EntryPart& part : item.parts) part_symbols += part.symbols.size();
    for (const auto& places : item.plan.inputs) part_inputs += places.size();
    symbols = std::max(symbols, item.symbols.size());
    inputs = std::max(inputs, item.inputs.size());
    parts = std::max(parts, item.parts.size());
    all_symbols = std::max(all_symbols, part_symbols);
    all_inputs = std::max(all_inputs, part_inputs);
  }
  symbols_.reserve(symbols);
  inputs_.reserve(inputs);
  bound_.reserve(parts);
  part_symbols_.reserve(all_symbols);
  part_inputs_.reserve(all_inputs);
}

Result<bool> EntryRun::begin(const EntryCall& call) {
  if (active_) return error(ErrorCode::kInvalidArgument, "{}: the run before is not over", item().name);
  entry_ = call.entry;
  step_ = call.step;
  n_threads_ = call.n_threads;
  symbols_.assign(call.symbols.begin(), call.symbols.end());
  bind_inputs(call.inputs);
  if (item().in_place) {
    const BufferView arena(*devices_[static_cast<std::size_t>(item().parts[0].device)].arena);
    const auto submitted = item().parts[0].program->submit(
        {.symbols = symbols_, .inputs = inputs_, .step = step_, .arena = arena, .n_threads = n_threads_});
    if (!submitted.ok()) return submitted.error();
    GALAGO_CHECK(submitted->wait());
    return false;
  }
  if (symbols_.size() != item().symbols.size() || inputs_.size() != item().inputs.size()) {
    return error(ErrorCode::kInvalidArgument, "{}: {} sizes and {} inputs were given; expected {} and {}", item().name,
                 symbols_.size(), inputs_.size(), item().symbols.size(), item().inputs.size());
  }
  for (std::size_t i = 0; i < symbols_.size(); ++i) {
    const graph::SymbolBound& symbol = item().symbols[i];
    if (symbols_[i] >= 0 && symbols_[i] <= symbol.bound) continue;
    return error(ErrorCode::kOutOfRange, "{}: {} is {}; it was planned for 0 to {}", item().name, symbol.name,
                 symbols_[i], symbol.bound);
  }
  for (std::size_t i = 0; i < inputs_.size(); ++i) inputs_[i].size = item().input_sizes[i].at(symbols_);
  bind_parts();
  next_ = 0;
  pending_ = {};
  status_ = {};
  active_ = true;
  const bool over = poll();
  if (over && !status_.ok()) return status_.error();
  return !over;
}

void EntryRun::bind_inputs(std::span<const std::byte* const> inputs) {
  inputs_.clear();
  for (const std::byte* input : inputs) {
    inputs_.emplace_back();
    inputs_.back().host = const_cast<std::byte*>(input);
  }
}

void EntryRun::bind_parts() {
  bound_.clear();
  part_symbols_.clear();
  part_inputs_.clear();
  for (std::size_t p = 0; p < item().parts.size(); ++p) {
    const EntryPart& part = item().parts[p];
    const auto& places = item().plan.inputs[p];
    bound_.push_back({part_symbols_.size(), part.symbols.size(), part_inputs_.size(), places.size()});
    for (const int symbol : part.symbols) part_symbols_.push_back(symbols_[static_cast<std::size_t>(symbol)]);
    for (const InputPlace& place : places) {
      const BufferView from = source(place.from);
      part_inputs_.push_back(place.offset < 0 ? from : transfer(part.device, place.offset, from.size));
    }
  }
}

graph::RunArguments EntryRun::arguments(int part) const {
  const auto& [first_symbol, n_symbols, first_input, n_inputs] = bound_[static_cast<std::size_t>(part)];
  const int device = item().parts[static_cast<std::size_t>(part)].device;
  return {.symbols = std::span(part_symbols_).subspan(first_symbol, n_symbols),
          .inputs = std::span(part_inputs_).subspan(first_input, n_inputs),
          .step = step_,
          .arena = BufferView(*devices_[static_cast<std::size_t>(device)].arena),
          .n_threads = n_threads_};
}

BufferView EntryRun::transfer(int device, std::int64_t offset, std::uint64_t bytes) const {
  return BufferView(*devices_[static_cast<std::size_t>(device)].transfers, static_cast<std::uint64_t>(offset), bytes);
}

BufferView EntryRun::source(const graph::ValueSource& from) const {
  if (from.is_input()) return inputs_[static_cast<std::size_t>(from.index)];
  const EntryPart& part = item().parts[static_cast<std::size_t>(from.part)];
  return part.program->output(static_cast<std::size_t>(from.index), arguments(from.part));
}

Result<graph::Fence> EntryRun::start(const EntryAction& action) {
  if (action.kind == EntryAction::Kind::kRun) {
    return item().parts[static_cast<std::size_t>(action.part)].program->submit(arguments(action.part));
  }
  if (action.kind == EntryAction::Kind::kMove) return move(action);
  const BufferView from = source(action.from);
  const auto bytes = static_cast<std::size_t>(from.size);
  if (action.kind == EntryAction::Kind::kUnstage) {
    const BufferView to = transfer(action.device, action.offset, from.size);
    return backend(action.device).upload(staging_.bytes().first(bytes), to);
  }
  graph::Backend& owner = backend(item().parts[static_cast<std::size_t>(action.from.part)].device);
  const std::span<std::byte> to = action.kind == EntryAction::Kind::kStage
                                      ? staging_.bytes().first(bytes)
                                      : outputs_.bytes().subspan(static_cast<std::size_t>(action.offset), bytes);
  return owner.download(from, to);
}

// From an input, within a device, or between two of which the host has the memory of one.
Result<graph::Fence> EntryRun::move(const EntryAction& action) {
  const BufferView from = source(action.from), to = transfer(action.device, action.offset, from.size);
  if (action.from.is_input()) return backend(action.device).upload(from.bytes(), to);
  const int device = item().parts[static_cast<std::size_t>(action.from.part)].device;
  if (device == action.device) return backend(device).copy(from, to);
  if (from.host != nullptr) return backend(action.device).upload(from.bytes(), to);
  return backend(device).download(from, to.bytes());
}

bool EntryRun::poll() {
  while (active_) {
    if (!pending_.done()) return false;
    status_ = pending_.wait();
    pending_ = {};
    if (!status_.ok() || next_ == item().plan.actions.size()) {
      active_ = false;
      break;
    }
    auto begun = start(item().plan.actions[next_++]);
    if (begun.ok()) {
      pending_ = *std::move(begun);
    } else {
      status_ = std::move(begun).error();
      active_ = false;
    }
  }
  return true;
}

Status EntryRun::wait() {
  while (!poll()) (void)pending_.wait();  // poll() asks it for what went wrong
  return status_;
}

std::span<const std::byte> EntryRun::output(int index) const {
  const graph::ValueSource& from = item().outputs[static_cast<std::size_t>(index)];
  if (item().in_place) {
    const BufferView arena(*devices_[static_cast<std::size_t>(item().parts[0].device)].arena);
    return item()
        .parts[0]
        .program->output(static_cast<std::size_t>(index), {.symbols = symbols_, .inputs = inputs_, .arena = arena})
        .bytes();
  }
  const BufferView made = source(from);
  if (from.is_input()) return made.bytes();
  const std::int64_t offset = item().plan.output_offsets[static_cast<std::size_t>(index)];
  return outputs_.bytes().subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(made.size));
}

}  // namespace galago::runtime
