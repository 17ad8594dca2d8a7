// The values of an entry's symbols ("tokens"), found from the sizes that its inputs have.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "graph/trace.h"

namespace galago::graph {

// `sizes`: those of all inputs one after the other, as many of each as its type has dims. `values` gets one for each of
// `symbols`, which are those of the inputs (graph::symbols()). A dim such as patches / 4 leaves several values of its
// symbol open, of which another input may choose. An error names the input or the symbol: a size that does not fit,
// inputs that disagree, a symbol that stays unknown. Allocates nothing but for an error.
Status bind_symbols(std::string_view entry, std::span<const TraceInput> inputs, std::span<const SymbolBound> symbols,
                    std::span<const std::int64_t> sizes, std::span<std::int64_t> values);

// From tensors, one for each input and of its type; the values in the order of graph::symbols().
Result<std::vector<std::int64_t>> bind_symbols(std::string_view entry, std::span<const TraceInput> inputs,
                                               std::span<const Tensor> tensors);

}  // namespace galago::graph
