// Where the rows of a tensor are: orders of rows, slices, and tensors of several parts.
#include <algorithm>
#include <cstring>
#include <numeric>

#include "base/error.h"
#include "tensor/tensor_impl.h"

namespace galago {
namespace {

std::int64_t elements_of_row(const Shape& shape) { return shape.rank() == 0 ? 1 : shape.dim(-1).bound(); }

// Rows of the last dim that belong to one of the first.
std::int64_t inner_rows(const Shape& shape) {
  std::int64_t inner = 1;
  for (int i = 1; i + 1 < shape.rank(); ++i) inner *= shape.dim(i).bound();
  return inner;
}

bool same_order(const RowOrder& a, const RowOrder& b) { return a == b || (a && b && *a == *b); }

Error part_error(const Tensor& part, const Tensor& first) {
  return error(ErrorCode::kCorrupt, "{} {} cannot be joined with {} {}", part.name(), part.type().to_string(),
               first.name(), first.type().to_string());
}

// Why the parts cannot be one tensor, in whose first dim they may differ unless `stacked`.
Status check_parts(const std::vector<Tensor>& parts, bool stacked) {
  if (parts.empty()) return error(ErrorCode::kInvalidArgument, "no tensors to join");
  for (const Tensor& part : parts) {
    if (!part.ok()) return part.error();
    Shape shape = part.shape();
    const Shape& first = parts.front().shape();
    const bool has_rows = part.trace() == nullptr && !part.is_packed() && shape.rank() > (stacked ? 0 : 1);
    if (!has_rows || part.dtype() != parts.front().dtype() || shape.rank() != first.rank()) {
      return part_error(part, parts.front());
    }
    if (!stacked) shape.dim(0) = first.dim(0);
    if (!(shape == first)) return part_error(part, parts.front());
  }
  return {};
}

}  // namespace

Tensor Tensor::concatenated(std::vector<Tensor> parts) {
  if (Status checked = check_parts(parts, /*stacked=*/false); !checked.ok()) return failed(std::move(checked).error());
  Shape shape = parts.front().shape();
  std::int64_t first = 0;
  for (const Tensor& part : parts) first += part.size(0);
  shape.dim(0) = first;
  return stacked_rows(std::move(parts), std::move(shape));
}

Tensor Tensor::stacked(std::vector<Tensor> parts) {
  if (Status checked = check_parts(parts, /*stacked=*/true); !checked.ok()) return failed(std::move(checked).error());
  std::vector<Dim> dims = {static_cast<std::int64_t>(parts.size())};
  for (const Dim& dim : parts.front().shape().dims()) dims.push_back(dim);
  return stacked_rows(std::move(parts), Shape(std::move(dims)));
}

// The rows of checked parts, in a shape that has as many.
Tensor Tensor::stacked_rows(std::vector<Tensor> parts, Shape shape) {
  auto needed = storage_bytes(parts.front().dtype(), shape);
  if (!needed.ok()) return failed(std::move(needed).error());
  auto impl = std::make_shared<Impl>();
  impl->type = {parts.front().dtype(), std::move(shape)};
  impl->name = parts.front().name();
  impl->data = parts.front().data();
  impl->size_bytes = *needed;
  std::int64_t rows = 0;
  for (const Tensor& part : parts) impl->part_ends.push_back(rows += part.shape().max_rows().value_or(0));
  impl->parts = std::move(parts);
  return Tensor(std::move(impl));
}

Tensor Tensor::made(DType dtype, Shape shape, std::shared_ptr<const RowReader> reader) {
  auto needed = storage_bytes(dtype, shape);
  if (!needed.ok()) return failed(std::move(needed).error());
  const auto sources = reader->sources();
  auto impl = std::make_shared<Impl>();
  impl->type = {dtype, std::move(shape)};
  impl->data = sources.empty() ? nullptr : sources.front().data();
  impl->size_bytes = *needed;
  impl->reader = std::move(reader);
  return Tensor(std::move(impl));
}

Tensor::RowPlace Tensor::place_of_row(std::int64_t index) const {
  std::int64_t stored = index;
  if (impl_->row_order) {  // orders the first dim; the dims between it and the last stay together
    const std::int64_t inner = inner_rows(shape());
    stored = (*impl_->row_order)[static_cast<std::size_t>(index / inner)] * inner + index % inner;
  }
  if (!impl_->parts.empty()) {
    const auto end = std::ranges::upper_bound(impl_->part_ends, stored);
    const auto part = static_cast<std::size_t>(end - impl_->part_ends.begin());
    return impl_->parts[part].place_of_row(stored - (part == 0 ? 0 : impl_->part_ends[part - 1]));
  }
  if (impl_->reader) return {.reader = impl_->reader.get(), .made_row = stored};
  const auto elements = static_cast<std::uint64_t>(elements_of_row(shape()));
  return {.stored = impl_->data + static_cast<std::uint64_t>(stored) * *row_bytes(dtype(), elements)};
}

const std::byte* Tensor::read_row(std::int64_t index, std::byte* scratch) const {
  const RowPlace place = place_of_row(index);
  if (place.stored != nullptr) return place.stored;
  place.reader->read(place.made_row, scratch);
  return scratch;
}

std::span<const Tensor> Tensor::parts() const {
  return ok() ? std::span<const Tensor>(impl_->parts) : std::span<const Tensor>();
}

const std::shared_ptr<const RowReader>& Tensor::reader() const {
  static const std::shared_ptr<const RowReader> none;
  return impl_ == nullptr ? none : impl_->reader;
}

const RowOrder& Tensor::row_order() const {
  static const RowOrder none;
  return impl_ == nullptr ? none : impl_->row_order;
}

bool Tensor::same_rows(const Tensor& other) const {
  if (impl_ == other.impl_) return true;
  if (!ok() || !other.ok() || !(type() == other.type()) || data() != other.data() || is_packed() != other.is_packed() ||
      !same_order(row_order(), other.row_order())) {
    return false;
  }
  const RowReader* const ours = reader().get();
  const RowReader* const theirs = other.reader().get();
  if ((ours == nullptr) != (theirs == nullptr)) return false;
  if (ours != theirs) {
    const auto same_bytes = [](auto a, auto b) { return a.data() == b.data() && a.size() == b.size(); };
    return ours->kind() == theirs->kind() && std::ranges::equal(ours->sources(), theirs->sources(), same_bytes);
  }
  return std::ranges::equal(parts(), other.parts(), [](const Tensor& a, const Tensor& b) { return a.same_rows(b); });
}

Tensor Tensor::with_shape(Shape shape) const {
  if (!ok()) return *this;
  const bool in_one_place = parts().empty() && !reader();
  if (!shape.is_constant() || shape.max_elements() != this->shape().max_elements() || row_order() || is_packed() ||
      trace() != nullptr || (!in_one_place && elements_of_row(shape) != elements_of_row(this->shape()))) {
    return failed(galago::error(ErrorCode::kInvalidArgument, "{}: {} cannot be seen as {}", name(),
                                this->shape().to_string(), shape.to_string()));
  }
  auto reshaped = std::make_shared<Impl>(*impl_);
  reshaped->type.shape = std::move(shape);
  return Tensor(std::move(reshaped));
}

Tensor Tensor::with_rows(RowOrder order) const {
  if (!ok() || !order) return *this;
  const auto rows = shape().rank() < 2 ? Dim(0) : shape().dim(0);
  const auto stored = row_order() ? static_cast<std::int64_t>(row_order()->size()) : rows.bound();
  auto composed = std::make_shared<std::vector<std::int32_t>>(*order);
  for (std::int32_t& row : *composed) {
    if (row < 0 || row >= stored) {
      return failed(galago::error(ErrorCode::kInvalidArgument, "{}: row {} of a row order is outside its {} rows",
                                  name(), row, stored));
    }
    if (row_order()) row = (*row_order())[static_cast<std::size_t>(row)];
  }
  auto ordered = std::make_shared<Impl>(*impl_);
  ordered->type.shape.dim(0) = static_cast<std::int64_t>(composed->size());
  ordered->row_order = std::move(composed);
  ordered->writable = false;
  return Tensor(std::move(ordered));
}

Tensor Tensor::slice(std::int64_t first, std::int64_t count) const {
  if (!ok()) return *this;
  const std::int64_t rows = shape().rank() < 2 ? 0 : size(0);
  if (first < 0 || count < 0 || first > rows - count || is_packed() || trace() != nullptr) {
    return failed(galago::error(ErrorCode::kInvalidArgument, "{}: {} has no rows {} to {} that could be seen alone",
                                name(), type().to_string(), first, first + count));
  }
  if (row_order() || reader() || !parts().empty()) {
    auto order = std::make_shared<std::vector<std::int32_t>>(static_cast<std::size_t>(count));
    std::iota(order->begin(), order->end(), static_cast<std::int32_t>(first));
    return with_rows(std::move(order));
  }
  auto sliced = std::make_shared<Impl>(*impl_);
  const std::size_t one = rows == 0 ? 0 : impl_->size_bytes / static_cast<std::size_t>(rows);
  sliced->type.shape.dim(0) = count;
  sliced->data += static_cast<std::size_t>(first) * one;
  sliced->size_bytes = static_cast<std::size_t>(count) * one;
  sliced->writable = false;
  return Tensor(std::move(sliced));
}

}  // namespace galago
