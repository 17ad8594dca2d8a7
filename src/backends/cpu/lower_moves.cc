// What only moves or looks up elements: bytes are copied, whatever the element type.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "backends/cpu/lower_ops.h"
#include "base/error.h"
#include "base/try.h"
#include "quant/codec.h"

namespace galago::cpu {
namespace {

std::int64_t element_bytes(DType plain) { return info(plain).block_bytes; }

// Whether all rows are stored, in whichever places.
bool lies_in_pieces(const Tensor& table) {
  if (table.reader()) return false;
  return std::ranges::all_of(table.parts(), lies_in_pieces);
}

// y[t] = table[ids[t]], decoded from the table's own rows.
class EmbeddingInstruction : public Instruction {
 public:
  Operand ids, table, y;
  DType dtype = DType::kF32;
  RowOrder order;  // of a constant table
  Tensor pieces;   // of one that lies in several places; else not ok()
  Size tokens, vocab, cols;

  Status run(const Run& run) const override {
    const std::int64_t n = run.at(tokens), n_cols = run.at(cols), n_vocab = run.at(vocab);
    const std::int32_t* id = run.ints(ids);
    for (std::int64_t t = 0; t < n; ++t) {
      if (id[t] < 0 || id[t] >= n_vocab) {
        return error(ErrorCode::kOutOfRange, "embedding: token {} is the id {}; the table has {} rows", t, id[t],
                     n_vocab);
      }
    }
    const auto stride = static_cast<std::int64_t>(row_bytes(dtype, static_cast<std::uint64_t>(n_cols)).value_or(0));
    const auto decode = quant::codec(dtype).decode_row;
    run.parallel(n, row_grain(n_cols), [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t t = first; t < last; ++t) {
        const std::int64_t row = order ? (*order)[static_cast<std::size_t>(id[t])] : id[t];
        const std::byte* from = pieces.ok() ? pieces.row(id[t]) : run.read(table) + row * stride;
        decode(from, run.out(y) + t * n_cols, n_cols);
      }
    });
    return {};
  }

  std::string to_string() const override {
    return fmt::format("embedding {}  tokens {}  table {} x {}", name(dtype), tokens.to_string(), vocab.to_string(),
                       cols.to_string());
  }
};

// y[t] = index[t] < 0 and there is x ? x[t] : rows[index[t]]
class PickRowsInstruction : public Instruction {
 public:
  const char* title = "";
  Operand x, rows, index, y;
  Size n_out, n_rows, cols;

  Status run(const Run& run) const override {
    const std::int64_t n = run.at(n_out), available = run.at(n_rows), n_cols = run.at(cols);
    const std::int32_t* picked = run.ints(index);
    for (std::int64_t t = 0; t < n; ++t) {
      if (picked[t] >= available || (picked[t] < 0 && !x)) {
        return error(ErrorCode::kOutOfRange, "{}: index {} is {}; there are {} rows to take", title, t, picked[t],
                     available);
      }
    }
    run.parallel(n, row_grain(n_cols), [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t t = first; t < last; ++t) {
        const float* from = picked[t] < 0 ? run.floats(x) + t * n_cols : run.floats(rows) + picked[t] * n_cols;
        std::copy_n(from, n_cols, run.out(y) + t * n_cols);
      }
    });
    return {};
  }

  std::string to_string() const override {
    return fmt::format("{}  rows {} of {}  cols {}", title, n_out.to_string(), n_rows.to_string(), cols.to_string());
  }
};

// For each of `outer` rows, one run of bytes from each input after the other.
class ConcatInstruction : public Instruction {
 public:
  struct Part {
    Operand x;
    Size elements;  // of one run
  };
  std::vector<Part> parts;
  Operand y;
  Size outer, row_elements;
  std::int64_t bytes = 0;  // of an element

  Status run(const Run& run) const override {
    const std::int64_t row = run.at(row_elements) * bytes;
    run.parallel(run.at(outer), row_grain(row / 4), [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t r = first; r < last; ++r) {
        std::byte* to = run.write(y) + r * row;
        for (const Part& part : parts) {
          const auto n = static_cast<std::size_t>(run.at(part.elements) * bytes);
          if (n > 0) std::memcpy(to, run.read(part.x) + static_cast<std::size_t>(r) * n, n);
          to += n;
        }
      }
    });
    return {};
  }

  std::string to_string() const override {
    return fmt::format("concat of {}  outer {}  elements {}", parts.size(), outer.to_string(),
                       row_elements.to_string());
  }
};

// Runs of `taken` elements, each from the start of a run of `stride` elements.
class SliceInstruction : public Instruction {
 public:
  Operand x, y;
  Size outer, inner;
  std::int64_t start = 0, length = 0, whole = 0;  // in units of `inner`
  std::int64_t bytes = 0;

