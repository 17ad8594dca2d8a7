#include "ops/op.h"

#include "base/error.h"
#include "base/try.h"
#include "quant/codec.h"

namespace galago::ops {

std::int64_t TensorView::elements() const {
  std::int64_t product = 1;
  for (const std::int64_t size : sizes) product *= size;
  return product;
}

std::int64_t TensorView::rows() const {
  std::int64_t product = 1;
  for (std::size_t i = 0; i + 1 < sizes.size(); ++i) product *= sizes[i];
  return product;
}

void TensorView::decode_row(std::int64_t index, float* out) const {
  if (rows_of != nullptr) {
    std::vector<std::byte> made(row_bytes(dtype, static_cast<std::uint64_t>(columns())).value_or(0));
    return quant::codec(dtype).decode_row(rows_of->read_row(index, made.data()), out, columns());
  }
  std::int64_t stored = index;
  if (row_order != nullptr) {  // orders the first dim; the dims between it and the last stay together
    const std::int64_t inner = rows() / sizes.front();
    stored = (*row_order)[static_cast<std::size_t>(index / inner)] * inner + index % inner;
  }
  // A TensorView's shape was checked when its Tensor was made, so its rows are whole blocks.
  const std::uint64_t stride = row_bytes(dtype, static_cast<std::uint64_t>(columns())).value_or(0);
  quant::codec(dtype).decode_row(data + static_cast<std::uint64_t>(stored) * stride, out, columns());
}

void FieldVisitor::operator()(std::string_view name, const std::vector<std::int64_t>& values) {
  std::string text = "[";
  for (std::size_t i = 0; i < values.size(); ++i) text += fmt::format("{}{}", i > 0 ? ", " : "", values[i]);
  (*this)(name, std::string_view(text += "]"));
}

Status InputTypes::count(std::size_t least, std::size_t most) const {
  if (types_.size() < least || types_.size() > most) {
    std::string expected = least == most ? std::to_string(least) : fmt::format("{} to {}", least, most);
    for (std::size_t i = 0; i < names_.size(); ++i) expected += fmt::format("{}{}", i > 0 ? ", " : " (", names_[i]);
    return error(ErrorCode::kInvalidArgument, "{}: {} inputs; expected {}{}", op_, types_.size(), expected,
                 names_.empty() ? "" : ")");
  }
  for (std::size_t i = 0; i < types_.size(); ++i) {
    if (types_[i].shape.rank() > kMaxRank) return mismatch(i, fmt::format("at most {} dims", kMaxRank));
  }
  return {};
}

Status InputTypes::dtype(std::size_t index, DType expected) const {
  if (types_[index].dtype != expected) return mismatch(index, name(expected));
  return {};
}

Status InputTypes::rank(std::size_t index, int expected) const {
  if (types_[index].shape.rank() != expected) return mismatch(index, fmt::format("{} dims", expected));
  return {};
}

Status InputTypes::is(std::size_t index, DType expected_dtype, int expected_rank) const {
  GALAGO_CHECK(dtype(index, expected_dtype));
  return rank(index, expected_rank);
}

Status InputTypes::is_rows(std::size_t index) const {
  GALAGO_CHECK(dtype(index, DType::kF32));
  if (types_[index].shape.rank() == 0) return mismatch(index, "at least one dim");
  return {};
}

Status InputTypes::dim(std::size_t index, int dim, const Dim& expected) const {
  const Shape& shape = types_[index].shape;
  if (shape.dim(dim) == expected) return {};
  return mismatch(index, fmt::format("size {} in dim {}", expected.to_string(), dim < 0 ? dim + shape.rank() : dim));
}

Error InputTypes::mismatch(std::size_t index, std::string_view expected) const {
  const std::string role = index < names_.size() ? fmt::format(" ({})", names_[index]) : "";
  return error(ErrorCode::kInvalidArgument, "{}: input {}{} is {}; expected {}", op_, index, role,
               types_[index].to_string(), expected);
}

}  // namespace galago::ops
