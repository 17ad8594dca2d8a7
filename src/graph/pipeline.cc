#include "graph/pipeline.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/try.h"
#include "graph/passes/copies.h"
#include "graph/passes/fold.h"
#include "graph/passes/fuse_nodes.h"
#include "graph/passes/group.h"
#include "graph/passes/pack.h"
#include "graph/passes/place.h"
#include "graph/verifier.h"

namespace galago::graph {
namespace {

using Backends = std::span<const Backend* const>;

struct Pass {
  std::string_view name;
  Result<Graph> (*run)(Graph, Backends);
};

constexpr std::array kPasses = {
    Pass{"trace", [](Graph graph, Backends) -> Result<Graph> { return graph; }},
    Pass{"fold", [](Graph graph, Backends) { return fold(std::move(graph)); }},
    Pass{"place", [](Graph graph, Backends backends) { return place(std::move(graph), backends); }},
    Pass{"copies", [](Graph graph, Backends) { return insert_copies(std::move(graph)); }},
    Pass{"group", [](Graph graph, Backends backends) { return group(std::move(graph), backends); }},
    Pass{"fuse", [](Graph graph, Backends backends) { return fuse(std::move(graph), backends); }},
    Pass{"pack", [](Graph graph, Backends backends) { return pack(std::move(graph), backends); }},
};

constexpr auto kPassNames = [] {
  std::array<std::string_view, kPasses.size()> names;
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = kPasses[i].name;
  return names;
}();

}  // namespace

const Backend* backend_of(const Node& node, Backends backends) {
  const auto found = std::ranges::find(backends, node.backend, &Backend::name);
  return found == backends.end() ? nullptr : *found;
}

std::span<const std::string_view> pass_names() { return kPassNames; }

Result<Graph> run_passes(Graph graph, Backends backends, std::string_view last) {
  if (std::find(kPassNames.begin(), kPassNames.end(), last) == kPassNames.end()) {
    return error(ErrorCode::kInvalidArgument, "\"{}\" is no pass; there are {}", last, fmt::join(kPassNames, ", "));
  }
  for (const Pass& pass : kPasses) {
    GALAGO_TRY(graph, pass.run(std::move(graph), backends));
    if (pass.name == last) break;
  }
  // Once, not after every pass: as many times are a fifth of what compiling takes. Tests end after each pass.
  GALAGO_CHECK(verify(graph));
  return graph;
}

}  // namespace galago::graph
