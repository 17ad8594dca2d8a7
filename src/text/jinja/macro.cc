// Macros and the bodies of call blocks.
#include <algorithm>

#include "base/try.h"
#include "text/jinja/runtime.h"
#include "text/jinja/runtime_guards.h"

namespace galago::text::jinja {

namespace {

class Macro : public CallableObject {
 public:
  Macro(Budget& budget, const Stmt& node, Ref<Frame> closure)
      : CallableObject(budget, sizeof(*this)), node_(node), closure_(std::move(closure)) {}

  Result<Value> call(Runtime& runtime, Arguments& arguments) const override {
    return runtime.call_function(node_, closure_, arguments);
  }
  Value attribute(Runtime& runtime, std::string_view name) const override {
    const Function& function = *node_.function;
    const auto& parameters = function.parameters;
    const bool explicit_caller = std::find(parameters.begin(), parameters.end(), "caller") != parameters.end();
    if (name == "name") return node_.kind == StmtKind::kMacro ? runtime.string(node_.name) : Value::none();
    if (name == "arguments") {
      std::vector<Value> names;
      for (const std::string& parameter : parameters) names.push_back(runtime.string(parameter));
      return runtime.tuple(std::move(names));
    }
    if (name == "catch_kwargs") return Value::boolean(function.kwargs_slot >= 0);
    if (name == "catch_varargs") return Value::boolean(function.varargs_slot >= 0);
    if (name == "caller") return Value::boolean(function.caller_slot >= 0);
    if (name == "explicit_caller") return Value::boolean(explicit_caller);
    return {};
  }
  std::string text() const override {
    return node_.kind == StmtKind::kMacro ? fmt::format("<Macro '{}'>", node_.name) : "<Macro anonymous>";
  }

 private:
  const Stmt& node_;
  Ref<Frame> closure_;
};

// Takes the argument of that name out; missing when there is none.
Value take(Arguments& arguments, std::string_view name) {
  const auto it = std::find_if(arguments.keyword.begin(), arguments.keyword.end(),
                               [name](const auto& argument) { return argument.first == name; });
  if (it == arguments.keyword.end()) return {};
  Value value = std::move(it->second);
  arguments.keyword.erase(it);
  return value;
}

}  // namespace

Result<Value> Runtime::make_macro(const Stmt& node, const Ref<Frame>& frame) {
  GALAGO_CHECK(step());
  return make<Macro>(Kind::kCallable, node, frame);
}

Status Runtime::bind_arguments(const Stmt& node, Frame& frame, Arguments& arguments) {
  const Function& function = *node.function;
  const std::string_view name = node.name;
  const std::size_t count = function.parameters.size();
  for (std::size_t i = 0; i < count; ++i) {
    Value value = i < arguments.positional.size() ? arguments.positional[i] : take(arguments, function.parameters[i]);
    frame.slot(function.parameter_slots[i]) = std::move(value);
  }
  if (function.caller_slot >= 0) {
    Value caller = take(arguments, "caller");
    if (caller.is_missing() || caller.is_none()) caller = undefined("No caller defined");
    frame.slot(function.caller_slot) = std::move(caller);
  }
  if (function.kwargs_slot >= 0) {
    auto rest = make_ref<DictObject>();
    for (const auto& [key, value] : arguments.keyword) rest->insert(string(key), value);
    frame.slot(function.kwargs_slot) = Value::object(Kind::kDict, rest.get());
  } else if (!arguments.keyword.empty()) {
    return fail("macro '{}' takes no keyword argument '{}'", name, arguments.keyword[0].first);
  }
  if (function.varargs_slot >= 0) {
    std::vector<Value> rest;
    for (std::size_t i = count; i < arguments.positional.size(); ++i) rest.push_back(arguments.positional[i]);
    frame.slot(function.varargs_slot) = tuple(std::move(rest));
  } else if (arguments.positional.size() > count) {
    return fail("macro '{}' takes not more than {} argument(s)", name, count);
  }
  return {};
}

Result<Value> Runtime::call_function(const Stmt& node, const Ref<Frame>& closure, Arguments& arguments) {
  GALAGO_CHECK(step());
  const Depth depth(*this);
  GALAGO_CHECK(check_depth());
  const Function& function = *node.function;
  const FrameGuard guard(*this, make_ref<Frame>(function.slots, closure));
  const Ref<Frame>& frame = *guard;
  enter_scope(function.scope, *frame);
  GALAGO_CHECK(bind_arguments(node, *frame, arguments));
  const std::size_t count = function.parameters.size();
  const std::size_t first_default = count - function.defaults.size();
  for (std::size_t i = 0; i < count; ++i) {
    const int slot = function.parameter_slots[i];
    if (!frame->slot(slot).is_missing()) continue;
    if (i < first_default) {
      frame->slot(slot) = undefined(fmt::format("parameter '{}' was not provided", function.parameters[i]));
      continue;
    }
    GALAGO_TRY(Value value, evaluate(*function.defaults[i - first_default], frame));
    frame->slot(slot) = std::move(value);
  }
  std::string out;
  GALAGO_TRY([[maybe_unused]] const Flow flow, execute(node.bodies[0], frame, out));
  return string(std::move(out));
}

}  // namespace galago::text::jinja
