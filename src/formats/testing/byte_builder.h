// Builds files byte by byte, right or wrong, for the tests of readers.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"

namespace galago::formats {

class ByteBuilder {
 public:
  template <class T>
  ByteBuilder& number(T value) {
    text_.append(reinterpret_cast<const char*>(&value), sizeof(value));
    return *this;
  }
  ByteBuilder& u8(std::uint8_t value) { return number(value); }
  ByteBuilder& u32(std::uint32_t value) { return number(value); }
  ByteBuilder& u64(std::uint64_t value) { return number(value); }
  ByteBuilder& f32(float value) { return number(value); }
  ByteBuilder& raw(std::string_view text) {
    text_ += text;
    return *this;
  }
  // A GGUF string: length and characters.
  ByteBuilder& string(std::string_view text) { return u64(text.size()).raw(text); }
  ByteBuilder& zeros(std::size_t count) {
    text_.append(count, '\0');
    return *this;
  }
  ByteBuilder& pad_to(std::size_t alignment) { return zeros((alignment - text_.size() % alignment) % alignment); }

  ByteBuilder& gguf_header(std::uint64_t n_tensors, std::uint64_t n_keys, std::uint32_t version = 3) {
    return raw("GGUF").u32(version).u64(n_tensors).u64(n_keys);
  }
  ByteBuilder& gguf_key(std::string_view key, std::uint32_t type) { return string(key).u32(type); }
  // `dims` innermost first, as the file has them.
  ByteBuilder& gguf_tensor(std::string_view name, const std::vector<std::uint64_t>& dims, std::uint32_t type,
                           std::uint64_t offset) {
    string(name).u32(static_cast<std::uint32_t>(dims.size()));
    for (const std::uint64_t dim : dims) u64(dim);
    return u32(type).u64(offset);
  }
  // A safetensors file: the length of `json`, `json`, then what follows is data.
  ByteBuilder& safetensors(std::string_view json) { return u64(json.size()).raw(json); }

  const std::string& text() const { return text_; }
  Bytes bytes() const { return std::as_bytes(std::span(text_.data(), text_.size())); }

 private:
  std::string text_;
};

inline Bytes as_bytes(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

// A folder that lives as long as this does.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(std::string_view purpose);
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path write(std::string_view name, std::string_view content) const;
  std::size_t entries() const;

 private:
  std::filesystem::path path_;
};

inline TemporaryFolder::TemporaryFolder(std::string_view purpose) {
  static int counter = 0;
  path_ = std::filesystem::temp_directory_path() /
          ("galago_" + std::string(purpose) + "_" + std::to_string(::getpid()) + "_" + std::to_string(counter++));
  std::filesystem::create_directories(path_);
}

inline TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

inline std::filesystem::path TemporaryFolder::write(std::string_view name, std::string_view content) const {
  const std::filesystem::path file = path_ / name;
  std::filesystem::create_directories(file.parent_path());
  write_atomically(file, content).value();
  return file;
}

inline std::size_t TemporaryFolder::entries() const {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path_), {}));
}

}  // namespace galago::formats
