#include "text/jinja/symbols.h"

namespace galago::text::jinja {

const Variable* Symbols::find(const std::string& name) const {
  for (const Symbols* scope = this; scope != nullptr; scope = scope->parent_) {
    const auto it = scope->references_.find(name);
    if (it != scope->references_.end()) return &it->second;
  }
  return nullptr;
}

int Symbols::define(const std::string& name, Load load) {
  const int slot = function_->slot(level_, name);
  references_[name] = {function_, slot};
  loads_[slot] = std::move(load);
  return slot;
}

int Symbols::declare_parameter(const std::string& name) {
  stores_.insert(name);
  return define(name, {Load::Kind::kParameter, {}, {}});
}

void Symbols::store(const std::string& name) {
  stores_.insert(name);
  if (references_.contains(name)) return;
  if (const Variable* outer = find_outer(name)) {
    define(name, {Load::Kind::kAlias, {}, *outer});
  } else {
    define(name, {Load::Kind::kUndefined, {}, {}});
  }
}

void Symbols::load(const std::string& name) {
  if (find(name) == nullptr) define(name, {Load::Kind::kResolve, name, {}});
}

void Symbols::merge_branches(const std::vector<Symbols>& branches) {
  std::set<std::string> stored;
  for (const Symbols& branch : branches) stored.insert(branch.stores_.begin(), branch.stores_.end());
  for (const std::string& name : stores_) stored.erase(name);
  for (const Symbols& branch : branches) {
    for (const auto& [name, variable] : branch.references_) references_[name] = variable;
    for (const auto& [slot, load] : branch.loads_) loads_[slot] = load;
    stores_.insert(branch.stores_.begin(), branch.stores_.end());
  }
  // What only some branch assigns has, in the others, the value it had before.
  for (const std::string& name : stored) {
    Load& load = loads_[references_[name].slot];
    if (const Variable* outer = find_outer(name)) {
      load = {Load::Kind::kAlias, {}, *outer};
    } else {
      load = {Load::Kind::kResolve, name, {}};
    }
  }
}

}  // namespace galago::text::jinja
