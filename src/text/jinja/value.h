// Values of the template language: Python's, as far as a template can hold them. Reference counted; everything but
// namespaces, iterators and loops is immutable, so no cycle can form except through those and the scopes of macros,
// which the runtime breaks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace galago::text::jinja {

// What is left of a rendering's limits. Objects give their bytes back when they die.
struct Budget {
  std::int64_t steps = 0;
  std::int64_t memory = 0;
  std::int64_t max_string = 0;
  bool too_deep = false;  // a value was built whose nesting exceeds kMaxValueDepth
};

// Destroying, comparing and printing nested values recurses; this bounds it.
inline constexpr int kMaxValueDepth = 200;

enum class Kind : std::uint8_t {
  kMissing,  // no value at all: an unset variable, an argument not given
  kNone,
  kBool,
  kInt,
  kFloat,
  kUndefined,
  kString,
  kList,
  kTuple,
  kRange,
  kView,  // dict.keys(), .values(), .items()
  kDict,
  kNamespace,
  kIterator,
  kCallable,
  kLoop,
};

class Object {
 public:
  Object(Budget& budget, std::size_t bytes) : budget_(budget), bytes_(static_cast<std::int64_t>(bytes)) {
    budget_.memory -= bytes_;
  }
  virtual ~Object() { budget_.memory += bytes_; }
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  // Nesting of containers below and including this one.
  int depth() const { return depth_; }
  std::int64_t use_count() const { return references_; }
  // Pays for work that has no other place to fail: false when nothing is left, and then the result does not matter.
  bool pay(std::int64_t steps) const {
    budget_.steps -= steps;
    return budget_.steps >= 0;
  }

 protected:
  void set_depth(int depth) {
    depth_ = depth;
    if (depth > kMaxValueDepth) budget_.too_deep = true;
  }
  void grow(std::size_t bytes) {
    budget_.memory -= static_cast<std::int64_t>(bytes);
    bytes_ += static_cast<std::int64_t>(bytes);
  }

 private:
  friend class Value;
  template <class T>
  friend class Ref;
  void release() {
    if (--references_ == 0) delete this;
  }

  Budget& budget_;
  std::int64_t bytes_;
  std::int64_t references_ = 0;
  int depth_ = 0;
};

// An owning pointer to an Object.
template <class T>
class Ref {
 public:
  Ref() = default;
  explicit Ref(T* object) : object_(object) {
    if (object_) ++object_->references_;
  }
  Ref(const Ref& other) : Ref(other.object_) {}
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_ != nullptr) object_->release();
  }
  T* get() const { return object_; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  T* object_ = nullptr;
};

class StringObject;
class SequenceObject;
class DictObject;
class NamespaceObject;
class IteratorObject;
class CallableObject;
class LoopObject;

class Value {
 public:
  Value() = default;
  static Value none() { return Value(Kind::kNone); }
  static Value boolean(bool b) {
    Value v(Kind::kBool);
    v.integer_ = b ? 1 : 0;
    return v;
  }
  static Value integer(std::int64_t i) {
    Value v(Kind::kInt);
    v.integer_ = i;
    return v;
  }
  static Value number(double d) {
    Value v(Kind::kFloat);
    v.number_ = d;
    return v;
  }
  static Value object(Kind kind, Object* object) {
    Value v(kind);
    v.object_ = object;
    ++object->references_;
    return v;
  }
  Value(const Value& other) : kind_(other.kind_), integer_(other.integer_) {
    if (has_object()) ++object_->references_;
  }
  Value(Value&& other) noexcept
      : kind_(std::exchange(other.kind_, Kind::kMissing)), integer_(std::exchange(other.integer_, 0)) {}
  Value& operator=(Value other) noexcept {
    std::swap(kind_, other.kind_);
    std::swap(integer_, other.integer_);
    return *this;
  }
  ~Value() {
    if (has_object()) object_->release();
  }

