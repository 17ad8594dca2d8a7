#include "base/arena.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "base/checked.h"
#include "base/error.h"

namespace galago {
namespace {

std::size_t page_size() {
  static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

// munmap wants whole pages; the mapping ends with the page that holds the last byte.
std::size_t mapped_size(std::size_t bytes) { return (bytes + page_size() - 1) / page_size() * page_size(); }

// Maps `bytes` at a multiple of `alignment` (whole pages) by mapping more and returning the ends.
std::byte* map_aligned(std::size_t bytes, std::size_t alignment, int more_flags) {
  const std::size_t slack = alignment > page_size() ? alignment : 0;
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | more_flags;
  void* address = ::mmap(nullptr, bytes + slack, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (address == MAP_FAILED) return nullptr;
  auto* begin = static_cast<std::byte*>(address);
  if (slack == 0) return begin;
  const std::size_t before = (alignment - reinterpret_cast<std::uintptr_t>(begin) % alignment) % alignment;
  if (before != 0) ::munmap(begin, before);
  if (before != slack) ::munmap(begin + before + bytes, slack - before);
  return begin + before;
}

}  // namespace

Result<Arena> Arena::create(std::uint64_t bytes, Pages pages) {
  if (bytes == 0) return Arena();
  const bool huge = pages == Pages::kHuge && bytes >= kHugePageBytes;
  const std::optional<std::uint64_t> rounded = checked_align(bytes, page_size());
  const auto size = rounded ? checked_cast<std::ptrdiff_t>(*rounded) : std::nullopt;
  std::byte* begin = nullptr;
  if (size && *size <= PTRDIFF_MAX - static_cast<std::ptrdiff_t>(kHugePageBytes)) {
    begin = map_aligned(static_cast<std::size_t>(*size), huge ? kHugePageBytes : page_size(),
                        pages == Pages::kReserved ? MAP_NORESERVE : 0);
  }
  if (begin == nullptr) {
    return error(ErrorCode::kOutOfMemory,
                 "no memory: the system refused {} MiB; a shorter context or a smaller model needs less", bytes >> 20);
  }
#ifdef MADV_HUGEPAGE
  if (huge) ::madvise(begin, static_cast<std::size_t>(*size), MADV_HUGEPAGE);  // a wish; refusal costs only speed
#endif
  return Arena({begin, static_cast<std::size_t>(bytes)});
}

void Arena::reset() {
  if (!memory_.empty()) ::munmap(memory_.data(), mapped_size(memory_.size()));
  memory_ = {};
}

void Arena::discard(std::size_t offset, std::size_t bytes) const {
  const std::size_t page = page_size();
  offset = std::min(offset, size());
  const std::size_t end = (offset + std::min(bytes, size() - offset)) / page * page;
  const std::size_t begin = (offset + page - 1) / page * page;
  if (begin < end) ::madvise(data() + begin, end - begin, MADV_DONTNEED);
}

}  // namespace galago
