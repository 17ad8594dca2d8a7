#include "backends/cpu/program_fixture_test.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/arena.h"
#include "base/try.h"
#include "ops/executor.h"

namespace galago::cpu {

double nmse(std::span<const float> found, std::span<const float> expected) {
  if (found.size() != expected.size()) return std::numeric_limits<double>::infinity();
  double error = 0.0, power = 0.0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (!std::isfinite(found[i])) return std::numeric_limits<double>::infinity();
    error += (double{found[i]} - expected[i]) * (double{found[i]} - expected[i]);
    power += double{expected[i]} * expected[i];
  }
  return power > 0.0 ? error / power : error;
}

PagedStates::PagedStates(const std::vector<ops::Paged>& specs, KvType kv, std::int32_t n_pages) {
  for (const ops::Paged& spec : specs) {
    const std::uint64_t page = ops::page_bytes(spec, kv);
    bytes_.emplace_back(page * static_cast<std::uint64_t>(n_pages));
    views_.push_back({bytes_.back().data(), page, kv, n_pages});
  }
}

Step::Step(const std::vector<std::pair<int, int>>& rows, std::int32_t pages)
    : n_sequences(static_cast<std::int32_t>(rows.size())), max_pages(pages) {
  for (std::int32_t s = 0; s < n_sequences; ++s) {
    for (int p = rows[static_cast<std::size_t>(s)].first; p < rows[static_cast<std::size_t>(s)].second; ++p) {
      sequence.push_back(s);
      position.push_back(p);
    }
    for (std::int32_t page = 0; page < max_pages; ++page) page_table.push_back(page * n_sequences + s);
  }
}

ops::StepView Step::view(const PagedStates& states) const {
  group = {page_table.data(), max_pages, position.data()};
  return {.n_rows = static_cast<std::int32_t>(sequence.size()),
          .n_sequences = n_sequences,
          .sequence = sequence.data(),
          .position = position.data(),
          .groups = std::span(&group, 1),
          .states = states.views()};
}

Tensor Step::positions() const { return Tensor::from(position, {1, static_cast<std::int64_t>(position.size())}); }

Result<std::vector<Floats>> Compiled::run(const std::vector<Tensor>& inputs, const std::vector<std::int64_t>& symbols,
                                          const ops::StepView* step, int n_threads, std::uint8_t poison) const {
  std::vector<BufferView> data;
  for (const Tensor& input : inputs) data.emplace_back(input.bytes());
  GALAGO_TRY(const Arena arena, Arena::create(static_cast<std::uint64_t>(program->plan().peak_bytes)));
  std::fill(arena.bytes().begin(), arena.bytes().end(), std::byte{poison});
  const graph::RunArguments arguments{symbols, data, step, BufferView(arena.bytes()), n_threads};
  GALAGO_CHECK(program->submit(arguments));
  std::vector<Floats> outputs;
  for (std::size_t i = 0; i < program->n_outputs(); ++i) {
    const auto bytes = program->output(i, arguments).bytes();
    Floats values(bytes.size() / sizeof(float));
    if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
    outputs.push_back(std::move(values));
  }
  return outputs;
}

Compiled compile(const Source& source, CpuOptions options) {
  Compiled compiled;
  compiled.backend = CpuBackend::create(std::move(options)).value();
  auto traced = graph::trace("test", source.inputs, source.states, source.function).value();
  const std::array<const graph::Backend*, 1> backends = {compiled.backend.get()};
  compiled.graph = graph::run_passes(std::move(traced), backends).value();
  compiled.program = compiled.backend->compile(compiled.graph).value();
  return compiled;
}

std::vector<Floats> run_reference(const Source& source, const std::vector<Tensor>& inputs) {
  const ops::ExecutorScope scope(ops::reference_executor());
  std::vector<Floats> outputs;
  for (const graph::NamedTensor& named : source.function({source.inputs, inputs})) {
    EXPECT_TRUE(named.tensor.ok()) << named.tensor.error().message;
    const auto values = named.tensor.floats();
    outputs.emplace_back(values.begin(), values.end());
  }
  return outputs;
}

int count_nodes(const graph::Graph& graph, std::string_view name) {
  int n = 0;
  for (const graph::Node& node : graph.nodes) n += graph::name(node) == name ? 1 : 0;
  return n;
}

}  // namespace galago::cpu
