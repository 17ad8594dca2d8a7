// A graph whose nodes are on several backends, as graphs of one backend each that run one after the other.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"

namespace galago::graph {

// Where a value comes from: an output of a part, or an input of the whole.
struct ValueSource {
  int part = -1;  // -1: an input of the whole
  int index = 0;  // of the part's outputs, or of the inputs

  bool is_input() const { return part < 0; }
  bool operator==(const ValueSource&) const = default;
};

// Consecutive nodes of one backend.
struct Part {
  std::string backend;
  Graph graph;
  std::vector<ValueSource> inputs;  // one for each of the graph's inputs
};

struct Partition {
  std::vector<Part> parts;           // in the order in which they run
  std::vector<ValueSource> outputs;  // one for each output of the whole
};

// Splits a graph after its passes. Copies become inputs of the parts that read them. A graph on one backend is the only
// part, as it is; one without nodes is given to `backend`.
Partition partition(Graph graph, std::string_view backend);

}  // namespace galago::graph
