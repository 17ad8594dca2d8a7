// act(gate) * up of some columns of rows, in the form that the next linear reads.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backends/cpu/row_forms.h"

namespace galago::cpu {

// Two tiles of gate and of up make 32 results, which are a block of codes: the unit that chunks consist of.
inline constexpr std::int64_t kUnitTiles = 2;
static_assert(kUnitTiles * kTileRows == kQuantGroup);

inline std::int64_t unit_count(std::int64_t tiles) { return (tiles + kUnitTiles - 1) / kUnitTiles; }

// Where results lie.
struct ResultPlace {
  std::byte* base;
  RowForm form;
  std::int64_t stride;  // from one row to the next, in floats, blocks or bf16
  std::int64_t origin;  // the unit of row 0 that lies at `base`

  std::int64_t unit_bytes() const { return form_bytes(form, kQuantGroup); }
  std::byte* at(std::int64_t row, std::int64_t unit) const {
    const std::int64_t element_bytes = form == RowForm::kInt8 ? unit_bytes() : unit_bytes() / kQuantGroup;
    return base + (row * stride * element_bytes + (unit - origin) * unit_bytes());
  }
};

// What linears gave for `rows` rows of `cols` columns: whole units, but for a row's last.
struct GateAndUp {
  float *gate, *up;
  std::int64_t stride;
  std::int64_t rows, cols;
};

// Results of rows `first_row`, ... and units `first_unit`, ... of `to`. May write over the gate.
void activate(const KernelTable& kernels, UnaryOp op, const GateAndUp& x, const ResultPlace& to, std::int64_t first_row,
              std::int64_t first_unit);

}  // namespace galago::cpu
