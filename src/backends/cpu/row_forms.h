// The forms in which linear kernels take rows, and the kernel of each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "backends/cpu/instruction.h"

namespace galago::cpu {

// What a linear kernel reads.
enum class RowForm : std::uint8_t { kFloat, kInt8, kBf16 };
inline constexpr RowForm kRowForms[] = {RowForm::kFloat, RowForm::kInt8, RowForm::kBf16};

std::string_view to_string(RowForm form);
std::int64_t form_bytes(RowForm form, std::int64_t cols);

// From one row to the next, in floats, blocks or bf16, of rows that linears read: an odd number of cache lines. Kernels
// read the same columns of many rows at once, which would share a few sets of L1 if they lay pages apart. Blocks are
// read one row after the other, and lie close.
std::int64_t row_pitch(RowForm form, std::int64_t cols);
// Bytes of so many rows at that pitch.
std::int64_t pitched_bytes(RowForm form, std::int64_t rows, std::int64_t cols);

// Where rows lie in up to three forms.
template <class Place>
struct FormedRows {
  Place forms[3] = {};
  Place& in(RowForm form) { return forms[static_cast<std::size_t>(form)]; }
  const Place& in(RowForm form) const { return forms[static_cast<std::size_t>(form)]; }
};
using RowPointers = FormedRows<std::byte*>;

RowPointers pointers(const Run& run, const FormedRows<Operand>& rows);

// The kernel that reads the form.
void multiply(const KernelTable& kernels, RowForm form, const LinearArgs& args);
// The same into y (args' rows, stride), which has the columns of args' tiles alone.
void multiply_to(const KernelTable& kernels, RowForm form, LinearArgs args, float* y, std::int64_t stride);

// Results of a linear that wait on the stack for what comes after: rows times columns, of two tiles at least.
inline constexpr std::int64_t kPairCols = 2 * kTileRows;

// Calls visit(first row, last row, first tile, last tile) for blocks whose results fit `floats`. Ranges of tiles begin
// at even ones when the first does.
template <class Visit>
void for_blocks(std::int64_t floats, std::int64_t first_row, std::int64_t last_row, std::int64_t first_tile,
                std::int64_t last_tile, Visit visit) {
  const std::int64_t block_rows = floats / kPairCols;
  for (std::int64_t row = first_row; row < last_row; row += block_rows) {
    const std::int64_t end = row + block_rows < last_row ? row + block_rows : last_row;
    const std::int64_t step = floats / ((end - row) * kPairCols) * 2;
    for (std::int64_t tile = first_tile; tile < last_tile; tile += step) {
      visit(row, end, tile, tile + step < last_tile ? tile + step : last_tile);
    }
  }
}

}  // namespace galago::cpu
