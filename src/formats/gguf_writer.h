// Writes GGUF v3: metadata, then tensors, whose bytes are streamed from where they are.
#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "formats/gguf_metadata.h"
#include "formats/stored_tensor.h"
#include "galago/result.h"

namespace galago::formats {

template <class T>
concept GgufNumber = std::same_as<T, std::uint8_t> || std::same_as<T, std::int8_t> || std::same_as<T, std::uint16_t> ||
                     std::same_as<T, std::int16_t> || std::same_as<T, std::uint32_t> || std::same_as<T, std::int32_t> ||
                     std::same_as<T, std::uint64_t> || std::same_as<T, std::int64_t> || std::same_as<T, float> ||
                     std::same_as<T, double>;

class GgufWriter {
 public:
  // The type written is that of the argument; a literal needs a cast or a suffix. A key that is set again fails
  // to_bytes() and write().
  template <GgufNumber T>
  void set(std::string_view key, T value) {
    put(key, type_of<T>(), std::as_bytes(std::span(&value, 1)));
  }
  void set(std::string_view key, std::same_as<bool> auto value) {
    const std::byte byte{value};
    put(key, GgufType::kBool, {&byte, 1});
  }
  void set(std::string_view key, std::string_view value);
  void set(std::string_view key, const char* value) { set(key, std::string_view(value)); }
  template <GgufNumber T>
  void set_array(std::string_view key, std::span<const T> values) {
    put_array(key, type_of<T>(), values.size(), std::as_bytes(values));
  }
  void set_strings(std::string_view key, std::span<const std::string_view> values);
  // A value as another file holds it, nested arrays too.
  void copy(std::string_view key, const GgufValue& value);

  // `tensor.data` must stay valid until the file is written; `tensor.file` keeps it so when set.
  void add(StoredTensor tensor) { tensors_.push_back(std::move(tensor)); }

  // The last of all to be set and added: a string of blanks that lets the data of the first tensor begin at a multiple
  // of `alignment` in the file.
  void align_data(std::string_view key, std::uint64_t alignment);

  // Fails on a repeated key or name, a type GGUF has no number for, and data of another size than dtype x shape.
  Result<std::vector<std::byte>> to_bytes() const;
  // Appears at `path` complete or not at all.
  Status write(const std::filesystem::path& path) const;

 private:
  template <GgufNumber T>
  static constexpr GgufType type_of();
  void put(std::string_view key, GgufType type, Bytes value);
  void put_array(std::string_view key, GgufType element, std::uint64_t count, Bytes elements);
  Status check() const;
  std::vector<std::byte> header() const;
  template <class Sink>
  Status stream(Sink& sink) const;

  std::vector<std::string> keys_;
  std::vector<std::byte> metadata_;  // the encoded pairs
  std::uint64_t alignment_ = 32;     // "general.alignment" when set
  std::vector<StoredTensor> tensors_;
};

template <GgufNumber T>
constexpr GgufType GgufWriter::type_of() {
  if constexpr (std::same_as<T, std::uint8_t>) return GgufType::kU8;
  if constexpr (std::same_as<T, std::int8_t>) return GgufType::kI8;
  if constexpr (std::same_as<T, std::uint16_t>) return GgufType::kU16;
  if constexpr (std::same_as<T, std::int16_t>) return GgufType::kI16;
  if constexpr (std::same_as<T, std::uint32_t>) return GgufType::kU32;
  if constexpr (std::same_as<T, std::int32_t>) return GgufType::kI32;
  if constexpr (std::same_as<T, std::uint64_t>) return GgufType::kU64;
  if constexpr (std::same_as<T, std::int64_t>) return GgufType::kI64;
  if constexpr (std::same_as<T, float>) return GgufType::kF32;
  return GgufType::kF64;
}

}  // namespace galago::formats
