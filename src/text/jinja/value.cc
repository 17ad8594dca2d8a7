#include "text/jinja/value.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "text/jinja/objects.h"

namespace galago::text::jinja {

namespace {
int deepest(const std::vector<Value>& items) {
  int depth = 0;
  for (const Value& item : items) depth = std::max(depth, item.depth());
  return depth;
}

std::size_t hash_string(std::string_view text) { return std::hash<std::string_view>()(text); }
}  // namespace

const std::string& Value::text() const { return string().text(); }
bool Value::is_markup() const { return is_string() && string().markup(); }
const StringObject& Value::string() const { return static_cast<const StringObject&>(*object_); }
const std::vector<Value>& Value::items() const { return sequence().items(); }
const SequenceObject& Value::sequence() const { return static_cast<const SequenceObject&>(*object_); }
const DictObject& Value::dict() const { return static_cast<const DictObject&>(*object_); }
NamespaceObject& Value::name_space() const { return static_cast<NamespaceObject&>(*object_); }
IteratorObject& Value::iterator() const { return static_cast<IteratorObject&>(*object_); }
const CallableObject& Value::callable() const { return static_cast<const CallableObject&>(*object_); }
LoopObject& Value::loop() const { return static_cast<LoopObject&>(*object_); }

bool Value::same_as(const Value& other) const {
  if (kind_ != other.kind_) return false;
  switch (kind_) {
    case Kind::kMissing:
    case Kind::kNone: return true;
    case Kind::kBool:
    case Kind::kInt: return integer_ == other.integer_;
    case Kind::kFloat: return number_ == other.number_;
    // Python shares equal short strings, so identity is mostly equality there.
    case Kind::kString: return is_markup() == other.is_markup() && text() == other.text();
    default: return object_ == other.object_;
  }
}

StringObject::StringObject(Budget& budget, std::string text, bool markup)
    : Object(budget, sizeof(*this) + text.size()), text_(std::move(text)), markup_(markup) {
  // Continuation bytes are the ones that start no code point.
  length_ = std::count_if(text_.begin(), text_.end(), [](char c) { return (c & 0xC0) != 0x80; });
}

SequenceObject::SequenceObject(Budget& budget, std::vector<Value> items, std::string label)
    : Object(budget, sizeof(*this) + items.size() * sizeof(Value)), items_(std::move(items)), label_(std::move(label)) {
  set_depth(deepest(items_) + 1);
}

IteratorObject::IteratorObject(Budget& budget, std::vector<Value> rest)
    : Object(budget, sizeof(*this) + rest.size() * sizeof(Value)), items(std::move(rest)) {
  set_depth(deepest(items) + 1);
}

LoopObject::LoopObject(Budget& budget, const Stmt& statement, std::vector<Value> items, Ref<Scope> closure)
    : Object(budget, sizeof(*this) + items.size() * sizeof(Value)),
      statement_(statement),
      items_(std::move(items)),
      closure_(std::move(closure)) {
  set_depth(deepest(items_) + 1);
}

void DictObject::insert(const Value& key, const Value& value) {
  set_depth(std::max({depth(), key.depth() + 1, value.depth() + 1}));
  if (const Value* known = find(key)) {
    *const_cast<Value*>(known) = value;
    return;
  }
  grow(sizeof(Entry) + sizeof(*index_.begin()));
  index_.emplace(hash_value(key), entries_.size());
  entries_.emplace_back(key, value);
}

const Value* DictObject::find(const Value& key) const {
  const auto [begin, end] = index_.equal_range(hash_value(key));
  for (auto it = begin; it != end; ++it) {
    if (equal(entries_[it->second].first, key)) return &entries_[it->second].second;
  }
  return nullptr;
}

const Value* DictObject::find(std::string_view key) const {
  const auto [begin, end] = index_.equal_range(hash_string(key));
  for (auto it = begin; it != end; ++it) {
    const Entry& entry = entries_[it->second];
    if (entry.first.is_string() && entry.first.text() == key) return &entry.second;
  }
  return nullptr;
}

const Value* NamespaceObject::find(std::string_view name) const {
  for (const auto& [key, value] : attributes_) {
    if (key == name) return &value;
  }
  return nullptr;
}

void NamespaceObject::set(std::string_view name, Value value) {
  if (const Value* known = find(name)) {
    *const_cast<Value*>(known) = std::move(value);
    return;
  }
  grow(sizeof(attributes_[0]) + name.size());
  attributes_.emplace_back(name, std::move(value));
}

std::size_t hash_value(const Value& value) {
  // Shared parts of nested tuples are hashed again and again: the budget ends that.
  switch (value.kind()) {
    case Kind::kBool:
    case Kind::kInt: return std::hash<std::int64_t>()(value.as_int());
    case Kind::kFloat: {
      const double d = value.as_float();
      // 1.0 and 1 are the same key.
      if (d >= -9.2e18 && d <= 9.2e18 && d == std::floor(d)) {
        return std::hash<std::int64_t>()(static_cast<std::int64_t>(d));
      }
      return std::hash<double>()(d);
    }
    case Kind::kString:
      value.string().pay(static_cast<std::int64_t>(value.text().size()) / 64);
      return hash_string(value.text());
    case Kind::kTuple: {
      if (!value.sequence().pay(1)) return 0;
      std::size_t hash = value.items().size();
      for (const Value& item : value.items()) hash = hash * 1000003u ^ hash_value(item);
      return hash;
    }
    default: return static_cast<std::size_t>(value.kind());
  }
}

bool is_hashable(const Value& value) {
  switch (value.kind()) {
    case Kind::kList:
    case Kind::kDict:
    case Kind::kView: return false;
    case Kind::kTuple:
      return !value.sequence().pay(1) || std::all_of(value.items().begin(), value.items().end(), is_hashable);
    default: return true;
  }
}

std::string_view type_name(const Value& value) {
  switch (value.kind()) {
    case Kind::kMissing: return "missing";
    case Kind::kUndefined: return "Undefined";
    case Kind::kNone: return "NoneType";
    case Kind::kBool: return "bool";
    case Kind::kInt: return "int";
    case Kind::kFloat: return "float";
    case Kind::kString: return value.is_markup() ? "Markup" : "str";
    case Kind::kList: return "list";
    case Kind::kTuple: return "tuple";
    case Kind::kRange: return "range";
    case Kind::kView: return value.sequence().label();
    case Kind::kDict: return "dict";
    case Kind::kNamespace: return "Namespace";
    case Kind::kIterator: return "generator";
    case Kind::kCallable: return "function";
    case Kind::kLoop: return "LoopContext";
  }
  return "object";
}

}  // namespace galago::text::jinja
