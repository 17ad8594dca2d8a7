// One rendering: the limits, the values made on the way, and the evaluation of the tree.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <functional>
#include <span>
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
  Value list(std::vector<Value> items);
  Value tuple(std::vector<Value> items);
  Value undefined(std::string message);
  template <class T, class... Args>
  Value make(Kind kind, Args&&... args) {
    return Value::object(kind, new T(budget_, std::forward<Args>(args)...));
  }
  template <class T, class... Args>
  Ref<T> make_ref(Args&&... args) {
    return Ref<T>(new T(budget_, std::forward<Args>(args)...));
  }
  Value make_namespace();

  Budget& budget() { return budget_; }
  const Clock& clock() const { return clock_; }

  // Pays for `count` units of work; fails beyond any limit.
  Status step(std::int64_t count = 1) {
    budget_.steps -= count;
    if (budget_.steps >= 0 && budget_.memory >= 0 && !budget_.too_deep) return {};
    return exceeded();
  }
  // Pays for making a string of `bytes`, before it is made.
  Status step_bytes(std::int64_t bytes);

  template <class... Args>
  Error fail(fmt::format_string<Args...> format, Args&&... args) const {
    return Error{ErrorCode::kInvalidArgument, fmt::format(format, std::forward<Args>(args)...)};
  }
  template <class... Args>
  Error limit(fmt::format_string<Args...> format, Args&&... args) const {
    return Error{ErrorCode::kOutOfRange, fmt::format(format, std::forward<Args>(args)...)};
  }
  template <class... Args>
  Error unsupported(fmt::format_string<Args...> format, Args&&... args) const {
    return Error{ErrorCode::kUnsupported, fmt::format(format, std::forward<Args>(args)...)};
  }

  Result<Value> call(const Value& callee, Arguments& arguments);
  Result<Value> call_filter(std::string_view name, const Value& value, Arguments& arguments);
  Result<bool> call_test(std::string_view name, const Value& value, Arguments& arguments);

  // Runs a macro or the body of a call block with these arguments.
  Result<Value> call_function(const Stmt& node, const Ref<Frame>& closure, Arguments& arguments);
  // Runs a recursive loop over `iterable`.
  Result<Value> call_loop(const Stmt& node, const Ref<Frame>& closure, const Value& iterable, std::int64_t level);
  Result<bool> loop_filter(const Stmt& node, const Ref<Frame>& frame, const Value& item);

  Result<Value> evaluate(const Expr& node, const Ref<Frame>& frame);

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

  Error exceeded() const;
  Error locate(Error error) const;

  void enter_scope(const Scope& scope, Frame& frame);
  void leave_scope(const Scope& scope, Frame& frame);
  Ref<Frame> make_frame(const Function& function, const Ref<Frame>& outer);
  class FrameGuard;
  class LoopGuard;

  // Statements (execute.cc).
  Result<Flow> execute(const Block& block, const Ref<Frame>& frame, std::string& out);
  Result<Flow> execute(const Stmt& node, const Ref<Frame>& frame, std::string& out);
  Status output(const Stmt& node, const Ref<Frame>& frame, std::string& out);
  Result<Flow> execute_if(const Stmt& node, const Ref<Frame>& frame, std::string& out);
  Result<Flow> execute_for(const Stmt& node, const Ref<Frame>& frame, std::string& out);
  Result<Flow> run_loop(const Stmt& node, const Ref<Frame>& frame, const Ref<Frame>& closure, const Value& iterable,
                        std::int64_t level, std::string& out);
  Result<Flow> execute_set(const Stmt& node, const Ref<Frame>& frame);
  Result<Flow> execute_set_block(const Stmt& node, const Ref<Frame>& frame);
  Result<Flow> execute_with(const Stmt& node, const Ref<Frame>& frame, std::string& out);
  Result<Flow> execute_filter_block(const Stmt& node, const Ref<Frame>& frame, std::string& out);
  Status execute_call_block(const Stmt& node, const Ref<Frame>& frame, std::string& out);
  Status append(const Value& value, std::string& out);
  Status assign(const Expr& target, const Value& value, const Ref<Frame>& frame);
  Status check_namespaces(const Expr& target, const Ref<Frame>& frame);
  Status bind_arguments(const Stmt& node, Frame& frame, Arguments& arguments);
  Result<Value> make_macro(const Stmt& node, const Ref<Frame>& frame);

  // Expressions (evaluate.cc).
  Result<Value> evaluate_inner(const Expr& node, const Ref<Frame>& frame);
  Result<Value> evaluate_name(const Expr& node, const Ref<Frame>& frame);
  Result<Value> evaluate_item(const Expr& node, const Ref<Frame>& frame);
  Result<Value> evaluate_dict(const Expr& node, const Ref<Frame>& frame);
  Result<Value> evaluate_compare(const Expr& node, const Ref<Frame>& frame);
  Result<Value> evaluate_concat(const Expr& node, const Ref<Frame>& frame);
  Result<Value> evaluate_condition(const Expr& node, const Ref<Frame>& frame);
  Result<Value> evaluate_call(const Expr& node, const Ref<Frame>& frame, const Value& caller);
  Result<Value> evaluate_filter(const Expr& node, const Ref<Frame>& frame, const Value& base);
  Result<Arguments> evaluate_arguments(const CallArguments& call, const Ref<Frame>& frame);
  Result<std::vector<Value>> evaluate_children(const Expr& node, const Ref<Frame>& frame);
  Value constant(const Expr& node);
  Value look_up(const std::string& name);

  const Template& tree_;
  const TemplateLimits& limits_;
  const Clock& clock_;
  Budget budget_;
  int line_ = 1;
  int depth_ = 0;
  std::vector<Value> constants_;
  std::unordered_map<std::string, Value> variables_;
  std::vector<Ref<NamespaceObject>> namespaces_;
  std::vector<Ref<Frame>> frames_;
  std::vector<Ref<LoopObject>> loops_;
};

}  // namespace galago::text::jinja
