#include "graph/memory_plan.h"

#include <algorithm>
#include <limits>

#include "base/checked.h"
#include "base/error.h"
#include "base/try.h"

namespace galago::graph {
namespace {

Result<std::int64_t> size_at_bounds(const Graph& graph, ValueId id) {
  const Value& value = graph.value(id);
  const auto bytes = bytes_at_bounds(value.type);
  if (bytes) return *bytes;
  return error(ErrorCode::kOutOfRange, "graph {}: %{} {} is too large to plan", graph.name, id, value.type.to_string());
}

class Planner {
 public:
  Planner(const Graph& graph, std::int64_t alignment) : graph_(graph), uses_(graph), alignment_(alignment) {
    const std::size_t n = graph.values.size();
    plan_.offsets.assign(n, -1);
    plan_.sizes.assign(n, 0);
    plan_.storage.resize(n);
    block_of_.assign(n, -1);
  }

  Result<MemoryPlan> run(const std::function<std::int64_t(const Node&)>& scratch_bytes) {
    for (std::size_t i = 0; i < graph_.values.size(); ++i) {
      const auto id = static_cast<ValueId>(i);
      plan_.storage[i] = shared_storage(id);
      if (graph_.values[i].is_constant()) continue;
      GALAGO_TRY(plan_.sizes[i], size_at_bounds(graph_, id));
    }
    collect_value_blocks();
    plan_.scratch.assign(graph_.nodes.size(), -1);
    plan_.scratch_sizes.assign(graph_.nodes.size(), 0);
    std::vector<int> scratch_block(graph_.nodes.size(), -1);
    for (std::size_t n = 0; n < graph_.nodes.size(); ++n) {
      const std::int64_t bytes = scratch_bytes(graph_.nodes[n]);
      if (bytes <= 0) continue;
      plan_.scratch_sizes[n] = bytes;
      scratch_block[n] = static_cast<int>(blocks_.size());
      blocks_.push_back({arena_aligned(bytes, alignment_), static_cast<int>(n), static_cast<int>(n)});
    }
    plan_.peak_bytes = place_blocks(blocks_);
    for (std::size_t i = 0; i < graph_.values.size(); ++i) {
      const int block = block_of_[static_cast<std::size_t>(plan_.storage[i])];
      if (block >= 0) plan_.offsets[i] = blocks_[static_cast<std::size_t>(block)].offset;
    }
    for (std::size_t n = 0; n < graph_.nodes.size(); ++n) {
      if (scratch_block[n] >= 0) plan_.scratch[n] = blocks_[static_cast<std::size_t>(scratch_block[n])].offset;
    }
    return std::move(plan_);
  }

 private:
  // A reshape shares the bytes of what it reshapes.
  ValueId shared_storage(ValueId id) const {
    int producer = uses_.producer[static_cast<std::size_t>(id)];
    while (producer >= 0 && graph_.nodes[static_cast<std::size_t>(producer)].as<ops::Reshape>() != nullptr) {
      id = graph_.nodes[static_cast<std::size_t>(producer)].inputs[0];
      producer = uses_.producer[static_cast<std::size_t>(id)];
    }
    return id;
  }

  void collect_value_blocks() {
    const int end = static_cast<int>(graph_.nodes.size());
    for (std::size_t i = 0; i < graph_.values.size(); ++i) {
      const auto owner = static_cast<std::size_t>(plan_.storage[i]);
      if (uses_.producer[owner] < 0) continue;
      if (block_of_[owner] < 0) {
        block_of_[owner] = static_cast<int>(blocks_.size());
        blocks_.push_back(
            {arena_aligned(plan_.sizes[owner], alignment_), uses_.producer[owner], uses_.producer[owner]});
      }
      LiveBlock& block = blocks_[static_cast<std::size_t>(block_of_[owner])];
      for (const int reader : uses_.readers[i]) block.last = std::max(block.last, reader);
    }
    for (const ValueId id : graph_.outputs) {
      const int block = block_of_[static_cast<std::size_t>(plan_.storage[static_cast<std::size_t>(id)])];
      if (block >= 0) blocks_[static_cast<std::size_t>(block)].last = end;
    }
  }

  const Graph& graph_;
  Uses uses_;
  std::int64_t alignment_;
  MemoryPlan plan_;
  std::vector<LiveBlock> blocks_;
  std::vector<int> block_of_;
};

}  // namespace

std::optional<std::int64_t> bytes_at_bounds(const TensorType& type) {
  const auto elements = type.shape.max_elements();
  const auto bytes = elements ? checked_mul<std::int64_t>(*elements, info(type.dtype).block_bytes) : std::nullopt;
  if (!bytes || *bytes > std::numeric_limits<std::int64_t>::max() / 4) return std::nullopt;
  return bytes;
}

std::int64_t arena_aligned(std::int64_t bytes, std::int64_t alignment) {
  return (std::max<std::int64_t>(bytes, 1) + alignment - 1) / alignment * alignment;
}

std::int64_t place_blocks(std::vector<LiveBlock>& blocks) {
  std::vector<std::size_t> order(blocks.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return blocks[a].size > blocks[b].size; });
  std::vector<std::size_t> placed;  // by offset
  std::int64_t peak = 0;
  for (const std::size_t i : order) {
    LiveBlock& block = blocks[i];
    std::int64_t offset = 0;
    for (const std::size_t p : placed) {
      const LiveBlock& other = blocks[p];
      if (other.last < block.first || block.last < other.first) continue;
      if (other.offset >= offset + block.size) break;
      offset = std::max(offset, other.offset + other.size);
    }
    block.offset = offset;
    peak = std::max(peak, offset + block.size);
    const auto position = std::upper_bound(placed.begin(), placed.end(), offset,
                                           [&](std::int64_t value, std::size_t p) { return value < blocks[p].offset; });
    placed.insert(position, i);
  }
  return peak;
}

Result<MemoryPlan> plan_memory(const Graph& graph, const std::function<std::int64_t(const Node&)>& scratch_bytes,
                               std::int64_t alignment) {
  return Planner(graph, alignment).run(scratch_bytes);
}

std::string to_text(const MemoryPlan& plan, const Graph& graph) {
  std::string out = "memory plan\n";
  const Uses uses(graph);
  for (std::size_t i = 0; i < graph.values.size(); ++i) {
    if (plan.offsets[i] < 0 || plan.storage[i] != static_cast<ValueId>(i)) continue;
    const Value& value = graph.values[i];
    out += fmt::format("  {:>12} bytes at {:>12}  %{} {}\n", plan.sizes[i], plan.offsets[i], i, value.type.to_string());
  }
  for (std::size_t n = 0; n < plan.scratch.size(); ++n) {
    if (plan.scratch[n] < 0) continue;
    out += fmt::format("  {:>12} bytes at {:>12}  scratch of {}\n", plan.scratch_sizes[n], plan.scratch[n],
                       name(graph.nodes[n]));
  }
  for (const Region& region : plan.regions) {
    out += fmt::format("  {:>12} bytes at {:>12}  {}\n", region.size, region.offset, region.name);
  }
  return out + fmt::format("  peak {} bytes\n", plan.peak_bytes);
}

}  // namespace galago::graph
