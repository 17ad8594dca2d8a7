#include "text/jinja/value.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "text/jinja/objects.h"

namespace galago::text::jinja {

namespace {
// Below this many entries a dict is searched from end to end.
constexpr std::size_t kIndexedFrom = 9;

int deepest(const std::vector<Value>& items) {
  int depth = 0;
  for (const Value& item : items) depth = std::max(depth, item.depth());
  return depth;
}
}  // namespace

Object::Object(Budget& budget, std::int64_t bytes) : budget_(budget), bytes_(bytes) { budget_.memory -= bytes_; }

Object::~Object() { budget_.memory += bytes_; }

void Object::release() {
  if (--references_ == 0) delete this;
}

void Object::set_depth(int depth) {
  depth_ = depth;
  if (depth > kMaxValueDepth) budget_.too_deep = true;
}

const std::string& Value::text() const { return string().text(); }
bool Value::is_markup() const { return is_string() && string().markup(); }
const StringObject& Value::string() const { return static_cast<const StringObject&>(*object_); }
const UndefinedObject& Value::undefined() const { return static_cast<const UndefinedObject&>(*object_); }
const std::vector<Value>& Value::items() const { return sequence().items(); }
const SequenceObject& Value::sequence() const { return static_cast<const SequenceObject&>(*object_); }
const DictObject& Value::dict() const { return static_cast<const DictObject&>(*object_); }
NamespaceObject& Value::name_space() const { return static_cast<NamespaceObject&>(*object_); }
const RangeObject& Value::range() const { return static_cast<const RangeObject&>(*object_); }
const ViewObject& Value::view() const { return static_cast<const ViewObject&>(*object_); }
IteratorObject& Value::iterator() const { return static_cast<IteratorObject&>(*object_); }
const CallableObject& Value::callable() const { return static_cast<const CallableObject&>(*object_); }
LoopObject& Value::loop() const { return static_cast<LoopObject&>(*object_); }
CyclerObject& Value::cycler() const { return static_cast<CyclerObject&>(*object_); }
JoinerObject& Value::joiner() const { return static_cast<JoinerObject&>(*object_); }

bool Value::same_as(const Value& other) const {
  if (kind_ != other.kind_) return false;
  switch (kind_) {
    case Kind::kMissing:
    case Kind::kNone: return true;
    case Kind::kBool:
    case Kind::kInt: return integer_ == other.integer_;
    case Kind::kFloat: return number_ == other.number_;
    // Python shares equal short strings and empty tuples, so identity is mostly equality there.
    case Kind::kString: return is_markup() == other.is_markup() && text() == other.text();
    default: return object_ == other.object_;
  }
}

StringObject::StringObject(Budget& budget, std::string text, bool markup)
    : Object(budget, static_cast<std::int64_t>(sizeof(*this) + text.size())), text_(std::move(text)), markup_(markup) {
  // Continuation bytes are the ones that start no code point.
  const auto continuation = std::count_if(text_.begin(), text_.end(), [](char c) { return (c & 0xC0) == 0x80; });
  length_ = static_cast<std::int64_t>(text_.size()) - continuation;
  ascii_ = continuation == 0;
}

UndefinedObject::UndefinedObject(Budget& budget, std::string message)
    : Object(budget, static_cast<std::int64_t>(sizeof(*this) + message.size())), message_(std::move(message)) {}

SequenceObject::SequenceObject(Budget& budget, std::vector<Value> items, bool is_group)
    : Object(budget, static_cast<std::int64_t>(sizeof(*this) + items.size() * sizeof(Value))),
      items_(std::move(items)),
      is_group_(is_group) {
  set_depth(deepest(items_) + 1);
}

DictObject::DictObject(Budget& budget) : Object(budget, sizeof(*this)) { set_depth(1); }

void DictObject::insert(const Value& key, const Value& value) {
  set_depth(std::max({depth(), key.depth() + 1, value.depth() + 1}));
  const std::size_t hash = hash_value(key);
  if (entries_.size() < kIndexedFrom) {
    for (Entry& entry : entries_) {
      if (equal(entry.first, key)) {
        entry.second = value;
        return;
      }
    }
  } else {
    const auto [begin, end] = index_.equal_range(hash);
    for (auto it = begin; it != end; ++it) {
      if (equal(entries_[it->second].first, key)) {
        entries_[it->second].second = value;
        return;
      }
    }
  }
  entries_.emplace_back(key, value);
  if (entries_.size() == kIndexedFrom) {
    for (std::size_t i = 0; i < entries_.size(); ++i) index_.emplace(hash_value(entries_[i].first), i);
  } else if (entries_.size() > kIndexedFrom) {
    index_.emplace(hash, entries_.size() - 1);
  }
}

const Value* DictObject::find(const Value& key) const {
  if (entries_.size() < kIndexedFrom) {
    for (const Entry& entry : entries_) {
      if (equal(entry.first, key)) return &entry.second;
    }
    return nullptr;
  }
  const auto [begin, end] = index_.equal_range(hash_value(key));
  for (auto it = begin; it != end; ++it) {
    if (equal(entries_[it->second].first, key)) return &entries_[it->second].second;
  }
  return nullptr;
}

const Value* DictObject::find(std::string_view key) const {
  const auto matches = [key](const Entry& entry) { return entry.first.is_string() && entry.first.text() == key; };
  if (entries_.size() < kIndexedFrom) {
    const auto it = std::find_if(entries_.begin(), entries_.end(), matches);
    return it == entries_.end() ? nullptr : &it->second;
  }
  const auto [begin, end] = index_.equal_range(hash_string(key));
  for (auto it = begin; it != end; ++it) {
    if (matches(entries_[it->second])) return &entries_[it->second].second;
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
  for (auto& [key, old] : attributes_) {
    if (key == name) {
      old = std::move(value);
      return;
    }
  }
  attributes_.emplace_back(name, std::move(value));
}

RangeObject::RangeObject(Budget& budget, std::int64_t first, std::int64_t last, std::int64_t stride)
    : Object(budget, sizeof(*this)), start(first), stop(last), step(stride) {}

std::int64_t RangeObject::size() const {
  // In unsigned arithmetic, where the distance of any two bounds fits.
  const auto distance = [](std::int64_t low, std::int64_t high) {
    return static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
  };
  std::uint64_t count = 0;
  if (step > 0 && start < stop) {
    count = (distance(start, stop) - 1) / static_cast<std::uint64_t>(step) + 1;
  } else if (step < 0 && start > stop) {
    count = (distance(stop, start) - 1) / (~static_cast<std::uint64_t>(step) + 1) + 1;
  }
  return static_cast<std::int64_t>(std::min<std::uint64_t>(count, INT64_MAX));
}

ViewObject::ViewObject(Budget& budget, Value whole, Part what)
    : Object(budget, sizeof(*this)), dict(std::move(whole)), part(what) {
  set_depth(dict.depth() + 1);
}

std::size_t hash_string(std::string_view text) { return std::hash<std::string_view>()(text); }

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
      value.string().budget().steps -= static_cast<std::int64_t>(value.text().size()) / 64;
      return hash_string(value.text());
    case Kind::kTuple: {
      if (--value.sequence().budget().steps < 0) return 0;
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
      if (--value.sequence().budget().steps < 0) return true;
      return std::all_of(value.items().begin(), value.items().end(), is_hashable);
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
    case Kind::kDict: return "dict";
    case Kind::kNamespace: return "Namespace";
    case Kind::kRange: return "range";
    case Kind::kView:
      return value.view().part == ViewObject::Part::kKeys     ? "dict_keys"
             : value.view().part == ViewObject::Part::kValues ? "dict_values"
                                                              : "dict_items";
    case Kind::kIterator: return "generator";
    case Kind::kCallable: return "function";
    case Kind::kLoop: return "LoopContext";
    case Kind::kCycler: return "Cycler";
    case Kind::kJoiner: return "Joiner";
  }
  return "object";
}

}  // namespace galago::text::jinja
