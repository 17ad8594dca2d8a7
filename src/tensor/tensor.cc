#include "galago/tensor.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <ostream>

#include "base/error.h"
#include "base/random.h"
#include "base/try.h"
#include "tensor/tensor_impl.h"

namespace galago {

namespace {

constexpr std::size_t kAlignment = 64;  // a cache line, and the widest vector

}  // namespace

Result<std::size_t> storage_bytes(DType dtype, const Shape& shape) {
  if (!shape.is_constant()) {
    return error(ErrorCode::kInvalidArgument, "a tensor in memory needs constant sizes; found {}", shape.to_string());
  }
  const auto rows = shape.max_rows();
  const auto elements = shape.max_elements();
  if (!rows || !elements) return error(ErrorCode::kOutOfRange, "the shape {} overflows", shape.to_string());
  const auto row_elements = shape.rank() == 0 ? 1 : shape.dim(-1).bound();
  const auto one_row = row_bytes(dtype, static_cast<std::uint64_t>(row_elements));
  if (!one_row) {
    return error(ErrorCode::kInvalidArgument, "rows of {} elements are no whole number of {} blocks of {}",
                 row_elements, name(dtype), info(dtype).block_elements);
  }
  std::uint64_t total = 0;
  if (__builtin_mul_overflow(*one_row, static_cast<std::uint64_t>(*rows), &total)) {
    return error(ErrorCode::kOutOfRange, "the shape {} overflows", shape.to_string());
  }
  return static_cast<std::size_t>(total);
}

std::string TensorType::to_string() const { return fmt::format("{} {}", galago::name(dtype), shape.to_string()); }

Tensor Tensor::failed(Error error) {
  auto impl = std::make_shared<Impl>();
  impl->failure = std::move(error);
  return Tensor(std::move(impl));
}

Tensor Tensor::traced(TensorType type, const void* trace, int value) {
  auto impl = std::make_shared<Impl>();
  impl->type = std::move(type);
  impl->trace = trace;
  impl->traced_value = value;
  return Tensor(std::move(impl));
}

Tensor Tensor::zeros(Shape shape, DType dtype) {
  auto bytes = storage_bytes(dtype, shape);
  if (!bytes.ok()) return failed(std::move(bytes).error());
  const std::size_t capacity = std::max<std::size_t>(*bytes, 1);
  void* memory = ::operator new(capacity, std::align_val_t(kAlignment), std::nothrow);
  if (memory == nullptr) {
    return failed(
        galago::error(ErrorCode::kOutOfMemory, "no memory for {} bytes of a tensor {}", *bytes, shape.to_string()));
  }
  std::memset(memory, 0, capacity);
  auto impl = std::make_shared<Impl>();
  impl->type = {dtype, std::move(shape)};
  impl->owner =
      std::shared_ptr<const void>(memory, [](void* p) { ::operator delete(p, std::align_val_t(kAlignment)); });
  impl->data = static_cast<const std::byte*>(memory);
  impl->size_bytes = *bytes;
  impl->writable = true;
  return Tensor(std::move(impl));
}

Tensor Tensor::from(std::span<const float> values, Shape shape) {
  Tensor tensor = zeros(std::move(shape), DType::kF32);
  if (!tensor.ok()) return tensor;
  if (tensor.impl_->size_bytes != values.size_bytes()) {
    return failed(galago::error(ErrorCode::kInvalidArgument, "{} values do not fill a tensor {}", values.size(),
                                tensor.shape().to_string()));
  }
  if (!values.empty()) std::memcpy(tensor.mutable_bytes().data(), values.data(), values.size_bytes());
  return tensor;
}

Tensor Tensor::from(std::span<const std::int32_t> values, Shape shape) {
  Tensor tensor = zeros(std::move(shape), DType::kI32);
  if (!tensor.ok()) return tensor;
  if (tensor.impl_->size_bytes != values.size_bytes()) {
    return failed(galago::error(ErrorCode::kInvalidArgument, "{} values do not fill a tensor {}", values.size(),
                                tensor.shape().to_string()));
  }
  if (!values.empty()) std::memcpy(tensor.mutable_bytes().data(), values.data(), values.size_bytes());
  return tensor;
}

Tensor Tensor::random(Shape shape, std::uint64_t seed) {
  Tensor tensor = zeros(std::move(shape), DType::kF32);
  if (!tensor.ok()) return tensor;
  RandomNormals normals(seed);
  const auto bytes = tensor.mutable_bytes();
  auto* values = reinterpret_cast<float*>(bytes.data());
  std::generate(values, values + bytes.size() / sizeof(float), [&] { return normals.next(); });
  return tensor;
}

Tensor Tensor::view(DType dtype, Shape shape, std::span<const std::byte> bytes, std::shared_ptr<const void> owner) {
  auto needed = storage_bytes(dtype, shape);
  if (!needed.ok()) return failed(std::move(needed).error());
  if (bytes.size() < *needed) {
    return failed(galago::error(ErrorCode::kCorrupt, "a tensor {} {} needs {} bytes; {} are there", galago::name(dtype),
                                shape.to_string(), *needed, bytes.size()));
  }
  auto impl = std::make_shared<Impl>();
  impl->type = {dtype, std::move(shape)};
  impl->owner = std::move(owner);
  impl->data = bytes.data();
  impl->size_bytes = *needed;
  return Tensor(std::move(impl));
}

Tensor Tensor::packed(DType dtype, Shape shape, std::span<const std::byte> bytes, std::shared_ptr<const void> owner) {
  if (shape.rank() != 2 && shape.rank() != 3) {
    return failed(galago::error(ErrorCode::kCorrupt, "a packed weight of shape {}; two or three sizes are expected",
                                shape.to_string()));
  }
  if (auto needed = storage_bytes(dtype, shape); !needed.ok()) return failed(std::move(needed).error());
  auto impl = std::make_shared<Impl>();
  impl->type = {dtype, std::move(shape)};
  impl->owner = std::move(owner);
  impl->data = bytes.data();
  impl->size_bytes = bytes.size();
  impl->packed = true;
  return Tensor(std::move(impl));
}

bool Tensor::ok() const { return impl_ != nullptr && !impl_->failure; }

const Error& Tensor::error() const {
  static const Error none{ErrorCode::kInvalidArgument, "an empty tensor was used"};
  return impl_ == nullptr || !impl_->failure ? none : *impl_->failure;
}

const TensorType& Tensor::type() const {
  static const TensorType none;
  return ok() ? impl_->type : none;
}

std::int64_t Tensor::size(int index) const {
  const Dim& dim = shape().dim(index);
  return dim.is_constant() ? dim.bound() : 0;
}

const void* Tensor::trace() const { return impl_ == nullptr ? nullptr : impl_->trace; }
int Tensor::traced_value() const { return impl_ == nullptr ? -1 : impl_->traced_value; }

bool Tensor::is_packed() const { return ok() && impl_->packed; }
const std::byte* Tensor::data() const { return ok() ? impl_->data : nullptr; }

std::span<const std::byte> Tensor::bytes() const {
  if (!ok() || impl_->data == nullptr || impl_->packed || impl_->reader || !impl_->parts.empty()) return {};
  return {impl_->data, impl_->size_bytes};
}

std::span<std::byte> Tensor::mutable_bytes() {
  if (!ok() || !impl_->writable) return {};
  return {const_cast<std::byte*>(impl_->data), impl_->size_bytes};
}

std::span<const float> Tensor::floats() const {
  if (dtype() != DType::kF32 || bytes().empty()) return {};
  return {reinterpret_cast<const float*>(impl_->data), impl_->size_bytes / sizeof(float)};
}

std::span<const std::int32_t> Tensor::ints() const {
  if (dtype() != DType::kI32 || bytes().empty()) return {};
  return {reinterpret_cast<const std::int32_t*>(impl_->data), impl_->size_bytes / sizeof(std::int32_t)};
}

Tensor Tensor::with_name(std::string name) const {
  if (impl_ == nullptr) return *this;
  auto named = std::make_shared<Impl>(*impl_);
  named->name = std::move(name);
  return Tensor(std::move(named));
}

const std::string& Tensor::name() const {
  static const std::string none;
  return impl_ == nullptr ? none : impl_->name;
}

std::string Tensor::to_string() const {
  if (!ok()) return fmt::format("<no tensor: {}>", error().message);
  std::string text = type().to_string();
  if (trace() != nullptr) return text + " (traced)";
  constexpr std::size_t kShown = 8;
  const auto append = [&](auto values) {
    text += " [";
    for (std::size_t i = 0; i < std::min(values.size(), kShown); ++i)
      text += fmt::format("{}{:.6g}", i ? ", " : "", double(values[i]));
    text += values.size() > kShown ? ", ...]" : "]";
  };
  if (dtype() == DType::kF32) append(floats());
  if (dtype() == DType::kI32) append(ints());
  return text;
}

std::ostream& operator<<(std::ostream& out, const Tensor& tensor) { return out << tensor.to_string(); }

}  // namespace galago
