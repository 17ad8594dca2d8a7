#include "backends/cpu/cpu_backend.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "backends/cpu/cpu_program.h"
#include "backends/cpu/lower_ops.h"
#include "base/error.h"
#include "base/host_buffer.h"
#include "base/try.h"

namespace galago::cpu {
namespace {

using graph::Graph;

// Every dim names a symbol of the inputs: only those get values.
Status check_symbols(const Graph& graph, const std::vector<graph::SymbolBound>& symbols) {
  for (const graph::Value& value : graph.values) {
    for (const Dim& dim : value.type.shape.dims()) {
      const auto same = [&dim](const graph::SymbolBound& symbol) {
        return symbol.name == dim.name() && symbol.bound >= dim.symbol_bound();
      };
      if (dim.is_constant() || std::any_of(symbols.begin(), symbols.end(), same)) continue;
      return error(ErrorCode::kInvalidArgument, "graph {}: the size {} of {} belongs to no input", graph.name,
                   dim.to_string(), value.type.to_string());
    }
  }
  return {};
}

// The weights that the pack pass gave a layout, those of a node together.
void append_weights_to_pack(const Graph& graph, std::vector<PackGroup>& groups) {
  for (const graph::Node& node : graph.nodes) {
    PackGroup group;
    graph::for_each_weight(node, [&](graph::ValueId id) {
      const graph::Value& value = graph.value(id);
      if (value.is_constant() && !value.layout.empty()) group.push_back(value.constant);
    });
    if (!group.empty()) groups.push_back(std::move(group));
  }
}

// Weights that exist only packed can be nothing but weights.
Status check_packed_inputs(const Graph& graph) {
  for (const graph::Node& node : graph.nodes) {
    std::vector<graph::ValueId> weights;
    graph::for_each_weight(node, [&weights](graph::ValueId id) { weights.push_back(id); });
    for (const graph::ValueId id : node.inputs) {
      const graph::Value& value = graph.value(id);
      if (!value.is_constant() || !value.constant.is_packed()) continue;
      if (!value.layout.empty() &&
          std::count(node.inputs.begin(), node.inputs.end(), id) <= std::count(weights.begin(), weights.end(), id)) {
        continue;
      }
      return error(ErrorCode::kUnsupported, "{} {}: is there only packed, but {} needs its rows; pack the model again",
                   value.name, value.type.to_string(), name(node));
    }
  }
  return {};
}

// Each symbolic dim of the graph as a Size, once.
std::vector<Size> symbolic_sizes(const Graph& graph, const Lowering& lowering) {
  std::vector<Dim> dims;
  std::vector<Size> sizes;
  for (const graph::Value& value : graph.values) {
    for (const Dim& dim : value.type.shape.dims()) {
      if (dim.is_constant() || std::find(dims.begin(), dims.end(), dim) != dims.end()) continue;
      dims.push_back(dim);
      sizes.push_back(lowering.size(Shape{dim}, 0, 1));
    }
  }
  return sizes;
}

Size bytes_of(const Lowering& lowering, const TensorType& type) {
  Size bytes = lowering.size(type.shape, 0, type.shape.rank());
  bytes.multiply(Dim(info(type.dtype).block_bytes), 0);
  return bytes;
}

}  // namespace

CpuBackend::CpuBackend(CpuOptions options)
    : options_(std::move(options)),
      weights_(std::make_shared<WeightStore>(options_.n_threads, options_.progress, options_.release_source,
                                             options_.storage)) {}

Result<std::unique_ptr<CpuBackend>> CpuBackend::create(CpuOptions options) {
  if (options.kernels == nullptr) {
    GALAGO_TRY(options.kernels, choose_kernels());
  }
  return std::unique_ptr<CpuBackend>(new CpuBackend(std::move(options)));
}

// Every op has a kernel or a scalar reference.
std::optional<std::string> CpuBackend::refuses(const graph::Node& node, const Graph&) const {
  const auto* gated = node.match<GatedActMatch>();
  const auto* gated_linears = node.match<GatedLinearsMatch>();
  if ((gated != nullptr && !has_kernel(gated->act)) || (gated_linears != nullptr && !has_kernel(gated_linears->act))) {
    return "there is no gated kernel for the activation";
  }
  if (node.copy() != nullptr) return "copies stand between backends";
  return std::nullopt;
}

std::span<const graph::Pattern* const> CpuBackend::patterns() const {
  namespace patterns = graph::patterns;
  static constexpr std::array kPatterns = {
      &patterns::kGroup,    &patterns::kNormLinears,   &patterns::kLinearResidual,
      &patterns::kGatedAct, &patterns::kGatedLinears,  &patterns::kGatedDown,
      &patterns::kAddNorm,  &patterns::kGatedResidual, &patterns::kRopeAppend,
  };
  return kPatterns;
}

std::string CpuBackend::layout(const graph::Value& weight) const {
  const int rank = weight.type.shape.rank();  // 3: one matrix for each expert
  if (!weight.is_constant() || rank < 2 || rank > 3) return "";
  if (tiled_bytes(weight.constant) == 0) return "";
  return std::string(galago::name(weight.type.dtype)) + " tile16";
}

Arithmetic CpuBackend::arithmetic(const Graph& graph) const {
  const bool many = graph.numeric_class == graph::NumericClass::kPrefill;
  const bool fast = options_.precision == graph::Precision::kFast;
  const KernelTable& kernels = *options_.kernels;
  return {.precision = options_.precision,
          .bf16_tiles = many && fast ? kernels.bf16_tiles : Bf16Tiles::kNone,
          .attention_tiles = many && fast && kernels.attention_paged_tiles != nullptr};
}

std::int64_t CpuBackend::scratch_bytes(const graph::Node& node, const Graph& graph) const {
  return cpu::scratch_bytes(graph, node, arithmetic(graph));
}

Status CpuBackend::pack(std::span<const Graph* const> graphs) {
  std::vector<PackGroup> groups;
  for (const Graph* graph : graphs) append_weights_to_pack(*graph, groups);
  return weights_->pack(groups);
}

Result<std::unique_ptr<graph::Program>> CpuBackend::compile(Graph graph) {
  CpuProgram::Parts parts;
  parts.graph = std::move(graph);
  parts.symbols = graph::symbols(parts.graph);
  parts.kernels = options_.kernels;
  parts.weights = weights_;
  GALAGO_CHECK(check_symbols(parts.graph, parts.symbols));
  GALAGO_CHECK(check_packed_inputs(parts.graph));
  const Graph* const graphs[] = {&parts.graph};
  GALAGO_CHECK(pack(graphs));
  const auto scratch = [&](const graph::Node& node) { return scratch_bytes(node, parts.graph); };
  GALAGO_TRY(parts.plan, graph::plan_memory(parts.graph, scratch));
  Lowering lowering(parts.graph, parts.plan, *weights_, arithmetic(parts.graph));
  for (std::size_t n = 0; n < parts.graph.nodes.size(); ++n) {
    GALAGO_CHECK(lowering.lower(n));
    parts.has_state = parts.has_state || graph::has_state(parts.graph.nodes[n]);
  }
  for (const graph::ValueId id : parts.graph.inputs) parts.input_elements.push_back(lowering.elements(id));
  for (const graph::ValueId id : parts.graph.outputs) {
    parts.outputs.push_back(lowering.operand(id));
    parts.output_bytes.push_back(bytes_of(lowering, parts.graph.value(id).type));
  }
  parts.sizes = symbolic_sizes(parts.graph, lowering);
  parts.instructions = lowering.take_instructions();
  parts.constants = lowering.take_constants();
  return std::unique_ptr<graph::Program>(std::make_unique<CpuProgram>(std::move(parts)));
}

// Kernels write columns of many rows of an arena, each row in pages of its own.
Result<std::shared_ptr<Buffer>> CpuBackend::allocate(std::uint64_t bytes, graph::BufferUse use) {
  switch (use) {
    case graph::BufferUse::kArena: return HostBuffer::create(bytes, Pages::kHuge);
    case graph::BufferUse::kState: return HostBuffer::create(bytes, Pages::kReserved);
    case graph::BufferUse::kTransfer: break;
  }
  return HostBuffer::create(bytes, Pages::kNormal);
}

Result<graph::Fence> CpuBackend::upload(std::span<const std::byte> from, const BufferView& to) {
  return copy(BufferView(from), to);
}

Result<graph::Fence> CpuBackend::download(const BufferView& from, std::span<std::byte> to) {
  return copy(from, BufferView(to));
}

Result<graph::Fence> CpuBackend::copy(const BufferView& from, const BufferView& to) {
  if (from.size != to.size || (from.size > 0 && (from.host == nullptr || to.host == nullptr))) {
    return error(ErrorCode::kInternal, "cpu: {} bytes to copy to a place of {}; the host addresses {}", from.size,
                 to.size, from.host == nullptr || to.host == nullptr ? "not both" : "both");
  }
  if (from.size > 0) std::memmove(to.host, from.host, static_cast<std::size_t>(from.size));
  return graph::Fence();
}

Result<graph::Fence> CpuBackend::clear(const BufferView& to) {
  if (to.host != nullptr) std::memset(to.host, 0, static_cast<std::size_t>(to.size));
  return graph::Fence();
}

}  // namespace galago::cpu
