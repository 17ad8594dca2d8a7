// Ops without a kernel run their scalar reference.
#include <fmt/format.h>

#include <new>

#include "backends/cpu/lower_ops.h"
#include "base/error.h"

namespace galago::cpu {
namespace {

class ReferenceInstruction : public Instruction {
 public:
  struct Array {
    DType dtype;
    std::vector<Size> sizes;
    Operand data;
  };
  ops::AnyOp op;
  std::vector<Array> inputs, outputs;

  Status run(const Run& run) const override {
    try {
      std::vector<ops::TensorView> in, out;
      for (const Array& array : inputs) in.push_back(view(run, array));
      for (const Array& array : outputs) out.push_back(view(run, array));
      return ops::run_reference(op, {in, out, run.step});
    } catch (const std::bad_alloc&) {
      return error(ErrorCode::kOutOfMemory, "{}: no memory", ops::name(op));
    }
  }

  std::string to_string() const override {
    std::string text = fmt::format("reference {}", ops::name(op));
    for (const Array& array : outputs) {
      text += "  (";
      for (std::size_t d = 0; d < array.sizes.size(); ++d) text += (d > 0 ? ", " : "") + array.sizes[d].to_string();
      text += ")";
    }
    return text;
  }

 private:
  static ops::TensorView view(const Run& run, const Array& array) {
    ops::TensorView view;
    view.dtype = array.dtype;
    for (const Size& size : array.sizes) view.sizes.push_back(run.at(size));
    view.data = const_cast<std::byte*>(run.read(array.data));  // a TensorView's data is never written for inputs
    return view;
  }
};

}  // namespace

InstructionPtr reference_instruction(Lowering& to, const Node& node) {
  auto instruction = std::make_unique<ReferenceInstruction>();
  instruction->op = std::get<ops::AnyOp>(node.op);
  const auto array = [&to](ValueId id) {
    const Shape& shape = to.shape(id);
    ReferenceInstruction::Array made{to.dtype(id), {}, to.operand(id)};
    for (int d = 0; d < shape.rank(); ++d) made.sizes.push_back(to.size(shape, d, d + 1));
    return made;
  };
  for (const ValueId id : node.inputs) instruction->inputs.push_back(array(id));
  for (const ValueId id : node.outputs) instruction->outputs.push_back(array(id));
  return instruction;
}

Status lower_reference(Lowering& to, const Node& node) {
  if (graph::has_state(node)) {
    return error(ErrorCode::kInternal, "{}: the CPU has no kernel, and its pages are laid out for kernels", name(node));
  }
  to.emit(reference_instruction(to, node));
  return {};
}

}  // namespace galago::cpu
