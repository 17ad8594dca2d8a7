#include "base/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/io_error.h"
#include "base/try.h"

namespace galago {
AtomicFile::AtomicFile(std::filesystem::path path, std::string temporary, int fd)
    : path_(std::move(path)), temporary_(std::move(temporary)), fd_(fd) {}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      fd_(std::exchange(other.fd_, -1)) {}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Result<AtomicFile> AtomicFile::create(const std::filesystem::path& path, unsigned mode) {
  // Not mkstemp: the file keeps the permissions that the user's umask gives a new file.
  static std::atomic<unsigned> counter = 0;
  std::string temporary = fmt::format("{}.{}-{}.tmp", path.string(), ::getpid(), counter++);
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) return io_error(path, "create a file beside it");
  return AtomicFile(path, std::move(temporary), fd);
}

Status AtomicFile::write(Bytes bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return io_error(path_, "write it");
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

Status AtomicFile::write_zeros(std::uint64_t count) {
  static constexpr std::array<std::byte, 4096> kZeros{};
  while (count > 0) {
    const std::uint64_t part = std::min<std::uint64_t>(count, kZeros.size());
    GALAGO_CHECK(write(Bytes(kZeros).first(part)));
    count -= part;
  }
  return {};
}

Status AtomicFile::reserve(std::uint64_t bytes) {
  const int failed = ::posix_fallocate(fd_, 0, static_cast<off_t>(bytes));
  if (failed == 0) return {};
  errno = failed;
  return io_error(path_, fmt::format("reserve {} bytes for it", bytes));
}

Status AtomicFile::write_at(std::uint64_t offset, Bytes bytes) const {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return io_error(path_, "write it");
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  return {};
}

Status AtomicFile::commit() {
  if (::fsync(fd_) != 0) return io_error(path_, "write it");
  const int closed = ::close(std::exchange(fd_, -1));
  if (closed != 0) return io_error(path_, "write it");
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return io_error(path_, "move the new file here");
  temporary_.clear();
  return {};
}

}  // namespace galago
