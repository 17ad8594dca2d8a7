// Memory that programs compute in, of whichever device: the host addresses it only where host() says so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace galago {

// Allocated by a backend, which frees it when the last who holds it lets go.
class Buffer {
 public:
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  virtual ~Buffer() = default;
  virtual std::uint64_t size() const = 0;
  // The first byte, or nullptr where only copies of its backend reach it.
  virtual std::byte* host() const { return nullptr; }
};

// A part of a buffer, or memory of the caller's own.
struct BufferView {
  std::byte* host = nullptr;       // where the host can address the bytes; never written for inputs
  const Buffer* buffer = nullptr;  // nullptr: the caller's own memory, at `host`
  std::uint64_t offset = 0;        // in the buffer
  std::uint64_t size = 0;

  BufferView() = default;
  BufferView(const Buffer& of, std::uint64_t first, std::uint64_t bytes)
      : host(of.host() == nullptr ? nullptr : of.host() + first), buffer(&of), offset(first), size(bytes) {}
  explicit BufferView(const Buffer& of) : BufferView(of, 0, of.size()) {}
  explicit BufferView(std::span<const std::byte> own) : host(const_cast<std::byte*>(own.data())), size(own.size()) {}

  std::span<std::byte> bytes() const { return {host, static_cast<std::size_t>(size)}; }
  BufferView part(std::uint64_t first, std::uint64_t bytes) const {
    BufferView made = *this;
    if (made.host != nullptr) made.host += first;
    made.offset += first;
    made.size = bytes;
    return made;
  }
};

}  // namespace galago
