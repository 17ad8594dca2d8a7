// A handle on a tensor: numbers in memory, a weight in a mapped file, a value of a graph that is being traced, or the
// first error on the way to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "galago/dtype.h"
#include "galago/result.h"
#include "galago/shape.h"

namespace galago {

struct TensorType {
  DType dtype = DType::kF32;
  Shape shape;
  bool operator==(const TensorType&) const = default;
  std::string to_string() const;  // "f32 (tokens, 576)"
};

// Which row of the stored data each row is: row i of the tensor is stored row (*order)[i]. It permutes or selects rows
// of a mapped weight without a copy.
using RowOrder = std::shared_ptr<const std::vector<std::int32_t>>;

// Makes rows of stored bytes whenever they are read: those of a matrix that is stored transposed, or whose blocks and
// scales lie apart.
class RowReader {
 public:
  virtual ~RowReader() = default;
  // Writes row `row` (of the last dim) in the layout of the tensor's type. Called from any thread.
  virtual void read(std::int64_t row, std::byte* out) const = 0;
  // All that it reads.
  virtual std::vector<std::span<const std::byte>> sources() const = 0;
  // Tells it from other readers of the same bytes: "transposed".
  virtual std::string_view kind() const = 0;
};

class Tensor {
 public:
  Tensor() = default;  // no tensor: error() says so

  // Zeros, a copy of `values`, or normally distributed numbers (mean 0, deviation 1, the same for the same seed).
  // The shape must be constant and match the number of values.
  static Tensor zeros(Shape shape, DType dtype = DType::kF32);
  static Tensor from(std::span<const float> values, Shape shape);
  static Tensor from(std::span<const std::int32_t> values, Shape shape);
  static Tensor random(Shape shape, std::uint64_t seed = 0);
  // Bytes that live as long as `owner`, in the layout of `dtype`. Fails when they are fewer than the shape needs.
  static Tensor view(DType dtype, Shape shape, std::span<const std::byte> bytes, std::shared_ptr<const void> owner);
  // A weight (rows, columns), or a stack, of which there are only bytes in a backend's own order, as in a packed file.
  // Programs of that backend use it as the weight of a linear; nothing else can read it.
  static Tensor packed(DType dtype, Shape shape, std::span<const std::byte> bytes, std::shared_ptr<const void> owner);
  // The rows of `parts` after each other as one tensor, (sum of their first sizes, ...), or a stack of them, (number of
  // parts, ...). Nothing is copied: rows are read where the parts have them. Parts are of one type, and of one shape,
  // in all but the first size where they are not stacked.
  static Tensor concatenated(std::vector<Tensor> parts);
  static Tensor stacked(std::vector<Tensor> parts);
  // Rows that `reader` makes.
  static Tensor made(DType dtype, Shape shape, std::shared_ptr<const RowReader> reader);
  // What failed operations return, so that a chain of calls carries its first error to the end.
  static Tensor failed(Error error);
  // A value of a graph under construction; used by trace().
  static Tensor traced(TensorType type, const void* trace, int value);

  bool ok() const;
  // Why there is no tensor; only when !ok().
  const Error& error() const;

  const TensorType& type() const;
  const Shape& shape() const { return type().shape; }
  DType dtype() const { return type().dtype; }
  // A constant size; 0 for symbols. Negative indices count from the end.
  std::int64_t size(int index) const;

  // The trace and the value this stands for; nullptr and -1 for numbers in memory.
  const void* trace() const;
  int traced_value() const;

  // Made by packed().
  bool is_packed() const;
  // Where the stored or packed bytes begin, those of the first part if there are several; nullptr for traced and failed
  // tensors.
  const std::byte* data() const;
  // The stored bytes; empty for traced, packed and failed tensors, and for those whose rows are in several places or
  // made.
  std::span<const std::byte> bytes() const;
  std::span<std::byte> mutable_bytes();        // empty for views
  std::span<const float> floats() const;       // empty unless f32 in memory
  std::span<const std::int32_t> ints() const;  // empty unless i32 in memory
  // Where a row of the last dim is, after row orders and in its part; or which row of what reader it is.
  struct RowPlace {
    const std::byte* stored = nullptr;  // null: made
    const RowReader* reader = nullptr;
    std::int64_t made_row = 0;
  };
  RowPlace place_of_row(std::int64_t index) const;
  // The stored row; nullptr when a reader makes it.
  const std::byte* row(std::int64_t index) const { return place_of_row(index).stored; }
  // The stored row, or the one made in `scratch`, which has room for it.
  const std::byte* read_row(std::int64_t index, std::byte* scratch) const;
  // Of what concatenated() and stacked() made; else empty.
  std::span<const Tensor> parts() const;
  // Of what made() made; else null.
  const std::shared_ptr<const RowReader>& reader() const;
  // Whether both are of one type and read the same rows of the same storage.
  bool same_rows(const Tensor& other) const;

  Tensor with_name(std::string name) const;
  const std::string& name() const;
  // The same bytes with other sizes; the number of elements stays, that of the last dim too where rows are in several
  // places or made, and there may be no row order.
  Tensor with_shape(Shape shape) const;
  // The same stored data seen through an order of its rows (first dim); composes with an order it already has.
  Tensor with_rows(RowOrder order) const;
  // `count` of the first dim from `first` on, without a copy.
  Tensor slice(std::int64_t first, std::int64_t count) const;
  const RowOrder& row_order() const;
  // Tells copies of one tensor from other tensors.
  const void* identity() const { return impl_.get(); }

  std::string to_string() const;  // type and the first values

 private:
  struct Impl;
  explicit Tensor(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  static Tensor stacked_rows(std::vector<Tensor> parts, Shape shape);
  std::shared_ptr<Impl> impl_;
};

std::ostream& operator<<(std::ostream& out, const Tensor& tensor);

}  // namespace galago
