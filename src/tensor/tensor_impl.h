// What a Tensor is a handle on.
#pragma once

#include <optional>

#include "galago/tensor.h"

namespace galago {

struct Tensor::Impl {
  TensorType type;
  std::string name;
  std::shared_ptr<const void> owner;
  const std::byte* data = nullptr;
  std::size_t size_bytes = 0;
  bool writable = false;
  bool packed = false;
  RowOrder row_order;
  std::vector<Tensor> parts;
  std::vector<std::int64_t> part_ends;  // rows of the last dim up to and with each part
  std::shared_ptr<const RowReader> reader;
  const void* trace = nullptr;
  int traced_value = -1;
  std::optional<Error> failure;
};

// The bytes that a constant shape takes, or why it cannot be.
Result<std::size_t> storage_bytes(DType dtype, const Shape& shape);

}  // namespace galago
