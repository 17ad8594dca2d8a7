// What checkpoints do to parameters, undone: each is a Transform of a TensorRule. "Rows" of a vector are its elements,
// which are copied as f32; of a weight nothing is copied.
#pragma once

#include <string>

#include "models/tensor_rules.h"

namespace galago::models::transforms {

// The steps one after the other; all but the first have one source.
Transform in_order(std::vector<Transform> steps);

// The sources as one stack, (number of sources, ...): experts that are published one by one.
Transform stacked();
// The rows of the sources after each other: shards, or q, k and v where a model has one matrix for them.
Transform concatenated();
// `step` done to each of a stack, (n, ...).
Transform of_each(Transform step);

// Rows of pieces that lie after each other; keeps piece `index`. The sizes are those of the model: fused q, k and v.
using Sizes = std::function<Result<std::vector<std::int64_t>>(const RuleCall& call)>;
Transform piece(std::size_t index, Sizes sizes);
// The same of `count` equal pieces: fused gate and up.
Transform equal_piece(std::size_t index, std::size_t count);
// The rows first, first + step, ...: gate and up in turns.
Transform every(std::int64_t first, std::int64_t step);
// Rows of `heads_key` (of the configuration) heads whose two halves llama.cpp stores in turns: row 2j + s of a head is
// its row s * half + j.
Transform rope_pairs(std::string heads_key);

// A weight that is stored (in, out), in plain numbers. Rows are gathered when they are read.
Transform transposed();
// MXFP4 as gpt-oss publishes it: codes (rows, blocks, 16), two neighbours a byte, and exponents (rows, blocks); or a
// stack of both.
Transform mxfp4();

// f(value) for each value: what a converter added, say. Only of parameters that are values, not weights.
Transform each_value(std::function<float(float)> f);
// Without its sizes of 1: a convolution's (channels, 1, width).
Transform with_sizes(Sizes sizes);

}  // namespace galago::models::transforms
