// Operations on tensors. Each runs at once, or is recorded while trace() runs; shapes and formulas stand beside each.
// A failed input gives a failed output with the same error, so chains need no checks in between.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "galago/tensor.h"

namespace galago {

// y = a + b and y = a * b; b has a's shape or its last dims.
Tensor add(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);
inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
// y = x * factor
Tensor scale(const Tensor& x, float factor);

// Activation functions, element by element.
Tensor silu(const Tensor& x);
Tensor gelu(const Tensor& x);       // with erf
Tensor gelu_tanh(const Tensor& x);  // the tanh approximation
Tensor quick_gelu(const Tensor& x);
Tensor relu(const Tensor& x);
Tensor relu2(const Tensor& x);
Tensor sigmoid(const Tensor& x);
Tensor tanh(const Tensor& x);

// y[t] = table[ids[t]]      ids: i32 (tokens)   table: (vocab, dim)   y: (tokens, dim)
Tensor embedding(const Tensor& ids, const Tensor& table);
// y = x W^T + bias      x: (..., in)   weight: (out, in), any element type   bias: (out), may be an empty Tensor
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {});
// y = a b^T      a: (m, k)   b: (n, k)   y: (m, n)
Tensor matmul(const Tensor& a, const Tensor& b);
// y = sum of w[e] * down[e] (silu(gate[e] x) * up[e] x) over each token's `experts_per_token` best experts, where w is
// the softmax of the token's logits, divided by its sum over the chosen experts if `normalize`. Of any element type:
// gate, up: (n_experts, intermediate, hidden)   down: (n_experts, hidden, intermediate)
// x, y: (tokens, hidden)   logits: (tokens, n_experts)
Tensor moe(const Tensor& x, const Tensor& logits, const Tensor& gate, const Tensor& up, const Tensor& down,
           int experts_per_token, bool normalize = false);
// y = x / sqrt(mean(x * x) + eps) * weight over the last dim; `weight_plus_one` multiplies by weight + 1.
Tensor rms_norm(const Tensor& x, const Tensor& weight, float eps = 1e-6f, bool weight_plus_one = false);
// y = (x - mean) / sqrt(var + eps) * weight + bias over the last dim; bias may be an empty Tensor.
Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps = 1e-5f);
// y = x / |x| over the last dim.
Tensor l2_normalize(const Tensor& x, float eps = 1e-12f);
Tensor softmax(const Tensor& x);

// The same elements with other sizes; the dims in another order; tensors joined; a part of a constant dim.
Tensor reshape(const Tensor& x, Shape shape);
Tensor permute(const Tensor& x, std::vector<std::int64_t> axes);
Tensor concat(std::span<const Tensor> tensors, int axis);
Tensor slice(const Tensor& x, int axis, std::int64_t start, std::int64_t length);
// y[i] = x[index[i]]      x: (n, dim)   index: i32 (m)
Tensor gather_rows(const Tensor& x, const Tensor& index);
// y[t] = index[t] < 0 ? x[t] : rows[index[t]]      x: (tokens, dim)   rows: (n, dim)   index: i32 (tokens)
Tensor splice(const Tensor& x, const Tensor& rows, const Tensor& index);

// A picture (channels, H, W) as rows of patches, each flattened as (channels, height, width).
Tensor patchify(const Tensor& x, int height, int width);
// x: (channels, H, W)   weight: (out, channels / groups, kh, kw)   bias: (out), may be an empty Tensor
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, int stride = 1, int padding = 0,
              int groups = 1);
// x: (channels, H, W)   y: (channels, height, width)
Tensor adaptive_avg_pool2d(const Tensor& x, int height, int width);

// Attention over the rows of this call, without a cache. q: (n, heads, dim)   k, v: (m, kv_heads, dim)
// query_segment, key_segment: i32 (n) and (m), or empty Tensors: a query sees the keys of its own segment.
Tensor dense_attention(const Tensor& q, const Tensor& k, const Tensor& v, float scale, bool causal = false,
                       const Tensor& query_segment = {}, const Tensor& key_segment = {});

}  // namespace galago
