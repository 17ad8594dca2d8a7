// The names of one scope while slots are given out.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "text/jinja/ast.h"

namespace galago::text::jinja {

// The slots of one function: a variable is known by its name and the depth of the scope that has it.
struct FunctionSlots {
  const FunctionSlots* outer = nullptr;
  int depth = 0;
  std::map<std::pair<int, std::string>, int> slots;

  int slot(int level, const std::string& name) {
    return slots.try_emplace({level, name}, static_cast<int>(slots.size())).first->second;
  }
};

// A variable: the function whose frame holds it, and where.
struct Variable {
  const FunctionSlots* function = nullptr;
  int slot = -1;
};

struct Load {
  enum class Kind : std::uint8_t { kParameter, kResolve, kAlias, kUndefined } kind = Kind::kUndefined;
  std::string name;
  Variable source;
};

class Symbols {
 public:
  Symbols(FunctionSlots& function, const Symbols* parent)
      : function_(&function), parent_(parent), level_(parent ? parent->level_ + 1 : 0) {}

  const Variable* find(const std::string& name) const;
  const Variable* find_outer(const std::string& name) const { return parent_ ? parent_->find(name) : nullptr; }

  int declare_parameter(const std::string& name);
  void store(const std::string& name);
  void load(const std::string& name);
  // What the branches of an if did, each of which started as a copy of this.
  void merge_branches(const std::vector<Symbols>& branches);

  // How many entries a copy has.
  std::size_t size() const { return references_.size() + loads_.size() + stores_.size(); }
  const std::map<int, Load>& loads() const { return loads_; }
  FunctionSlots& function() const { return *function_; }

 private:
  int define(const std::string& name, Load load);

  FunctionSlots* function_;
  const Symbols* parent_;
  int level_;
  std::map<std::string, Variable> references_;
  std::map<int, Load> loads_;  // by slot
  std::set<std::string> stores_;
};

}  // namespace galago::text::jinja
