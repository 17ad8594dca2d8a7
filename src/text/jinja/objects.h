// What holds or does something while a template runs: scopes, iterators, callables and loops.
#pragma once

#include <span>
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

// The variables of the template, of one round of a loop, of a block or of a call of a macro. What is assigned belongs
// to the innermost scope; what is read may belong to any.
class Scope : public Object {
 public:
  Scope(Budget& budget, Ref<Scope> outer) : Object(budget, sizeof(*this)), outer_(std::move(outer)) {}
  void set(int symbol, Value value) {
    for (auto& [known, old] : variables_) {
      if (known == symbol) {
        old = std::move(value);
        return;
      }
    }
    grow(sizeof(variables_[0]));
    variables_.emplace_back(symbol, std::move(value));
  }
  const Value* find(int symbol) const {
    for (const Scope* scope = this; scope != nullptr; scope = scope->outer_.get()) {
      for (const auto& [known, value] : scope->variables_) {
        if (known == symbol) return &value;
      }
    }
    return nullptr;
  }
  // Breaks the cycles through what the variables hold.
  void clear() { variables_.clear(); }

 private:
  std::vector<std::pair<int, Value>> variables_;
  Ref<Scope> outer_;
};

// What map, select and their kin give: elements that can be taken once.
class IteratorObject : public Object {
 public:
  IteratorObject(Budget& budget, std::vector<Value> rest);
  std::vector<Value> items;
  std::size_t position = 0;
};

class CallableObject : public Object {
 public:
  using Object::Object;
  virtual Result<Value> call(Runtime& runtime, Arguments& arguments) const = 0;
};

// A loop that runs, which is `loop` in its body. Its filter looks at an element when it is that element's turn, or when
// the body asks for what follows.
class LoopObject : public Object {
 public:
  LoopObject(Budget& budget, const Stmt& statement, std::vector<Value> items, Ref<Scope> closure);
  // Moves on; missing at the end.
  Result<Value> advance(Runtime& runtime);
  // Missing when there is none of that name.
  Result<Value> attribute(Runtime& runtime, std::string_view name);
  Result<std::int64_t> length(Runtime& runtime);

 private:
  // The next element that passes.
  Result<Value> fetch(Runtime& runtime);
  Result<Value> peek(Runtime& runtime);

  const Stmt& statement_;
  std::vector<Value> items_;
  Ref<Scope> closure_;
  std::size_t position_ = 0;
  bool filtered_ = false;  // items_ have passed the filter already
  Value before_, current_, after_;
  std::int64_t index0_ = -1;
  std::int64_t length_ = -1;
};

}  // namespace galago::text::jinja
