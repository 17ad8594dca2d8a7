#include <cxxabi.h>

#include <cmath>
#include <cstdlib>
#include <functional>

#include "base/error.h"
#include "base/try.h"
#include "galago/nn.h"
#include "ops/executor.h"

namespace galago::nn {
namespace {

using detail::ModuleNode;
using detail::ParameterSlot;

std::string joined(const std::string& prefix, const std::string& name) {
  if (prefix.empty() || name.empty()) return prefix + name;
  return prefix + "." + name;
}

// At once, in the middle of a trace too: the values belong to the module.
Tensor random_parameter(const Shape& shape) {
  const ops::ExecutorScope at_once(ops::reference_executor());
  const double columns = shape.rank() == 0 ? 1.0 : static_cast<double>(shape.dim(-1).bound());
  const Tensor values = Tensor::random(shape, std::hash<std::string>{}(shape.to_string()));
  return shape.rank() < 2 ? values : scale(values, static_cast<float>(1.0 / std::sqrt(std::max(columns, 1.0))));
}

Tensor widened(const Tensor& stored) {
  Tensor values = Tensor::zeros(stored.shape());
  if (!values.ok()) return values;
  const ops::TensorView view = ops::view_of(stored);
  auto* out = reinterpret_cast<float*>(values.mutable_bytes().data());
  for (std::int64_t row = 0; row < view.rows(); ++row) view.decode_row(row, out + row * view.columns());
  return values;
}

Status load_parameter(ParameterSlot& slot, const WeightSource& source, const std::string& name) {
  GALAGO_TRY(std::optional<Tensor> found, source.find(name));
  if (!found) {
    if (!slot.required) return {};
    return error(ErrorCode::kNotFound, "{}: the tensor \"{}\" {} is missing", source.description(), name,
                 slot.shape.to_string());
  }
  if (!found->ok()) return found->error();
  if (!(found->shape() == slot.shape)) {
    return error(ErrorCode::kCorrupt, "{}: the tensor \"{}\" has the shape {}; the model's configuration asks for {}",
                 source.description(), name, found->shape().to_string(), slot.shape.to_string());
  }
  if (slot.widen && found->is_packed()) {
    return error(ErrorCode::kCorrupt, "{}: the tensor \"{}\" is packed, but its values are needed as they are",
                 source.description(), name);
  }
  const bool in_one_place = found->parts().empty() && !found->reader() && !found->row_order();
  if (slot.widen && (found->dtype() != DType::kF32 || !in_one_place)) {
    found = widened(*found);
    if (!found->ok()) return found->error();
  }
  slot.tensor = found->with_name(name);
  return {};
}

Status load_node(const ModuleNode& node, const WeightSource& source, const std::string& prefix) {
  for (const auto& [name, slot, borrowed] : node.parameters) {
    if (!borrowed) GALAGO_CHECK(load_parameter(*slot, source, joined(prefix, name)));
  }
  for (const detail::Child& child : node.children) {
    GALAGO_CHECK(load_node(*child.node, source, joined(prefix, child.name)));
  }
  return {};
}

std::int64_t count(const ModuleNode& node) {
  std::int64_t total = 0;
  for (const auto& [name, slot, borrowed] : node.parameters) {
    const bool absent = !slot->required && !slot->tensor.ok();
    if (!borrowed && !absent) total += slot->shape.max_elements().value_or(0);
  }
  for (const detail::Child& child : node.children) total += count(*child.node);
  return total;
}

void print(const ModuleNode& node, std::string_view name, const std::string& indent, std::string& out) {
  const std::string& what = node.description.empty() ? node.type_name : node.description;
  std::string line = indent + std::string(name);
  if (!what.empty()) line += (name.empty() ? "" : ": ") + what;
  out += fmt::format("{:<64} {:>14}\n", line, fmt::group_digits(count(node)));
  for (const auto& [parameter, slot, borrowed] : node.parameters) {
    if (!slot->required && !slot->tensor.ok()) continue;
    out += fmt::format("{}  {} {}{}\n", indent, parameter, slot->shape.to_string(), borrowed ? " (shared)" : "");
  }
  for (const detail::Child& child : node.children) print(*child.node, child.name, indent + "  ", out);
}

}  // namespace

std::string detail::type_name(const std::type_info& type) {
  int status = 0;
  char* demangled = abi::__cxa_demangle(type.name(), nullptr, nullptr, &status);
  std::string name = status == 0 ? demangled : type.name();
  std::free(demangled);
  const std::size_t colon = name.rfind("::");
  return colon == std::string::npos ? name : name.substr(colon + 2);
}

Tensor Parameter::tensor() const {
  if (slot_ == nullptr) return {};
  if (!slot_->tensor.ok() && slot_->required) slot_->tensor = random_parameter(slot_->shape);
  return slot_->tensor;
}

Module::Module() : node_(std::make_shared<ModuleNode>()) {}

Status Module::load(const WeightSource& source, const std::string& prefix) { return load_node(*node_, source, prefix); }

std::int64_t Module::parameter_count() const { return count(*node_); }

std::string Module::to_string(std::string_view name) const {
  std::string out;
  print(*node_, name, "", out);
  return out;
}

Parameter Module::weight(std::string name, Shape shape, bool required) {
  return add_parameter(std::move(name), {.shape = std::move(shape), .required = required});
}

Parameter Module::values(std::string name, Shape shape, bool required) {
  return add_parameter(std::move(name), {.shape = std::move(shape), .required = required, .widen = true});
}

Parameter Module::add_parameter(std::string name, ParameterSlot slot) {
  auto shared = std::make_shared<ParameterSlot>(std::move(slot));
  node_->parameters.push_back({std::move(name), shared});
  return Parameter(std::move(shared));
}

void Module::share(std::string_view name, const Parameter& other, Parameter& own) {
  for (detail::NamedParameter& known : node_->parameters) {
    if (known.name == name) known = {known.name, other.slot_, /*borrowed=*/true};
  }
  own = other;
}

}  // namespace galago::nn
