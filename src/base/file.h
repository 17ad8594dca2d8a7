// Files: a read-only memory mapping, whole-file reads, and writes that appear complete or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "galago/result.h"

namespace galago {

using Bytes = std::span<const std::byte>;

// What tells a file from others and from what it was before.
struct FileIdentity {
  std::uint64_t inode = 0, size = 0;
  std::int64_t changed_ns = 0;  // when its content was last written, since 1970
};

// A whole file mapped read-only; shared, because tensors point into it.
class Mapping {
 public:
  // Fails when the file is missing, is a folder or cannot be mapped. An empty file maps to an empty span.
  static Result<std::shared_ptr<const Mapping>> open(const std::filesystem::path& path);
  ~Mapping();
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  Bytes bytes() const { return bytes_; }
  const std::filesystem::path& path() const { return path_; }
  // Of the file that is mapped, whatever its path names by now.
  const FileIdentity& identity() const { return identity_; }
  // Lets the system drop the resident pages that lie wholly within `part` (a span inside bytes()).
  void release(Bytes part) const;
  // Asks for pages of 2 MiB for `part` of any mapping, which is read from end to end: through 4 KiB each, decoding
  // waits for address translations, too. What the system has cached in small pages stays there; where it has no others,
  // nothing happens.
  static void prefer_huge_pages(Bytes part);

 private:
  Mapping(std::filesystem::path path, FileIdentity identity, Bytes bytes)
      : path_(std::move(path)), identity_(identity), bytes_(bytes) {}
  std::filesystem::path path_;
  FileIdentity identity_;
  Bytes bytes_;
};

// The whole file as text. Fails beyond `max_bytes`, so that a hostile folder cannot exhaust memory.
Result<std::string> read_text(const std::filesystem::path& path, std::uint64_t max_bytes = std::uint64_t{256} << 20);

// Writes to a temporary beside `path`, flushes it to disk and renames it over `path`.
Status write_atomically(const std::filesystem::path& path, Bytes content);
Status write_atomically(const std::filesystem::path& path, std::string_view content);

}  // namespace galago
