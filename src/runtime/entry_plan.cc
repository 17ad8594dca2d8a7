#include "runtime/entry_plan.h"

#include <algorithm>

#include "base/error.h"
#include "base/try.h"

namespace galago::runtime {
namespace {

using graph::ValueSource;
using Kind = EntryAction::Kind;

// A value in the transfer memory of a device, from the part that gives or first needs it to the last that reads it.
struct Transfer {
  ValueSource from;
  int device = 0;
  graph::LiveBlock block;
};

class Planner {
 public:
  Planner(const graph::Partition& partition, std::span<const int> devices,
          std::span<const std::shared_ptr<graph::Backend>> backends, std::span<const TensorType> inputs)
      : partition_(partition), devices_(devices), backends_(backends), inputs_(inputs) {}

  Result<EntryPlan> run() {
    GALAGO_CHECK(collect_transfers());
    place_transfers();
    GALAGO_CHECK(place_outputs());
    for (int p = 0; p < n_parts(); ++p) {
      plan_.inputs.push_back(places_of(p));
      for (const Transfer& transfer : transfers_) {
        if (transfer.from.is_input() && transfer.block.first == p) move(transfer);
      }
      plan_.actions.push_back({.kind = Kind::kRun, .part = p});
      for (const Transfer& transfer : transfers_) {
        if (transfer.from.part == p) move(transfer);
      }
      for (std::size_t i = 0; i < partition_.outputs.size(); ++i) {
        const ValueSource& from = partition_.outputs[i];
        if (from.part != p) continue;
        plan_.actions.push_back({.kind = Kind::kFetch, .from = from, .offset = plan_.output_offsets[i]});
      }
    }
    return std::move(plan_);
  }

 private:
  int n_parts() const { return static_cast<int>(partition_.parts.size()); }
  const graph::Part& part(int p) const { return partition_.parts[static_cast<std::size_t>(p)]; }
  int device(int p) const { return devices_[static_cast<std::size_t>(p)]; }
  bool in_host(int device) const { return backends_[static_cast<std::size_t>(device)]->shares_host_memory(); }
  // Whether a part on the device reads the value where the host has it.
  bool read_in_place(const ValueSource& from, int device) const { return from.is_input() && in_host(device); }

  const TensorType& type(const ValueSource& from) const {
    if (from.is_input()) return inputs_[static_cast<std::size_t>(from.index)];
    const graph::Graph& graph = part(from.part).graph;
    return graph.value(graph.outputs[static_cast<std::size_t>(from.index)]).type;
  }

  Result<std::int64_t> bytes_of(const ValueSource& from) const {
    const auto bytes = graph::bytes_at_bounds(type(from));
    if (!bytes) return error(ErrorCode::kOutOfRange, "{} is too large to plan", type(from).to_string());
    return *bytes;
  }

  Transfer* find(const ValueSource& from, int device) {
    const auto found = std::ranges::find_if(
        transfers_, [&](const Transfer& known) { return known.from == from && known.device == device; });
    return found == transfers_.end() ? nullptr : &*found;
  }

  Status collect_transfers() {
    for (int p = 0; p < n_parts(); ++p) {
      for (const ValueSource& from : part(p).inputs) {
        if (read_in_place(from, device(p))) continue;
        if (Transfer* known = find(from, device(p))) {
          known->block.last = p;
          continue;
        }
        GALAGO_TRY(const std::int64_t bytes, bytes_of(from));
        const int first = from.is_input() ? p : from.part;
        const std::int64_t size =
            graph::arena_aligned(bytes, backends_[static_cast<std::size_t>(device(p))]->alignment());
        transfers_.push_back({from, device(p), {size, first, p}});
      }
    }
    return {};
  }

  void place_transfers() {
    for (int device = 0; device < static_cast<int>(backends_.size()); ++device) {
      std::vector<graph::LiveBlock> blocks;
      for (const Transfer& transfer : transfers_) {
        if (transfer.device == device) blocks.push_back(transfer.block);
      }
      plan_.transfer_bytes.push_back(graph::place_blocks(blocks));
      auto next = blocks.begin();
      for (Transfer& transfer : transfers_) {
        if (transfer.device == device) transfer.block = *next++;
      }
    }
  }

  Status place_outputs() {
    for (const ValueSource& from : partition_.outputs) {
      plan_.output_offsets.push_back(from.is_input() ? -1 : plan_.output_bytes);
      if (from.is_input()) continue;
      GALAGO_TRY(const std::int64_t bytes, bytes_of(from));
      plan_.output_bytes += graph::arena_aligned(bytes);
    }
    return {};
  }

  std::vector<InputPlace> places_of(int p) {
    std::vector<InputPlace> places;
    for (const ValueSource& from : part(p).inputs) {
      const Transfer* transfer = find(from, device(p));
      places.push_back({from, transfer == nullptr ? -1 : transfer->block.offset});
    }
    return places;
  }

  void move(const Transfer& transfer) {
    EntryAction action{.kind = Kind::kMove, .from = transfer.from, .device = transfer.device};
    action.offset = transfer.block.offset;
    const bool from_host = transfer.from.is_input() || in_host(device(transfer.from.part));
    const bool same = !transfer.from.is_input() && device(transfer.from.part) == transfer.device;
    if (same || from_host || in_host(transfer.device)) {
      plan_.actions.push_back(action);
      return;
    }
    plan_.staging_bytes = std::max(plan_.staging_bytes, transfer.block.size);
    for (const Kind kind : {Kind::kStage, Kind::kUnstage}) {
      action.kind = kind;
      plan_.actions.push_back(action);
    }
  }

  const graph::Partition& partition_;
  std::span<const int> devices_;
  std::span<const std::shared_ptr<graph::Backend>> backends_;
  std::span<const TensorType> inputs_;
  std::vector<Transfer> transfers_;
  EntryPlan plan_;
};

}  // namespace

Result<EntryPlan> plan_entry(const graph::Partition& partition, std::span<const int> devices,
                             std::span<const std::shared_ptr<graph::Backend>> backends,
                             std::span<const TensorType> inputs) {
  return Planner(partition, devices, backends, inputs).run();
}

}  // namespace galago::runtime
