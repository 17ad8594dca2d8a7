#include "text/jinja/filters.h"

#include <algorithm>

#include "base/try.h"
#include "text/jinja/characters.h"
#include "text/jinja/number_text.h"

namespace galago::text::jinja {

namespace {

class DeferredIterator : public IteratorObject {
 public:
  DeferredIterator(Budget& budget, Value source, std::function<Result<std::vector<Value>>(Runtime&)> compute)
      : IteratorObject(budget, sizeof(*this)), source_(std::move(source)), compute_(std::move(compute)) {
    set_depth(source_.depth() + 1);
  }
  Result<Value> next(Runtime& runtime) override {
    if (compute_) {
      GALAGO_TRY(items_, compute_(runtime));
      compute_ = nullptr;
    }
    return at_ < items_.size() ? items_[at_++] : Value();
  }

 private:
  Value source_;
  std::function<Result<std::vector<Value>>(Runtime&)> compute_;
  std::vector<Value> items_;
  std::size_t at_ = 0;
};

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

Result<AttributePath> AttributePath::parse(Runtime& runtime, const Value& attribute) {
  AttributePath path;
  if (attribute.is_missing() || attribute.is_none()) return path;
  if (!attribute.is_string()) {
    path.parts_.push_back(attribute);
    return path;
  }
  std::string_view rest = attribute.text();
  while (true) {
    const std::size_t dot = std::min(rest.find('.'), rest.size());
    const std::string_view part = rest.substr(0, dot);
    bool overflow = false;
    if (all_digits(part)) {
      const auto index = parse_int(part, 10, overflow);
      if (!index) return runtime.limit("the index {} has more than 64 bits", part);
      path.parts_.push_back(Value::integer(*index));
    } else {
      path.parts_.push_back(runtime.string(std::string(part)));
    }
    if (dot == rest.size()) return path;
    rest.remove_prefix(dot + 1);
  }
}

Result<Value> AttributePath::get(Runtime& runtime, const Value& item, const Value& fallback) const {
  Value value = item;
  for (const Value& part : parts_) {
    GALAGO_CHECK(runtime.step());
    GALAGO_TRY(value, get_item(runtime, value, part));
    if (value.is_undefined() && !fallback.is_missing() && !fallback.is_none()) value = fallback;
  }
  return value;
}

Value fold_case(Runtime& runtime, const Value& value, bool case_sensitive) {
  if (case_sensitive || !value.is_string()) return value;
  return runtime.string(to_lower(value.text()), value.is_markup());
}

Value defer(Runtime& runtime, const Value& source, std::function<Result<std::vector<Value>>(Runtime&)> compute) {
  return Value::object(Kind::kIterator, runtime.make_ref<DeferredIterator>(source, std::move(compute)).get());
}

Result<bool> flag(Runtime& runtime, const Value& argument, bool fallback) {
  if (argument.is_missing()) return fallback;
  return truth(runtime, argument);
}

Result<std::string> text_argument(Runtime& runtime, const Value& argument, std::string_view fallback,
                                  std::string_view what) {
  if (argument.is_missing()) return std::string(fallback);
  if (!argument.is_string()) return runtime.fail("{} must be str, not {}", what, type_name(argument));
  return argument.text();
}

const FilterSpec* find_filter(std::string_view name) {
  for (const auto table : {text_filters(), sequence_filters(), select_filters(), number_filters()}) {
    const auto it = std::find_if(table.begin(), table.end(), [name](const FilterSpec& f) { return f.name == name; });
    if (it != table.end()) return &*it;
  }
  return nullptr;
}

Result<std::vector<Value>> sort_values(Runtime& runtime, std::vector<Value> values, std::vector<Value> keys,
                                       bool reverse) {
  // A merge sort of our own: std::stable_sort may read out of bounds when an order is inconsistent, as NaN's is.
  std::vector<std::size_t> indices(values.size());
  for (std::size_t i = 0; i < indices.size(); ++i) indices[i] = i;
  std::vector<std::size_t> merged(indices.size());
  for (std::size_t width = 1; width < indices.size(); width *= 2) {
    for (std::size_t low = 0; low < indices.size(); low += 2 * width) {
      const std::size_t middle = std::min(low + width, indices.size());
      const std::size_t high = std::min(low + 2 * width, indices.size());
      std::size_t left = low;
      std::size_t right = middle;
      for (std::size_t out = low; out < high; ++out) {
        bool take_right = left == middle;
        if (!take_right && right < high) {
          const Value& a = keys[indices[left]];
          const Value& b = keys[indices[right]];
          GALAGO_TRY(const bool before, compare(runtime, CompareOp::kLess, reverse ? a : b, reverse ? b : a));
          take_right = before;
        }
        merged[out] = take_right ? indices[right++] : indices[left++];
      }
    }
    indices.swap(merged);
  }
  // One element is never compared; Python compares nothing either.
  std::vector<Value> sorted;
  sorted.reserve(values.size());
  for (const std::size_t index : indices) sorted.push_back(std::move(values[index]));
  return sorted;
}

}  // namespace galago::text::jinja
