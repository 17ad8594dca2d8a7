#include "graph/verifier.h"

#include <algorithm>

#include "base/error.h"
#include "base/try.h"

namespace galago::graph {
namespace {

class Verifier {
 public:
  explicit Verifier(const Graph& graph) : graph_(graph), defined_(graph.values.size(), false) {}

  Status run() {
    for (const ValueId id : graph_.inputs) {
      GALAGO_CHECK(in_range(id, "an input"));
      if (graph_.value(id).is_constant()) return broken("input %{} is a constant", id);
      GALAGO_CHECK(define(id));
    }
    for (std::size_t i = 0; i < graph_.values.size(); ++i) defined_[i] = defined_[i] || graph_.values[i].is_constant();
    for (const Node& node : graph_.nodes) GALAGO_CHECK(check_node(node));
    for (const ValueId id : graph_.outputs) {
      GALAGO_CHECK(in_range(id, "an output"));
      if (!defined_[static_cast<std::size_t>(id)]) return broken("output %{} is never computed", id);
    }
    if (graph_.output_names.size() != graph_.outputs.size())
      return broken("{} outputs have {} names", graph_.outputs.size(), graph_.output_names.size());
    return {};
  }

 private:
  template <class... Args>
  Error broken(fmt::format_string<Args...> format, Args&&... args) const {
    return Error{ErrorCode::kInternal,
                 fmt::format("graph {}: {}", graph_.name, fmt::format(format, std::forward<Args>(args)...))};
  }

  Status in_range(ValueId id, std::string_view what) const {
    if (id >= 0 && id < static_cast<ValueId>(graph_.values.size())) return {};
    return broken("{} names the value %{} of {}", what, id, graph_.values.size());
  }

  Status define(ValueId id) {
    if (defined_[static_cast<std::size_t>(id)]) return broken("%{} is defined twice", id);
    defined_[static_cast<std::size_t>(id)] = true;
    return {};
  }

  Status check_node(const Node& node) {
    ops::TensorTypes types;
    for (const ValueId id : node.inputs) {
      GALAGO_CHECK(in_range(id, name(node)));
      if (!defined_[static_cast<std::size_t>(id)]) return broken("{} reads %{} before it is computed", name(node), id);
      types.push_back(graph_.value(id).type);
    }
    if (const Fused* fused = node.fused()) GALAGO_CHECK(check_body(node, *fused));
    GALAGO_TRY(const ops::TensorTypes expected, infer(node, types));
    if (expected.size() != node.outputs.size()) {
      return broken("{} has {} outputs; its shape rule gives {}", name(node), node.outputs.size(), expected.size());
    }
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const ValueId id = node.outputs[i];
      GALAGO_CHECK(in_range(id, name(node)));
      GALAGO_CHECK(define(id));
      if (!(graph_.value(id).type == expected[i])) {
        return broken("%{} of {} is {}; its shape rule gives {}", id, name(node), graph_.value(id).type.to_string(),
                      expected[i].to_string());
      }
    }
    return check_state(node);
  }

  Status check_body(const Node& node, const Fused& fused) const {
    if (fused.body == nullptr) return broken("{} has no body", fused.match.name());
    if (fused.body->inputs.size() != node.inputs.size() || fused.body->outputs.size() != node.outputs.size()) {
      return broken("{}: the body takes {} and gives {} values; the node {} and {}", fused.match.name(),
                    fused.body->inputs.size(), fused.body->outputs.size(), node.inputs.size(), node.outputs.size());
    }
    return verify(*fused.body);
  }

  Status check_state(const Node& node) {
    if (const Fused* fused = node.fused()) {
      for (const Node& part : fused->body->nodes) GALAGO_CHECK(check_state(part));
    } else if (const auto* append = node.as<ops::KvAppend>()) {
      GALAGO_TRY(const ops::StateSpec* const spec, state_of(node, append->state));
      if (std::holds_alternative<ops::Recurrent>(*spec)) return wrong_kind(node, append->state, *spec);
      appended_.push_back(append->state);
    } else if (const auto* attention = node.as<ops::PagedAttention>()) {
      return check_attention(node, *attention);
    } else if (const auto* convolution = node.as<ops::CausalConv1d>()) {
      return check_convolution(node, *convolution);
    }
    return {};
  }

  Result<const ops::StateSpec*> state_of(const Node& node, int state) const {
    if (state >= 0 && state < static_cast<int>(graph_.states.size())) {
      return &graph_.states[static_cast<std::size_t>(state)];
    }
    return broken("{} names the state {} of {}", name(node), state, graph_.states.size());
  }

  Error wrong_kind(const Node& node, int state, const ops::StateSpec& spec) const {
    return broken("{} names the state {}, which is {}", name(node), state, ops::to_string(spec));
  }

  Status check_attention(const Node& node, const ops::PagedAttention& op) const {
    GALAGO_TRY(const ops::StateSpec* const spec, state_of(node, op.state));
    if (std::holds_alternative<ops::Recurrent>(*spec)) return wrong_kind(node, op.state, *spec);
    if (std::holds_alternative<ops::Static>(*spec)) {
      // Rows have no place of their own among these keys.
      if (op.window == 0 && !op.has_spans && !op.has_slopes) return {};
      return broken("{} with a window, spans or slopes names the state {}, which is {}", name(node), op.state,
                    ops::to_string(*spec));
    }
    const int kept = std::get<ops::Paged>(*spec).window;
    if (kept > 0 && (op.window == 0 || op.window > kept)) {
      const std::string seen = op.window == 0 ? "all" : std::to_string(op.window);
      return broken("{} sees {} tokens; state {} keeps {}", name(node), seen, op.state, kept);
    }
    if (!is_fragment() && std::find(appended_.begin(), appended_.end(), op.state) == appended_.end()) {
      return broken("state {} is attended to before this step is appended to it", op.state);
    }
    return {};
  }

  Status check_convolution(const Node& node, const ops::CausalConv1d& op) const {
    GALAGO_TRY(const ops::StateSpec* const spec, state_of(node, op.state));
    const Shape& weight = graph_.value(node.inputs[1]).type.shape;
    const std::int64_t elements = op.state_elements(weight.dim(0).bound(), weight.dim(1).bound());
    if (*spec == ops::StateSpec(ops::Recurrent{elements})) return {};
    return broken("{} needs {}; state {} is {}", name(node), ops::to_string(ops::Recurrent{elements}), op.state,
                  ops::to_string(*spec));
  }

  // The body of a fused node, where the append may stand outside.
  bool is_fragment() const { return graph_.name == kFragmentName; }

  const Graph& graph_;
  std::vector<bool> defined_;
  std::vector<int> appended_;
};

}  // namespace

Status verify(const Graph& graph) { return Verifier(graph).run(); }

}  // namespace galago::graph
