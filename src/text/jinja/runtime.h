// Runs a template.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "galago/result.h"
#include "text/chat_template.h"
#include "text/jinja/ast.h"
#include "text/jinja/objects.h"
#include "text/jinja/value.h"

namespace galago::text::jinja {

using Clock = std::function<std::chrono::system_clock::time_point()>;

class Runtime {
 public:
  Runtime(const Template& tree, const TemplateLimits& limits, const Clock& clock);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  // Declares a variable that the template may look up. Later ones win.
  void set_variable(std::string name, Value value);
  // The value of JSON, as Python's json module would load it.
  Result<Value> from_json(const Json& json, int depth = 0);
  Result<std::string> render();

  // Making values. None of these fails; what they take is checked at the next step().
  Value string(std::string text, bool markup = false);
  Value list(std::vector<Value> items) { return make<SequenceObject>(Kind::kList, std::move(items)); }
  Value tuple(std::vector<Value> items) { return make<SequenceObject>(Kind::kTuple, std::move(items)); }
  Value iterator(std::vector<Value> items) { return make<IteratorObject>(Kind::kIterator, std::move(items)); }
  Value undefined(std::string message) { return make<StringObject>(Kind::kUndefined, std::move(message), false); }
  Value make_namespace();
  template <class T, class... Args>
  Value make(Kind kind, Args&&... args) {
    return Value::object(kind, new T(budget_, std::forward<Args>(args)...));
  }
  template <class T, class... Args>
  Ref<T> make_ref(Args&&... args) {
    return Ref<T>(new T(budget_, std::forward<Args>(args)...));
  }

  const Clock& clock() const { return clock_; }

  // Pays for `count` units of work; fails beyond any limit.
  Status step(std::int64_t count = 1) {
    budget_.steps -= count;
    if (budget_.steps >= 0 && budget_.memory >= 0 && !budget_.too_deep) return {};
    return exceeded();
  }
  // Pays for walking over a text.
  Status step_over(std::string_view text) { return step(static_cast<std::int64_t>(text.size()) / 16); }
  // Pays for making a string of `bytes`, before it is made.
  Status step_bytes(std::int64_t bytes);
  // Whether a vector of so many bytes may be made.
  Status check_memory(std::int64_t bytes) const;
  // Whether a text that grows may have so many bytes.
  Status check_size(std::size_t bytes) const;

  template <class... Args>
  Error fail(fmt::format_string<Args...> format, Args&&... args) const {
    return Error{ErrorCode::kInvalidArgument, fmt::format(format, std::forward<Args>(args)...)};
  }
  template <class... Args>
  Error limit(fmt::format_string<Args...> format, Args&&... args) const {
    return Error{ErrorCode::kOutOfRange, fmt::format(format, std::forward<Args>(args)...)};
  }
  Error unsupported(std::string message) const { return Error{ErrorCode::kUnsupported, std::move(message)}; }

  Result<Value> call(const Value& callee, Arguments& arguments);
  Result<Value> call_filter(std::string_view name, const Value& value, Arguments& arguments);
  Result<bool> call_test(std::string_view name, const Value& value, Arguments& arguments);
  Result<Value> call_macro(const Stmt& node, const Ref<Scope>& closure, Arguments& arguments);
  // Whether the filter of a loop lets the element pass.
  Result<bool> passes(const Stmt& loop, const Ref<Scope>& closure, const Value& item);

  // Counts nested evaluation; see TemplateLimits::max_depth.
  class Depth {
   public:
    explicit Depth(Runtime& runtime) : runtime_(runtime) { ++runtime_.depth_; }
    ~Depth() { --runtime_.depth_; }
    Depth(const Depth&) = delete;
    Depth& operator=(const Depth&) = delete;

   private:
    Runtime& runtime_;
  };
  Status check_depth() const {
    if (depth_ <= limits_.max_depth) return {};
    return limit("nested deeper than the limit of {} levels of evaluation", limits_.max_depth);
  }

 private:
  enum class Flow : std::uint8_t { kNext, kBreak, kContinue };
  class Entered;

  Error exceeded() const;

  // Statements (execute.cc).
  Result<Flow> execute(const Block& block, const Ref<Scope>& scope, std::string& out);
  Result<Flow> execute(const Stmt& node, const Ref<Scope>& scope, std::string& out);
  Status output(const Stmt& node, const Ref<Scope>& scope, std::string& out);
  Result<Flow> execute_if(const Stmt& node, const Ref<Scope>& scope, std::string& out);
  Result<Flow> execute_for(const Stmt& node, const Ref<Scope>& scope, std::string& out);
  Result<Flow> execute_captured(const Stmt& node, const Ref<Scope>& scope, std::string& out);
  Status append(const Value& value, std::string& out);
  Status assign(const Expr& target, const Value& value, const Ref<Scope>& scope);

  // Expressions (evaluate.cc).
  Result<Value> evaluate(const Expr& node, const Ref<Scope>& scope);
  Result<Value> evaluate_inner(const Expr& node, const Ref<Scope>& scope);
  Result<Value> evaluate_name(const Expr& node, const Ref<Scope>& scope);
  Result<Value> evaluate_item(const Expr& node, const Ref<Scope>& scope);
  Result<Value> evaluate_dict(const Expr& node, const Ref<Scope>& scope);
  Result<Value> evaluate_compare(const Expr& node, const Ref<Scope>& scope);
  Result<Value> evaluate_concat(const Expr& node, const Ref<Scope>& scope);
  Result<Value> evaluate_condition(const Expr& node, const Ref<Scope>& scope);
  // `base`: the text of a filter block, for the innermost filter.
  Result<Value> evaluate_filter(const Expr& node, const Ref<Scope>& scope, const Value& base);
  Result<Arguments> evaluate_arguments(const CallArguments& call, const Ref<Scope>& scope);
  Result<std::vector<Value>> evaluate_children(const Expr& node, const Ref<Scope>& scope);

  const Template& tree_;
  const TemplateLimits& limits_;
  const Clock& clock_;
  Budget budget_;
  int line_ = 1;
  int depth_ = 0;
  std::vector<Value> constants_;
  std::unordered_map<std::string, Value> variables_;
  // What may be part of a cycle of references, kept until the end, where the cycles are broken.
  std::vector<Ref<NamespaceObject>> namespaces_;
  std::vector<Ref<Scope>> scopes_;
};

}  // namespace galago::text::jinja
