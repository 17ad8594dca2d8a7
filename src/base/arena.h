// A block of zeroed memory straight from the system, for plans that place everything at offsets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "galago/result.h"

namespace galago {

enum class Pages : std::uint8_t {
  kNormal,    // pages become resident as they are touched, 4 KiB at a time: for sparse use
  kHuge,      // 2 MiB pages where the system has them: fewer TLB misses in what is read from end to end
  kReserved,  // address space that may be larger than all memory: the system promises none until a page is written
};

constexpr std::size_t kHugePageBytes = std::size_t{2} << 20;

// Move-only. The memory starts at a multiple of 4 KiB (kHuge: of 2 MiB) and is zero until written.
class Arena {
 public:
  static constexpr std::size_t kAlignment = 64;  // a cache line, and the widest vector register

  // Fails with kOutOfMemory when the system refuses. An arena of 0 bytes is valid and empty.
  static Result<Arena> create(std::uint64_t bytes, Pages pages = Pages::kNormal);

  Arena() = default;
  ~Arena() { reset(); }
  Arena(Arena&& other) noexcept : memory_(std::exchange(other.memory_, {})) {}
  Arena& operator=(Arena&& other) noexcept {
    if (this != &other) {
      reset();
      memory_ = std::exchange(other.memory_, {});
    }
    return *this;
  }

  std::byte* data() const { return memory_.data(); }
  std::size_t size() const { return memory_.size(); }
  std::span<std::byte> bytes() const { return memory_; }

  // Gives the pages that lie wholly within [offset, offset + bytes) back to the system; they read as zero again.
  void discard(std::size_t offset, std::size_t bytes) const;

 private:
  explicit Arena(std::span<std::byte> memory) : memory_(memory) {}
  void reset();

  std::span<std::byte> memory_;
};

}  // namespace galago
