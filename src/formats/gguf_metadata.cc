#include "formats/gguf_metadata.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "base/try.h"
#include "formats/gguf_cursor.h"
#include "formats/quote.h"

namespace galago::formats {
namespace {

struct TypeInfo {
  std::string_view name;
  std::size_t size;
};

constexpr std::array<TypeInfo, 13> kTypes = {{{"u8", 1},
                                              {"i8", 1},
                                              {"u16", 2},
                                              {"i16", 2},
                                              {"u32", 4},
                                              {"i32", 4},
                                              {"f32", 4},
                                              {"bool", 1},
                                              {"string", 0},
                                              {"array", 0},
                                              {"u64", 8},
                                              {"i64", 8},
                                              {"f64", 8}}};

template <class T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

bool is_integer(GgufType type) {
  return fixed_size(type) != 0 && type != GgufType::kF32 && type != GgufType::kF64 && type != GgufType::kBool;
}

bool is_number(GgufType type) { return fixed_size(type) != 0 && type != GgufType::kBool; }

// Calls `use` with the value of the fixed-size `type` at `from`.
template <class Use>
auto visit_number(GgufType type, const std::byte* from, Use use) {
  switch (type) {
    case GgufType::kI8: return use(load<std::int8_t>(from));
    case GgufType::kU16: return use(load<std::uint16_t>(from));
    case GgufType::kI16: return use(load<std::int16_t>(from));
    case GgufType::kU32: return use(load<std::uint32_t>(from));
    case GgufType::kI32: return use(load<std::int32_t>(from));
    case GgufType::kF32: return use(load<float>(from));
    case GgufType::kU64: return use(load<std::uint64_t>(from));
    case GgufType::kI64: return use(load<std::int64_t>(from));
    case GgufType::kF64: return use(load<double>(from));
    default: return use(load<std::uint8_t>(from));  // kU8, kBool
  }
}

template <class T>
std::int64_t saturate_to_i64(T value) {
  if constexpr (std::is_floating_point_v<T>) {
    constexpr double kLimit = 9223372036854775808.0;  // 2^63
    if (std::isnan(value)) return 0;
    if (value >= kLimit) return std::numeric_limits<std::int64_t>::max();
    if (value < -kLimit) return std::numeric_limits<std::int64_t>::min();
    return static_cast<std::int64_t>(value);
  } else {
    if (!std::in_range<std::int64_t>(value)) return std::numeric_limits<std::int64_t>::max();
    return static_cast<std::int64_t>(value);
  }
}

std::string describe(const GgufValue& value) {
  if (value.type != GgufType::kArray) return std::string(to_string(value.type));
  return fmt::format("array of {} {}", value.count, to_string(value.element_type));
}

}  // namespace

std::string_view to_string(GgufType type) {
  const auto index = static_cast<std::size_t>(type);
  return index < kTypes.size() ? kTypes[index].name : "unknown";
}

std::size_t fixed_size(GgufType type) {
  const auto index = static_cast<std::size_t>(type);
  return index < kTypes.size() ? kTypes[index].size : 0;
}

std::string_view GgufValue::as_string() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

std::vector<GgufValue> GgufValue::elements() const {
  std::vector<GgufValue> out;
  if (type != GgufType::kArray) return out;
  out.reserve(count);
  GgufCursor cursor(bytes, {});
  for (std::uint64_t i = 0; i < count; ++i) {
    auto element = cursor.value(element_type);
    if (!element.ok()) break;  // cannot be: the cursor that made this array proved its elements
    out.push_back(*element);
  }
  return out;
}

double GgufNumbers::f64(std::size_t index) const {
  return visit_number(type_, bytes_.data() + index * fixed_size(type_),
                      [](auto value) { return static_cast<double>(value); });
}

std::int64_t GgufNumbers::i64(std::size_t index) const {
  return visit_number(type_, bytes_.data() + index * fixed_size(type_),
                      [](auto value) { return saturate_to_i64(value); });
}

std::vector<float> GgufNumbers::to_f32() const {
  std::vector<float> out(size());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(f64(i));
  return out;
}

std::vector<std::int64_t> GgufNumbers::to_i64() const {
  std::vector<std::int64_t> out(size());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = i64(i);
  return out;
}

Result<GgufMetadata> GgufMetadata::from_entries(std::vector<Entry> entries, std::string source) {
  GgufMetadata metadata;
  metadata.entries_ = std::move(entries);
  metadata.source_ = std::move(source);
  metadata.by_key_.resize(metadata.entries_.size());
  std::iota(metadata.by_key_.begin(), metadata.by_key_.end(), 0u);
  const auto key = [&](std::uint32_t index) { return metadata.entries_[index].key; };
  std::ranges::sort(metadata.by_key_, {}, key);
  const auto twice = std::ranges::adjacent_find(metadata.by_key_, {}, key);
  if (twice != metadata.by_key_.end()) {
    return error(ErrorCode::kCorrupt, "{}: metadata key {} occurs twice", metadata.source_, quote(key(*twice)));
  }
  return metadata;
}

const GgufValue* GgufMetadata::find(std::string_view key) const {
  const auto found =
      std::ranges::lower_bound(by_key_, key, {}, [&](std::uint32_t index) { return entries_[index].key; });
  if (found == by_key_.end() || entries_[*found].key != key) return nullptr;
  return &entries_[*found].value;
}

Error GgufMetadata::wrong_type(std::string_view key, const GgufValue& found, std::string_view expected) const {
  return error(ErrorCode::kCorrupt, "{}: metadata key {} is {} where {} is expected", source_, quote(key),
               describe(found), expected);
}

Result<const GgufValue*> GgufMetadata::require(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return error(ErrorCode::kNotFound, "{}: lacks the metadata key {}", source_, quote(key));
  return value;
}

Result<std::string_view> GgufMetadata::get_string(std::string_view key) const {
  GALAGO_TRY(const GgufValue* value, require(key));
  if (value->type != GgufType::kString) return wrong_type(key, *value, "a string");
  return value->as_string();
}

Result<std::uint64_t> GgufMetadata::get_u64(std::string_view key) const {
  GALAGO_TRY(const GgufValue* value, require(key));
  if (!is_integer(value->type)) return wrong_type(key, *value, "an integer");
  if (value->type == GgufType::kU64) return load<std::uint64_t>(value->bytes.data());
  const std::int64_t number = GgufNumbers(value->type, value->bytes).i64(0);
  if (number < 0) {
    return error(ErrorCode::kOutOfRange, "{}: metadata key {} is {}; it must not be negative", source_, quote(key),
                 number);
  }
  return static_cast<std::uint64_t>(number);
}

Result<std::int64_t> GgufMetadata::get_i64(std::string_view key) const {
  GALAGO_TRY(const GgufValue* value, require(key));
  if (!is_integer(value->type)) return wrong_type(key, *value, "an integer");
  if (value->type == GgufType::kU64 && !std::in_range<std::int64_t>(load<std::uint64_t>(value->bytes.data()))) {
    return error(ErrorCode::kOutOfRange, "{}: metadata key {} is {}, which is too large", source_, quote(key),
                 load<std::uint64_t>(value->bytes.data()));
  }
  return GgufNumbers(value->type, value->bytes).i64(0);
}

Result<double> GgufMetadata::get_f64(std::string_view key) const {
  GALAGO_TRY(const GgufValue* value, require(key));
  if (!is_number(value->type)) return wrong_type(key, *value, "a number");
  return GgufNumbers(value->type, value->bytes).f64(0);
}

Result<bool> GgufMetadata::get_bool(std::string_view key) const {
  GALAGO_TRY(const GgufValue* value, require(key));
  if (value->type != GgufType::kBool) return wrong_type(key, *value, "a bool");
  return value->bytes[0] != std::byte{0};
}

Result<std::string_view> GgufMetadata::get_string(std::string_view key, std::string_view fallback) const {
  if (!contains(key)) return fallback;
  return get_string(key);
}

Result<std::uint64_t> GgufMetadata::get_u64(std::string_view key, std::uint64_t fallback) const {
  if (!contains(key)) return fallback;
  return get_u64(key);
}

Result<std::int64_t> GgufMetadata::get_i64(std::string_view key, std::int64_t fallback) const {
  if (!contains(key)) return fallback;
  return get_i64(key);
}

Result<double> GgufMetadata::get_f64(std::string_view key, double fallback) const {
  if (!contains(key)) return fallback;
  return get_f64(key);
}

Result<bool> GgufMetadata::get_bool(std::string_view key, bool fallback) const {
  if (!contains(key)) return fallback;
  return get_bool(key);
}

Result<std::vector<std::string_view>> GgufMetadata::get_strings(std::string_view key) const {
  GALAGO_TRY(const GgufValue* value, require(key));
  if (value->type != GgufType::kArray || (value->element_type != GgufType::kString && value->count != 0)) {
    return wrong_type(key, *value, "an array of strings");
  }
  std::vector<std::string_view> out;
  out.reserve(value->count);
  const std::byte* at = value->bytes.data();
  for (std::uint64_t i = 0; i < value->count; ++i) {
    const auto length = load<std::uint64_t>(at);
    out.emplace_back(reinterpret_cast<const char*>(at) + 8, length);
    at += 8 + length;
  }
  return out;
}

Result<GgufNumbers> GgufMetadata::get_numbers(std::string_view key) const {
  GALAGO_TRY(const GgufValue* value, require(key));
  const bool array = value->type == GgufType::kArray;
  const GgufType element = array ? value->element_type : value->type;
  if (fixed_size(element) == 0) {
    // Writers give an empty array any element type.
    if (array && value->count == 0) return GgufNumbers(GgufType::kU8, {});
    return wrong_type(key, *value, "an array of numbers");
  }
  return GgufNumbers(element, value->bytes);
}

}  // namespace galago::formats
