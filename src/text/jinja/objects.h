// The values that do something: iterators, callables, loops and the small helpers of the template language.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "galago/result.h"
#include "text/jinja/ast.h"
#include "text/jinja/value.h"

namespace galago::text::jinja {

class Runtime;

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> keyword;
};

// The variables of one call of a Function.
class Frame : public Object {
 public:
  Frame(Budget& budget, int slots, Ref<Frame> outer)
      : Object(budget, static_cast<std::int64_t>(sizeof(*this) + static_cast<std::size_t>(slots) * sizeof(Value))),
        slots_(static_cast<std::size_t>(slots)),
        outer_(std::move(outer)) {}
  Value& slot(int index) { return slots_[static_cast<std::size_t>(index)]; }
  Value& at(SlotRef ref) {
    Frame* frame = this;
    for (int i = 0; i < ref.hops; ++i) frame = frame->outer_.get();
    return frame->slot(ref.slot);
  }
  // Breaks the cycles through what the variables hold.
  void clear() {
    for (Value& value : slots_) value = Value();
  }

 private:
  std::vector<Value> slots_;
  Ref<Frame> outer_;
};

class IteratorObject : public Object {
 public:
  using Object::Object;
  // The next element; missing at the end.
  virtual Result<Value> next(Runtime& runtime) = 0;
  // "generator", "list_reverseiterator": what Python calls the type.
  virtual std::string_view python_type() const { return "generator"; }
};

class CallableObject : public Object {
 public:
  using Object::Object;
  virtual Result<Value> call(Runtime& runtime, Arguments& arguments) const = 0;
  // Attributes that a template may read; missing when there is none of that name.
  virtual Value attribute(Runtime& runtime, std::string_view name) const;
  // What printing it shows; empty where Python would show an address.
  virtual std::string text() const { return {}; }
};

// `loop` in the body of a for.
class LoopObject : public Object {
 public:
  LoopObject(Budget& budget, Value iterable, Ref<IteratorObject> iterator, std::int64_t depth);

  // Moves on; missing at the end.
  Result<Value> advance(Runtime& runtime);
  Result<Value> attribute(Runtime& runtime, std::string_view name);
  Result<std::int64_t> length(Runtime& runtime);
  Result<Value> cycle(Runtime& runtime, const Arguments& arguments) const;
  Value changed(Runtime& runtime, Arguments& arguments);
  std::int64_t index0() const { return index0_; }
  std::int64_t level() const { return level_; }
  // Breaks the cycles through what the loop remembers.
  void clear();

  // Set for recursive loops: what loop(...) runs.
  const Stmt* statement = nullptr;
  Ref<Frame> closure;

 private:
  Result<Value> peek(Runtime& runtime);

  Value iterable_;
  Ref<IteratorObject> iterator_;
  Value before_, current_, after_, last_changed_;
  std::int64_t index0_ = -1;
  std::int64_t length_ = -1;
  std::int64_t level_;
};

class CyclerObject : public Object {
 public:
  CyclerObject(Budget& budget, std::vector<Value> items);
  std::vector<Value> items;
  std::size_t position = 0;
};

class JoinerObject : public Object {
 public:
  JoinerObject(Budget& budget, Value separator_text)
      : Object(budget, sizeof(*this)), separator(std::move(separator_text)) {
    set_depth(separator.depth() + 1);
  }
  Value separator;
  bool used = false;
};

}  // namespace galago::text::jinja
