// A file written piece by piece that appears complete or not at all.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "base/file.h"
#include "galago/result.h"

namespace galago {

class AtomicFile {
 public:
  // Creates a temporary beside `path`; the user's umask narrows `mode`.
  static Result<AtomicFile> create(const std::filesystem::path& path, unsigned mode = 0666);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();  // removes the temporary unless committed

  Status write(Bytes bytes);
  Status write_zeros(std::uint64_t count);
  // Takes `bytes` of disk from the start of the file, so that writing them cannot fail for want of space.
  Status reserve(std::uint64_t bytes);
  // Writes at a place of its own, whatever write() does; from any number of threads.
  Status write_at(std::uint64_t offset, Bytes bytes) const;
  // Where the content is until commit().
  const std::string& temporary() const { return temporary_; }
  // Flushes to disk and renames over the final path.
  Status commit();

 private:
  AtomicFile(std::filesystem::path path, std::string temporary, int fd);

  std::filesystem::path path_;
  std::string temporary_;  // empty once moved from or committed
  int fd_ = -1;
};

}  // namespace galago
