// Reads the encoding of a GGUF header front to back; every length is proven against what is left before it is used.
#pragma once

#include <bit>
#include <cstring>
#include <string_view>

#include "base/error.h"
#include "base/file.h"
#include "formats/gguf_metadata.h"
#include "galago/result.h"

namespace galago::formats {

static_assert(std::endian::native == std::endian::little, "GGUF numbers are read as they lie in the file");

class GgufCursor {
 public:
  // `source` names the file in errors and must outlive the cursor.
  GgufCursor(Bytes bytes, std::string_view source) : bytes_(bytes), source_(source) {}

  std::uint64_t offset() const { return at_; }
  std::uint64_t left() const { return bytes_.size() - at_; }
  // `count` is at most left().
  void skip(std::uint64_t count) { at_ += count; }
  // What is being read, for errors; must outlive the reads.
  void set_field(std::string_view field) { field_ = field; }

  template <class T>
  Result<T> number() {
    if (left() < sizeof(T)) return truncated(sizeof(T));
    T value;
    std::memcpy(&value, bytes_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }

  Result<std::string_view> string();
  Result<GgufType> type();
  // The value of `type` here; of an array everything inside is proven too. `depth` counts the arrays around it.
  Result<GgufValue> value(GgufType type, int depth = 0);

 private:
  Error truncated(std::uint64_t wanted) const;
  Error fail(ErrorCode code, std::string_view problem) const;
  Result<GgufValue> array(int depth);
  Status skip_elements(GgufType type, std::uint64_t count, int depth);

  Bytes bytes_;
  std::string_view source_;
  std::string_view field_;
  std::size_t at_ = 0;
};

}  // namespace galago::formats
