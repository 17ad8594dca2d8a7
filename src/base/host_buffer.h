// Memory of the host as a Buffer.
#pragma once

#include <memory>

#include "base/arena.h"
#include "base/buffer.h"

namespace galago {

class HostBuffer : public Buffer {
 public:
  static Result<std::shared_ptr<Buffer>> create(std::uint64_t bytes, Pages pages) {
    auto arena = Arena::create(bytes, pages);
    if (!arena.ok()) return std::move(arena).error();
    return std::shared_ptr<Buffer>(new HostBuffer(std::move(arena).value()));
  }

  std::uint64_t size() const override { return arena_.size(); }
  std::byte* host() const override { return arena_.data(); }

 private:
  explicit HostBuffer(Arena arena) : arena_(std::move(arena)) {}
  Arena arena_;
};

}  // namespace galago
