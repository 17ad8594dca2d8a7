#include "base/try.h"
#include "text/jinja/operations.h"
#include "text/jinja/runtime.h"

namespace galago::text::jinja {

Value CallableObject::attribute(Runtime& /*runtime*/, std::string_view /*name*/) const { return {}; }

namespace {

// Walks a list, tuple, dict, view or range by index.
class IndexIterator : public IteratorObject {
 public:
  IndexIterator(Budget& budget, Value source) : IteratorObject(budget, sizeof(*this)), source_(std::move(source)) {
    set_depth(source_.depth() + 1);
  }
  Result<Value> next(Runtime& runtime) override {
    const std::size_t at = index_++;
    switch (source_.kind()) {
      case Kind::kList:
      case Kind::kTuple: return at < source_.items().size() ? source_.items()[at] : Value();
      case Kind::kDict: return entry(runtime, source_.dict(), at, ViewObject::Part::kKeys);
      case Kind::kView: return entry(runtime, source_.view().dict.dict(), at, source_.view().part);
      case Kind::kRange: {
        const RangeObject& range = source_.range();
        const auto index = static_cast<std::int64_t>(at);
        return index < range.size() ? Value::integer(range.at(index)) : Value();
      }
      default: return Value();
    }
  }

 private:
  static Value entry(Runtime& runtime, const DictObject& dict, std::size_t at, ViewObject::Part part) {
    if (at >= dict.entries().size()) return {};
    const auto& [key, value] = dict.entries()[at];
    if (part == ViewObject::Part::kKeys) return key;
    if (part == ViewObject::Part::kValues) return value;
    return runtime.tuple({key, value});
  }

  Value source_;
  std::size_t index_ = 0;
};

// The code points of a string.
class TextIterator : public IteratorObject {
 public:
  TextIterator(Budget& budget, Value source) : IteratorObject(budget, sizeof(*this)), source_(std::move(source)) {}
  Result<Value> next(Runtime& runtime) override {
    const std::string& text = source_.text();
    if (at_ >= text.size()) return Value();
    std::size_t end = at_ + 1;
    while (end < text.size() && (text[end] & 0xC0) == 0x80) ++end;
    Value character = runtime.string(text.substr(at_, end - at_));
    at_ = end;
    return character;
  }

 private:
  Value source_;
  std::size_t at_ = 0;
};

class ReverseIterator : public IteratorObject {
 public:
  ReverseIterator(Budget& budget, std::vector<Value> items)
      : IteratorObject(budget, static_cast<std::int64_t>(sizeof(*this) + items.size() * sizeof(Value))),
        items_(std::move(items)) {
    int deepest = 0;
    for (const Value& item : items_) deepest = std::max(deepest, item.depth());
    set_depth(deepest + 1);
  }
  Result<Value> next(Runtime& /*runtime*/) override {
    if (items_.empty()) return Value();
    Value item = std::move(items_.back());
    items_.pop_back();
    return item;
  }

 private:
  std::vector<Value> items_;
};

}  // namespace

Result<Ref<IteratorObject>> iterate(Runtime& runtime, const Value& value) {
  switch (value.kind()) {
    case Kind::kString: return Ref<IteratorObject>(runtime.make_ref<TextIterator>(value).get());
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kDict:
    case Kind::kView:
    case Kind::kRange:
    case Kind::kUndefined: return Ref<IteratorObject>(runtime.make_ref<IndexIterator>(value).get());
    case Kind::kIterator: return Ref<IteratorObject>(&value.iterator());
    default: return runtime.fail("'{}' object is not iterable", type_name(value));
  }
}

bool is_iterable(const Value& value) {
  switch (value.kind()) {
    case Kind::kString:
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kDict:
    case Kind::kView:
    case Kind::kRange:
    case Kind::kUndefined:
    case Kind::kIterator:
    case Kind::kLoop: return true;
    default: return false;
  }
}

bool has_length(const Value& value) { return is_iterable(value) && !value.is(Kind::kIterator); }

Result<std::int64_t> length(Runtime& runtime, const Value& value) {
  switch (value.kind()) {
    case Kind::kString: return value.string().length();
    case Kind::kList:
    case Kind::kTuple: return static_cast<std::int64_t>(value.items().size());
    case Kind::kDict: return static_cast<std::int64_t>(value.dict().entries().size());
    case Kind::kView: return static_cast<std::int64_t>(value.view().dict.dict().entries().size());
    case Kind::kRange: return value.range().size();
    case Kind::kUndefined: return std::int64_t{0};
    case Kind::kLoop: return value.loop().length(runtime);
    default: return runtime.fail("object of type '{}' has no len()", type_name(value));
  }
}

Result<std::vector<Value>> to_vector(Runtime& runtime, const Value& value) {
  if (value.is_sequence()) {
    GALAGO_CHECK(runtime.step(static_cast<std::int64_t>(value.items().size()) / 4 + 1));
    return value.items();
  }
  GALAGO_TRY(const auto iterator, iterate(runtime, value));
  std::vector<Value> items;
  while (true) {
    GALAGO_CHECK(runtime.step());
    GALAGO_TRY(Value item, iterator->next(runtime));
    if (item.is_missing()) return items;
    items.push_back(std::move(item));
  }
}

Value iterator_over(Runtime& runtime, std::vector<Value> items) {
  return Value::object(Kind::kIterator, runtime.make_ref<IndexIterator>(runtime.list(std::move(items))).get());
}

Result<Value> reversed(Runtime& runtime, const Value& value) {
  switch (value.kind()) {
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kDict:
    case Kind::kView:
    case Kind::kRange:
    case Kind::kString:
    case Kind::kUndefined: break;
    default: return runtime.fail("'{}' object is not reversible", type_name(value));
  }
  GALAGO_TRY(auto items, to_vector(runtime, value));
  return Value::object(Kind::kIterator, runtime.make_ref<ReverseIterator>(std::move(items)).get());
}

}  // namespace galago::text::jinja