  Kind kind() const { return kind_; }
  bool is(Kind kind) const { return kind_ == kind; }
  bool is_missing() const { return kind_ == Kind::kMissing; }
  bool is_undefined() const { return kind_ == Kind::kUndefined; }
  bool is_none() const { return kind_ == Kind::kNone; }
  bool is_string() const { return kind_ == Kind::kString; }
  bool is_sequence() const { return kind_ == Kind::kList || kind_ == Kind::kTuple; }
  bool has_items() const { return kind_ >= Kind::kList && kind_ <= Kind::kView; }
  // Python's bool is an int.
  bool is_integral() const { return kind_ == Kind::kInt || kind_ == Kind::kBool; }
  bool is_number() const { return is_integral() || kind_ == Kind::kFloat; }

  // Each is defined only for its kinds.
  bool as_bool() const { return integer_ != 0; }
  std::int64_t as_int() const { return integer_; }
  double as_float() const { return number_; }
  double as_number() const { return kind_ == Kind::kFloat ? number_ : static_cast<double>(integer_); }
  const std::string& text() const;  // of an undefined value: what using it is answered with
  bool is_markup() const;
  const StringObject& string() const;
  const std::vector<Value>& items() const;  // kList to kView
  const SequenceObject& sequence() const;
  const DictObject& dict() const;
  NamespaceObject& name_space() const;
  IteratorObject& iterator() const;
  const CallableObject& callable() const;
  LoopObject& loop() const;

  int depth() const { return has_object() ? object_->depth() : 0; }
  // Python's `is`.
  bool same_as(const Value& other) const;

 private:
  explicit Value(Kind kind) : kind_(kind) {}
  bool has_object() const { return kind_ >= Kind::kUndefined; }

  Kind kind_ = Kind::kMissing;
  union {
    std::int64_t integer_ = 0;
    double number_;
    Object* object_;
  };
};

// A string, or an undefined value with its message.
class StringObject : public Object {
 public:
  StringObject(Budget& budget, std::string text, bool markup);
  const std::string& text() const { return text_; }
  bool markup() const { return markup_; }
  // In code points.
  std::int64_t length() const { return length_; }
  bool ascii() const { return length_ == static_cast<std::int64_t>(text_.size()); }

 private:
  std::string text_;
  bool markup_;  // markupsafe's Markup, which escapes what is joined to it
  std::int64_t length_;
};

// A list, a tuple, a range or a view of a dict.
class SequenceObject : public Object {
 public:
  SequenceObject(Budget& budget, std::vector<Value> items, std::string label = {});
  const std::vector<Value>& items() const { return items_; }
  // A range as Python prints it; the type of a view.
  const std::string& label() const { return label_; }

 private:
  std::vector<Value> items_;
  std::string label_;
};

// Keeps the order of insertion. Keys are hashable values: see is_hashable().
class DictObject : public Object {
 public:
  using Entry = std::pair<Value, Value>;
  explicit DictObject(Budget& budget) : Object(budget, sizeof(*this)) { set_depth(1); }
  const std::vector<Entry>& entries() const { return entries_; }
  // Replaces the value of an equal key.
  void insert(const Value& key, const Value& value);
  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;

 private:
  std::vector<Entry> entries_;
  std::unordered_multimap<std::size_t, std::size_t> index_;  // hash to entry
};

// Owned by the runtime until the rendering ends, whatever refers to it: its attributes may form cycles.
class NamespaceObject : public Object {
 public:
  explicit NamespaceObject(Budget& budget) : Object(budget, sizeof(*this)) {}
  const Value* find(std::string_view name) const;
  void set(std::string_view name, Value value);
  const std::vector<std::pair<std::string, Value>>& attributes() const { return attributes_; }
  void clear() { attributes_.clear(); }

 private:
  std::vector<std::pair<std::string, Value>> attributes_;
};

std::size_t hash_value(const Value& value);
bool is_hashable(const Value& value);
// Python's ==. Recursion is bounded by the values' depth.
bool equal(const Value& a, const Value& b);
// Python's name of the type: "str", "dict", ...
std::string_view type_name(const Value& value);

}  // namespace galago::text::jinja