  Status run(const Run& run) const override {
    const std::int64_t unit = run.at(inner) * bytes;
    const auto n = static_cast<std::size_t>(length * unit);
    if (n == 0) return {};
    run.parallel(run.at(outer), row_grain(length * unit / 4), [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t r = first; r < last; ++r) {
        std::memcpy(run.write(y) + r * length * unit, run.read(x) + (r * whole + start) * unit, n);
      }
    });
    return {};
  }

  std::string to_string() const override {
    return fmt::format("slice {} of {} from {}  outer {}  inner {}", length, whole, start, outer.to_string(),
                       inner.to_string());
  }
};

// Dim d of y is dim axes[d] of x. A last dim that stays the last is copied in one piece.
class PermuteInstruction : public Instruction {
 public:
  std::vector<std::int64_t> axes;
  std::vector<Size> sizes;  // of x
  Operand x, y;
  std::int64_t bytes = 0;

  Status run(const Run& run) const override {
    const std::size_t rank = axes.size();
    std::array<std::int64_t, ops::kMaxRank> x_strides{}, y_sizes{}, strides{};
    std::int64_t elements = 1;
    for (std::size_t d = rank; d-- > 0;) {
      x_strides[d] = elements;
      elements *= run.at(sizes[d]);
    }
    if (elements == 0) return {};
    for (std::size_t d = 0; d < rank; ++d) {
      const auto axis = static_cast<std::size_t>(axes[d]);
      y_sizes[d] = run.at(sizes[axis]);
      strides[d] = x_strides[axis];
    }
    const bool keeps_last = rank > 0 && axes.back() == static_cast<std::int64_t>(rank) - 1;
    const std::size_t moving = keeps_last ? rank - 1 : rank;
    const std::int64_t piece = keeps_last ? y_sizes[rank - 1] : 1;
    run.parallel(elements / piece, row_grain(piece), [&](std::int64_t first, std::int64_t last) {
      copy_pieces({run.read(x), run.write(y), static_cast<std::size_t>(piece * bytes)},
                  std::span(y_sizes).first(moving), std::span(strides).first(moving), first, last);
    });
    return {};
  }

  std::string to_string() const override {
    std::string text = "permute (";
    for (std::size_t d = 0; d < axes.size(); ++d) text += fmt::format("{}{}", d > 0 ? ", " : "", axes[d]);
    text += ")  of (";
    for (std::size_t d = 0; d < sizes.size(); ++d) text += (d > 0 ? ", " : "") + sizes[d].to_string();
    return text + ")";
  }

 private:
  struct Pieces {
    const std::byte* from;
    std::byte* to;
    std::size_t bytes;
  };

  // Pieces [first, last) of y in its order; `strides` are in elements of x.
  void copy_pieces(const Pieces& pieces, std::span<const std::int64_t> y_sizes, std::span<const std::int64_t> strides,
                   std::int64_t first, std::int64_t last) const {
    std::array<std::int64_t, ops::kMaxRank> index{};
    std::int64_t from = 0;
    for (std::size_t d = y_sizes.size(), rest = static_cast<std::size_t>(first); d-- > 0;) {
      const auto size = static_cast<std::size_t>(y_sizes[d]);
      index[d] = static_cast<std::int64_t>(rest % size);
      from += index[d] * strides[d];
      rest /= size;
    }
    for (std::int64_t i = first; i < last; ++i) {
      std::memcpy(pieces.to + static_cast<std::size_t>(i) * pieces.bytes, pieces.from + from * bytes, pieces.bytes);
      for (std::size_t d = y_sizes.size(); d-- > 0;) {
        from += strides[d];
        if (++index[d] < y_sizes[d]) break;
        from -= index[d] * strides[d];
        index[d] = 0;
      }
    }
  }
};

class PatchifyInstruction : public Instruction {
 public:
  Operand x, y;
  std::int64_t channels = 0, x_height = 0, x_width = 0, height = 0, width = 0;

  Status run(const Run& run) const override {
    const std::int64_t columns = x_width / width, patches = x_height / height * columns;
    const std::int64_t elements = channels * height * width;
    run.parallel(patches, row_grain(elements), [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t patch = first; patch < last; ++patch) {
        const std::int64_t top = patch / columns * height, left = patch % columns * width;
        float* to = run.out(y) + patch * elements;
        for (std::int64_t i = 0; i < channels * height; ++i) {
          const std::int64_t row = i / height * x_height + top + i % height;
          to = std::copy_n(run.floats(x) + row * x_width + left, width, to);
        }
      }
    });
    return {};
  }

  std::string to_string() const override {
    return fmt::format("patchify {} x {}  of ({}, {}, {})", height, width, channels, x_height, x_width);
  }
};

}  // namespace

