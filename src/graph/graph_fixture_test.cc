#include "graph/graph_fixture_test.h"

namespace galago::graph {

Result<Graph> trace_block() {
  const auto weight = [](const char* name, Shape shape) { return Tensor::random(std::move(shape)).with_name(name); };
  const Tensor table = weight("table", {10, 8}), gain = weight("gain", {8});
  const Tensor q = weight("q", {8, 8}), k = weight("k", {8, 8}), v = weight("v", {8, 8}), o = weight("o", {8, 8});
  const Tensor gate = weight("gate", {12, 8}), up = weight("up", {12, 8}), down = weight("down", {8, 12});
  const Tensor frequencies = weight("frequencies", {2});
  const Dim n = Dim::symbol("tokens", 32);
  const std::vector<TraceInput> inputs = {{"ids", {DType::kI32, {n}}}, {"positions", {DType::kI32, {1, n}}}};
  return trace("block", inputs, {ops::Paged{2, 4, 4}}, [&](const TracedInputs& in) -> std::vector<NamedTensor> {
    Tensor x = reshape(embedding(in["ids"], table), {n, 8});
    const Tensor inv_freq = scale(frequencies, 0.5f);
    const Tensor h = rms_norm(x, gain);
    const Tensor qs = reshape(linear(h, q), {n, 2, 4});
    const Tensor ks = reshape(linear(h, k), {n, 2, 4});
    const Tensor vs = reshape(linear(h, v), {n, 2, 4});
    const Tensor turned = ops::rope(qs, in["positions"], inv_freq, {});
    const Status appended = ops::kv_append(ops::rope(ks, in["positions"], inv_freq, {}), vs, 0, nullptr);
    if (!appended.ok()) return {{"error", Tensor::failed(appended.error())}};
    const Tensor seen = ops::paged_attention(turned, {0, 2, 4, 0.5f, 0, 0.0f}, nullptr);
    x = x + linear(reshape(seen, {n, 8}), o);
    const Tensor m = rms_norm(x, gain);
    const Tensor opened = silu(linear(m, gate));
    x = x + linear(opened * linear(m, up), down);
    silu(x);  // nobody reads it
    return {{"logits", linear(x, table)}};
  });
}

}  // namespace galago::graph
