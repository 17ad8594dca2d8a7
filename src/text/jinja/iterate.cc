#include <algorithm>

#include "base/try.h"
#include "text/jinja/operations.h"
#include "text/jinja/runtime.h"
#include "text/unicode.h"

namespace galago::text::jinja {

bool is_iterable(const Value& value) {
  return value.has_items() || value.is_string() || value.is(Kind::kDict) || value.is_undefined() ||
         value.is(Kind::kIterator) || value.is(Kind::kLoop);
}

Result<std::int64_t> length(Runtime& runtime, const Value& value) {
  if (value.has_items()) return static_cast<std::int64_t>(value.items().size());
  switch (value.kind()) {
    case Kind::kString: return value.string().length();
    case Kind::kDict: return static_cast<std::int64_t>(value.dict().entries().size());
    case Kind::kUndefined: return std::int64_t{0};
    case Kind::kLoop: return value.loop().length(runtime);
    default: return runtime.fail("object of type '{}' has no len()", type_name(value));
  }
}

Result<std::vector<Value>> to_vector(Runtime& runtime, const Value& value) {
  std::vector<Value> items;
  if (value.has_items()) {
    GALAGO_CHECK(runtime.step(static_cast<std::int64_t>(value.items().size()) / 4 + 1));
    return value.items();
  }
  switch (value.kind()) {
    case Kind::kUndefined: return items;
    case Kind::kString: {
      GALAGO_CHECK(runtime.step(value.string().length()));
      const std::string& text = value.text();
      for (std::size_t i = 0; i < text.size();) {
        const std::uint32_t size = decode_utf8(text, i).size;
        items.push_back(runtime.string(text.substr(i, size)));
        i += size;
        GALAGO_CHECK(runtime.step(0));
      }
      return items;
    }
    case Kind::kDict:
      GALAGO_CHECK(runtime.step(static_cast<std::int64_t>(value.dict().entries().size()) / 4 + 1));
      for (const auto& [key, item] : value.dict().entries()) items.push_back(key);
      return items;
    case Kind::kIterator: {
      IteratorObject& iterator = value.iterator();
      GALAGO_CHECK(runtime.step(static_cast<std::int64_t>(iterator.items.size()) / 4 + 1));
      items.assign(iterator.items.begin() + static_cast<std::ptrdiff_t>(iterator.position), iterator.items.end());
      iterator.position = iterator.items.size();
      return items;
    }
    default: return runtime.fail("'{}' object is not iterable", type_name(value));
  }
}

Result<std::vector<Value>> sort_values(Runtime& runtime, std::vector<Value> values, const std::vector<Value>& keys,
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
          GALAGO_TRY(take_right, compare(runtime, CompareOp::kLess, reverse ? a : b, reverse ? b : a));
        }
        merged[out] = take_right ? indices[right++] : indices[left++];
      }
    }
    indices.swap(merged);
  }
  std::vector<Value> sorted;
  sorted.reserve(values.size());
  for (const std::size_t index : indices) sorted.push_back(std::move(values[index]));
  return sorted;
}

}  // namespace galago::text::jinja