Status lower(Lowering& to, const Node& node, const ops::Embedding&) {
  const graph::Value& table = to.graph().value(node.inputs[1]);
  auto instruction = std::make_unique<EmbeddingInstruction>();
  instruction->ids = to.operand(node.inputs[0]);
  // A table is read where it lies, whatever its order and alignment: it may be most of the file.
  if (table.is_constant() && !table.constant.bytes().empty()) {
    instruction->table = {Operand::Place::kConstant, 0, table.constant.bytes().data()};
    instruction->order = table.constant.row_order();
  } else if (table.is_constant() && lies_in_pieces(table.constant)) {
    instruction->pieces = table.constant;
  } else {
    instruction->table = to.operand(node.inputs[1]);
  }
  instruction->dtype = table.type.dtype;
  instruction->y = to.operand(node.outputs[0]);
  instruction->tokens = to.elements(node.inputs[0]);
  instruction->vocab = to.rows(node.inputs[1]);
  instruction->cols = to.cols(node.inputs[1]);
  to.emit(std::move(instruction));
  return {};
}

Status lower(Lowering& to, const Node& node, const ops::Splice&) {
  auto instruction = std::make_unique<PickRowsInstruction>();
  instruction->title = "splice";
  instruction->x = to.operand(node.inputs[0]);
  instruction->rows = to.operand(node.inputs[1]);
  instruction->index = to.operand(node.inputs[2]);
  instruction->y = to.operand(node.outputs[0]);
  instruction->n_out = to.elements(node.inputs[2]);
  instruction->n_rows = to.rows(node.inputs[1]);
  instruction->cols = to.cols(node.inputs[1]);
  to.emit(std::move(instruction));
  return {};
}

Status lower(Lowering& to, const Node& node, const ops::GatherRows&) {
  auto instruction = std::make_unique<PickRowsInstruction>();
  instruction->title = "gather_rows";
  instruction->rows = to.operand(node.inputs[0]);
  instruction->index = to.operand(node.inputs[1]);
  instruction->y = to.operand(node.outputs[0]);
  instruction->n_out = to.elements(node.inputs[1]);
  instruction->n_rows = to.rows(node.inputs[0]);
  instruction->cols = to.cols(node.inputs[0]);
  to.emit(std::move(instruction));
  return {};
}

// The plan gives both the same bytes.
Status lower(Lowering&, const Node&, const ops::Reshape&) { return {}; }

Status lower(Lowering& to, const Node& node, const ops::Permute& op) {
  auto instruction = std::make_unique<PermuteInstruction>();
  const Shape& shape = to.shape(node.inputs[0]);
  instruction->axes = op.axes;
  for (int d = 0; d < shape.rank(); ++d) instruction->sizes.push_back(to.size(shape, d, d + 1));
  instruction->x = to.operand(node.inputs[0]);
  instruction->y = to.operand(node.outputs[0]);
  instruction->bytes = element_bytes(to.dtype(node.inputs[0]));
  to.emit(std::move(instruction));
  return {};
}

Status lower(Lowering& to, const Node& node, const ops::Concat& op) {
  auto instruction = std::make_unique<ConcatInstruction>();
  for (const ValueId id : node.inputs) {
    instruction->parts.push_back({to.operand(id), to.size(to.shape(id), op.axis, to.shape(id).rank())});
  }
  const Shape& shape = to.shape(node.outputs[0]);
  instruction->y = to.operand(node.outputs[0]);
  instruction->outer = to.size(shape, 0, op.axis);
  instruction->row_elements = to.size(shape, op.axis, shape.rank());
  instruction->bytes = element_bytes(to.dtype(node.outputs[0]));
  to.emit(std::move(instruction));
  return {};
}

Status lower(Lowering& to, const Node& node, const ops::Slice& op) {
  auto instruction = std::make_unique<SliceInstruction>();
  const Shape& shape = to.shape(node.inputs[0]);
  instruction->x = to.operand(node.inputs[0]);
  instruction->y = to.operand(node.outputs[0]);
  instruction->outer = to.size(shape, 0, op.axis);
  instruction->inner = to.size(shape, op.axis + 1, shape.rank());
  instruction->start = op.start;
  instruction->length = op.length;
  instruction->whole = shape.dim(op.axis).bound();
  instruction->bytes = element_bytes(to.dtype(node.inputs[0]));
  to.emit(std::move(instruction));
  return {};
}

Status lower(Lowering& to, const Node& node, const ops::Patchify& op) {
  auto instruction = std::make_unique<PatchifyInstruction>();
  const Shape& shape = to.shape(node.inputs[0]);
  instruction->x = to.operand(node.inputs[0]);
  instruction->y = to.operand(node.outputs[0]);
  instruction->channels = shape.dim(0).bound();
  instruction->x_height = shape.dim(1).bound();
  instruction->x_width = shape.dim(2).bound();
  instruction->height = op.height;
  instruction->width = op.width;
  to.emit(std::move(instruction));
  return {};
}

}  // namespace galago::cpu
