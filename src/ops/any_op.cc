#include "ops/any_op.h"

#include <fmt/format.h>

#include "base/error.h"

namespace galago::ops {
namespace {

// Floats print as the shortest text that reads back as the same float: 1e-06, not 9.999999974752427e-07.
class FieldPrinter : public FieldVisitor {
 public:
  using FieldVisitor::operator();
  void operator()(std::string_view field, std::int64_t value) override { append(field, fmt::format("{}", value)); }
  void operator()(std::string_view field, double value) override {
    const auto narrow = static_cast<float>(value);
    append(field, double{narrow} == value ? fmt::format("{}", narrow) : fmt::format("{}", value));
  }
  void operator()(std::string_view field, std::string_view value) override { append(field, value); }

  std::string text;

 private:
  void append(std::string_view field, std::string_view value) {
    text += fmt::format("{}{}={}", text.empty() ? "" : ", ", field, value);
  }
};

Error no_op() { return error(ErrorCode::kInternal, "an empty AnyOp was used as an operation"); }

struct NameOf {
  std::string_view operator()(const std::monostate&) const { return "none"; }
  template <class Op>
  std::string_view operator()(const Op&) const {
    return Op::kName;
  }
};

struct Fields {
  FieldVisitor& visit;
  void operator()(const std::monostate&) const {}
  template <class Op>
  void operator()(const Op& op) const {
    op.fields(visit);
  }
};

struct Infer {
  std::span<const TensorType> inputs;
  Result<TensorTypes> operator()(const std::monostate&) const { return no_op(); }
  template <class Op>
  Result<TensorTypes> operator()(const Op& op) const {
    return op.infer(inputs);
  }
};

struct Reference {
  const ReferenceCall& call;
  Status operator()(const std::monostate&) const { return no_op(); }
  template <class Op>
  Status operator()(const Op& op) const {
    return op.reference(call);
  }
};

struct WeightInputs {
  template <class Op>
  std::span<const std::size_t> operator()(const Op&) const {
    if constexpr (requires { Op::kWeightInputs; }) return Op::kWeightInputs;
    return {};
  }
};

struct StateOf {
  template <class Op>
  int operator()(const Op& op) const {
    if constexpr (requires { op.state; }) return op.state;
    return -1;
  }
};

struct HasState {
  template <class Op>
  bool operator()(const Op&) const {
    return requires(const Op& op) { op.state; };
  }
};

}  // namespace

std::string_view name(const AnyOp& op) { return std::visit(NameOf{}, op); }

std::string fields_to_string(const AnyOp& op) {
  FieldPrinter printer;
  std::visit(Fields{printer}, op);
  return printer.text;
}

Result<TensorTypes> infer(const AnyOp& op, std::span<const TensorType> inputs) { return std::visit(Infer{inputs}, op); }

Status run_reference(const AnyOp& op, const ReferenceCall& call) { return std::visit(Reference{call}, op); }

std::span<const std::size_t> weight_inputs(const AnyOp& op) { return std::visit(WeightInputs{}, op); }

bool has_state(const AnyOp& op) { return std::visit(HasState{}, op); }

int state_of(const AnyOp& op) { return std::visit(StateOf{}, op); }

}  // namespace galago::ops
