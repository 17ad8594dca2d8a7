// The key-value part of a GGUF file, read in place: nothing is copied but what a getter returns.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "galago/result.h"

namespace galago::formats {

inline constexpr std::uint32_t kGgufMagic = 0x46554747;  // "GGUF", as a little-endian number

// The numbers are those of the file format.
enum class GgufType : std::uint32_t {
  kU8 = 0,
  kI8 = 1,
  kU16 = 2,
  kI16 = 3,
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kU64 = 10,
  kI64 = 11,
  kF64 = 12,
};

std::string_view to_string(GgufType type);
// Bytes of one value of a fixed-size type; 0 for strings and arrays.
std::size_t fixed_size(GgufType type);

// One value where it lies in the file; its bytes were proven against the file when it was parsed.
struct GgufValue {
  GgufType type = GgufType::kU8;
  GgufType element_type = GgufType::kU8;  // of an array
  std::uint64_t count = 1;                // elements of an array
  Bytes bytes;                            // a number's bytes, a string's characters, or an array's encoded elements

  std::string_view as_string() const;  // of a kString
  // The elements of an array, one level of nesting down; empty for other types.
  std::vector<GgufValue> elements() const;
};

// An array of numbers or booleans (or a lone number, as an array of one), converted one by one on access.
class GgufNumbers {
 public:
  GgufNumbers(GgufType type, Bytes bytes) : type_(type), bytes_(bytes) {}
  GgufType type() const { return type_; }
  std::size_t size() const { return bytes_.size() / fixed_size(type_); }
  bool empty() const { return bytes_.empty(); }
  bool is_float() const { return type_ == GgufType::kF32 || type_ == GgufType::kF64; }
  double f64(std::size_t index) const;
  // Floats are truncated and out-of-range values saturate, so that no bit pattern is undefined behaviour.
  std::int64_t i64(std::size_t index) const;
  std::vector<float> to_f32() const;
  std::vector<std::int64_t> to_i64() const;

 private:
  GgufType type_;
  Bytes bytes_;  // unaligned: read with memcpy
};

class GgufMetadata {
 public:
  struct Entry {
    std::string_view key;
    GgufValue value;
  };

  GgufMetadata() = default;
  // Fails when a key occurs twice. `source` names the file in errors.
  static Result<GgufMetadata> from_entries(std::vector<Entry> entries, std::string source);

  std::span<const Entry> entries() const { return entries_; }  // in the file's order
  const std::string& source() const { return source_; }
  const GgufValue* find(std::string_view key) const;
  bool contains(std::string_view key) const { return find(key) != nullptr; }

  // A missing key is kNotFound, a value of another type kCorrupt, a number that does not fit kOutOfRange; each names
  // file and key. Integers of any width are read by get_u64 and get_i64, any number by get_f64.
  Result<std::string_view> get_string(std::string_view key) const;
  Result<std::uint64_t> get_u64(std::string_view key) const;
  Result<std::int64_t> get_i64(std::string_view key) const;
  Result<double> get_f64(std::string_view key) const;
  Result<bool> get_bool(std::string_view key) const;

  // The same with a value for a missing key; a value of another type is still an error.
  Result<std::string_view> get_string(std::string_view key, std::string_view fallback) const;
  Result<std::uint64_t> get_u64(std::string_view key, std::uint64_t fallback) const;
  Result<std::int64_t> get_i64(std::string_view key, std::int64_t fallback) const;
  Result<double> get_f64(std::string_view key, double fallback) const;
  Result<bool> get_bool(std::string_view key, bool fallback) const;

  // Arrays. Views into the file, valid as long as it is mapped.
  Result<std::vector<std::string_view>> get_strings(std::string_view key) const;
  // Also accepts a lone number, since some keys (head counts) hold one number or one for each layer.
  Result<GgufNumbers> get_numbers(std::string_view key) const;

 private:
  Error wrong_type(std::string_view key, const GgufValue& found, std::string_view expected) const;
  Result<const GgufValue*> require(std::string_view key) const;

  std::vector<Entry> entries_;
  std::vector<std::uint32_t> by_key_;  // indices of entries_, sorted by key
  std::string source_;
};

}  // namespace galago::formats
