#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>

#include "base/atomic_file.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/io_error.h"
#include "base/try.h"

namespace galago {
namespace {

// Without waiting for a writer, should the path be a FIFO, which is then refused.
constexpr int kReadOnly = O_RDONLY | O_CLOEXEC | O_NONBLOCK;

// Owns a file descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_;
};

// Of a regular file; refuses others.
Result<FileIdentity> identify(const Descriptor& file, const std::filesystem::path& path) {
  struct stat status;
  if (::fstat(file.get(), &status) != 0) return io_error(path, "examine it");
  if (S_ISDIR(status.st_mode)) {
    return error(ErrorCode::kInvalidArgument, "{}: is a folder; a file is expected here", path.string());
  }
  if (!S_ISREG(status.st_mode)) {
    return error(ErrorCode::kInvalidArgument, "{}: is not a regular file", path.string());
  }
  return FileIdentity{status.st_ino, static_cast<std::uint64_t>(status.st_size),
                      std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec};
}

// The size as one of memory: a 32-bit program reaches no more than 4 GiB of a file.
Result<std::size_t> size_in_memory(const FileIdentity& identity, const std::filesystem::path& path) {
  const std::optional<std::size_t> size = checked_cast<std::size_t>(identity.size);
  if (size) return *size;
  return error(ErrorCode::kOutOfRange, "{}: is {} bytes; this program's addresses reach at most {}", path.string(),
               identity.size, std::numeric_limits<std::size_t>::max());
}

// For the whole pages of `part`. Advice that the system does not take costs nothing but speed.
void advise(Bytes part, int advice) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = (reinterpret_cast<std::uintptr_t>(part.data()) + page - 1) / page * page;
  const auto end = reinterpret_cast<std::uintptr_t>(part.data() + part.size()) / page * page;
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, advice);
}

}  // namespace

Result<std::shared_ptr<const Mapping>> Mapping::open(const std::filesystem::path& path) {
  const Descriptor file(::open(path.c_str(), kReadOnly));
  if (!file.valid()) return io_error(path, "open it");
  GALAGO_TRY(const FileIdentity identity, identify(file, path));
  GALAGO_TRY(const std::size_t size, size_in_memory(identity, path));
  if (size == 0) return std::shared_ptr<const Mapping>(new Mapping(path, identity, {}));
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (address == MAP_FAILED) return io_error(path, "map it");
  return std::shared_ptr<const Mapping>(new Mapping(path, identity, {static_cast<const std::byte*>(address), size}));
}

Mapping::~Mapping() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

void Mapping::prefer_huge_pages(Bytes part) {
#ifdef MADV_HUGEPAGE
  advise(part, MADV_HUGEPAGE);
#endif
}

void Mapping::release(Bytes part) const { advise(part, MADV_DONTNEED); }

Result<std::string> read_text(const std::filesystem::path& path, std::uint64_t max_bytes) {
  const Descriptor file(::open(path.c_str(), kReadOnly));
  if (!file.valid()) return io_error(path, "open it");
  GALAGO_TRY(const FileIdentity identity, identify(file, path));
  if (identity.size > max_bytes) {
    return error(ErrorCode::kOutOfRange, "{}: is {} bytes; at most {} are read here", path.string(), identity.size,
                 max_bytes);
  }
  GALAGO_TRY(const std::size_t size, size_in_memory(identity, path));
  std::string text(size, '\0');
  std::size_t filled = 0;
  while (filled < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + filled, text.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_error(path, "read it");
    if (got == 0) break;  // the file shrank meanwhile
    filled += static_cast<std::size_t>(got);
  }
  text.resize(filled);
  return text;
}

Status write_atomically(const std::filesystem::path& path, Bytes content) {
  GALAGO_TRY(AtomicFile file, AtomicFile::create(path));
  GALAGO_CHECK(file.write(content));
  return file.commit();
}

Status write_atomically(const std::filesystem::path& path, std::string_view content) {
  return write_atomically(path, std::as_bytes(std::span(content.data(), content.size())));
}

}  // namespace galago
