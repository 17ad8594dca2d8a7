#include "models/row_readers.h"

#include <cstring>

namespace galago::models {
namespace {

// A matrix of plain numbers by columns.
class TransposedRows : public RowReader {
 public:
  explicit TransposedRows(Tensor stored) : stored_(std::move(stored)) {}

  void read(std::int64_t row, std::byte* out) const override {
    const auto element = static_cast<std::size_t>(info(stored_.dtype()).block_bytes);
    const auto rows = static_cast<std::size_t>(stored_.size(0)), cols = static_cast<std::size_t>(stored_.size(1));
    const std::byte* from = stored_.bytes().data() + static_cast<std::size_t>(row) * element;
    for (std::size_t i = 0; i < rows; ++i, out += element, from += cols * element) std::memcpy(out, from, element);
  }
  std::vector<std::span<const std::byte>> sources() const override { return {stored_.bytes()}; }
  std::string_view kind() const override { return "transposed"; }

 private:
  Tensor stored_;
};

// Blocks of ggml's MXFP4: the exponent, then a byte for elements j and j + 16, where the codes have 2j and 2j + 1.
class Mxfp4Rows : public RowReader {
 public:
  Mxfp4Rows(Tensor codes, Tensor exponents) : codes_(std::move(codes)), exponents_(std::move(exponents)) {}

  void read(std::int64_t row, std::byte* out) const override {
    const std::int64_t blocks = exponents_.size(1);
    const std::byte* exponent = exponents_.bytes().data() + row * blocks;
    const std::byte* codes = codes_.bytes().data() + row * blocks * kMxfp4CodeBytes;
    const auto code = [&codes](std::int64_t i) {
      return (i % 2 == 0 ? codes[i / 2] : codes[i / 2] >> 4) & std::byte{0xf};
    };
    for (std::int64_t block = 0; block < blocks; ++block, codes += kMxfp4CodeBytes) {
      *out++ = *exponent++;
      for (std::int64_t j = 0; j < kMxfp4CodeBytes; ++j) *out++ = code(j) | code(j + kMxfp4CodeBytes) << 4;
    }
  }
  std::vector<std::span<const std::byte>> sources() const override { return {codes_.bytes(), exponents_.bytes()}; }
  std::string_view kind() const override { return "mxfp4"; }

 private:
  Tensor codes_, exponents_;
};

}  // namespace

Tensor transposed_rows(const Tensor& stored) {
  return Tensor::made(stored.dtype(), {stored.size(1), stored.size(0)}, std::make_shared<TransposedRows>(stored));
}

Tensor mxfp4_rows(const Tensor& codes, const Tensor& exponents) {
  const std::int64_t cols = codes.size(1) * info(DType::kMXFP4).block_elements;
  return Tensor::made(DType::kMXFP4, {codes.size(0), cols}, std::make_shared<Mxfp4Rows>(codes, exponents));
}

}  // namespace galago::models
