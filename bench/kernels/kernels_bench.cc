// Measures the CPU kernels: each linear as GB/s of weights and GOPS, every other kernel as million elements a second,
// on each instruction set of the machine, with the ratio to scalar.
//
//   kernels_bench [filter [isa]]    prints the lines whose kernel contains `filter`
//
// Shapes are SmolLM2's, and 1536 x 768 for every block format. With one row the weights are read from as many copies as
// fill 256 MB, so that no cache holds them.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "backends/cpu/kernel_table.h"
#include "backends/cpu/packing.h"
#include "backends/cpu/paged_step.h"
#include "ops/kv_codec.h"
#include "quant/codec.h"

namespace galago::cpu {
namespace {

using Work = std::function<void(int thread, int threads, std::int64_t repeat)>;

// CPU time of this thread: a machine that does other things besides is measured all the same.
double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// Seconds of one repeat, the slowest thread's: the best of `kTrials` runs of about 10 ms each.
double seconds(int threads, const Work& work) {
  constexpr int kTrials = 9;
  double start = cpu_seconds();
  work(0, threads, 0);
  const auto repeats = static_cast<std::int64_t>(std::clamp(0.01 / (cpu_seconds() - start), 1.0, 10000.0));
  double best = 1e9;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<double> spent(static_cast<std::size_t>(threads));
    const auto run = [&](int thread) {
      const double from = cpu_seconds();
      for (std::int64_t i = 0; i < repeats; ++i) work(thread, threads, trial * repeats + i);
      spent[static_cast<std::size_t>(thread)] = cpu_seconds() - from;
    };
    std::vector<std::thread> others;
    for (int thread = 1; thread < threads; ++thread) others.emplace_back(run, thread);
    run(0);
    for (std::thread& other : others) other.join();
    best = std::min(best, *std::max_element(spent.begin(), spent.end()) / static_cast<double>(repeats));
    if (best * static_cast<double>(repeats) > 0.1) break;  // a slow kernel needs no second look
  }
  return best;
}

std::vector<float> random_values(std::size_t count) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

// The first table measured is scalar; what follows is a multiple of its speed.
class Report {
 public:
  explicit Report(std::string filter) : filter_(std::move(filter)) {}
  bool wants(const std::string& kernel) const { return kernel.find(filter_) != std::string::npos; }
  void line(const std::string& isa, const std::string& kernel, double time, double bytes, double operations) {
    if (isa == "scalar") scalar_[kernel] = time;
    std::printf("%-12s %-44s %10.1f us %8.2f GB/s %9.2f G/s %7.1fx\n", isa.c_str(), kernel.c_str(), time * 1e6,
                bytes / time * 1e-9, operations / time * 1e-9,
                scalar_.count(kernel) != 0 ? scalar_[kernel] / time : 0.0);
    std::fflush(stdout);
  }

 private:
  std::string filter_;
  std::map<std::string, double> scalar_;
};

// 16 rows of a weight; random blocks where there is no encoder.
std::vector<std::byte> source_rows(DType dtype, std::int64_t cols) {
  std::vector<std::byte> blocks(*row_bytes(dtype, static_cast<std::uint64_t>(kTileRows * cols)));
  if (quant::codec(dtype).encode_row != nullptr) {
    const std::vector<float> weights = random_values(static_cast<std::size_t>(kTileRows * cols));
    quant::codec(dtype).encode_row(weights.data(), blocks.data(), kTileRows * cols);
    return blocks;
  }
  std::mt19937 random(2);
  for (std::byte& byte : blocks) byte = static_cast<std::byte>(random() & 0xff);
  return blocks;
}

void bench_linear(const KernelTable& kernels, DType dtype, bool int8, std::int64_t outputs, std::int64_t cols,
                  std::int64_t rows, int threads, Report* report) {
  char label[96];
  std::snprintf(label, sizeof label, "linear_%s %s %dx%d M=%d t=%d", int8 ? "int8" : "f32",
                std::string(name(dtype)).c_str(), static_cast<int>(outputs), static_cast<int>(cols),
                static_cast<int>(rows), threads);
  if (!report->wants(label)) return;
  const auto bytes = static_cast<std::int64_t>(packed_bytes(dtype, outputs, cols));
  const std::int64_t copies = rows > 1 ? 1 : std::max<std::int64_t>(1, 256000000 / bytes);
  std::vector<std::byte> packed(static_cast<std::size_t>(bytes * copies));
  const std::vector<std::byte> source = source_rows(dtype, cols);
  const std::size_t stride = source.size() / kTileRows;
  const auto source_row = [&](std::int64_t row) {
    return source.data() + static_cast<std::size_t>(row % kTileRows) * stride;
  };
  for (std::int64_t copy = 0; copy < copies; ++copy) {
    (void)pack_tile_range(source_row, dtype, outputs, cols, 0, tile_count(outputs), packed.data() + copy * bytes);
  }
  const std::vector<float> x = random_values(static_cast<std::size_t>(rows * cols));
  std::vector<QuantBlock> q(static_cast<std::size_t>(rows * quant_blocks(cols)));
  kernels.quantize_rows({x.data(), cols, q.data(), quant_blocks(cols), cols, 0, rows});
  std::vector<float> y(static_cast<std::size_t>(rows * outputs));
  const Work work = [&](int thread, int count, std::int64_t repeat) {
    LinearArgs a{};
    a.weight = packed_view(dtype, outputs, cols, packed.data() + repeat % copies * bytes);
    a.x = x.data(), a.x_stride = cols;
    a.quantized = q.data(), a.quantized_stride = quant_blocks(cols);
    a.y = y.data(), a.y_stride = outputs;
    a.last_row = rows;
    a.first_tile = tile_count(outputs) * thread / count;
    a.last_tile = tile_count(outputs) * (thread + 1) / count;
    int8 ? kernels.linear_int8(a) : kernels.linear_f32(a);
  };
  const double time = seconds(threads, work);
  report->line(kernels.isa, label, time, static_cast<double>(bytes), 2.0 * static_cast<double>(outputs * cols * rows));
}

void bench_linears(const KernelTable& kernels, Report* report) {
  const std::pair<std::int64_t, std::int64_t> shapes[] = {{576, 576}, {1536, 576}, {576, 1536}, {49152, 576}};
  for (const auto& [outputs, cols] : shapes) {
    for (const std::int64_t rows : {1, 256}) {
      if (outputs > 40000 && rows > 1) continue;  // only last rows reach the head
      for (const int threads : {1, 2}) bench_linear(kernels, DType::kQ4_1, true, outputs, cols, rows, threads, report);
    }
  }
#define GALAGO_WEIGHT_KIND(kind, bytes) \
  for (const std::int64_t rows : {1, 8, 256}) bench_linear(kernels, DType::kind, true, 1536, 768, rows, 1, report);
#include "backends/cpu/weight_kinds.def"
#undef GALAGO_WEIGHT_KIND
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16, DType::kQ4_1, DType::kQ8_0}) {
    for (const std::int64_t rows : {1, 256}) bench_linear(kernels, dtype, false, 1536, 576, rows, 1, report);
  }
}

void bench_rows(const KernelTable& kernels, Report* report) {
  constexpr std::int64_t kRows = 16, kCols = 1536;  // 300 KB in all: L2, so that not memory is measured
  const std::vector<float> x = random_values(kRows * kCols), up = random_values(kRows * kCols);
  std::vector<float> y(kRows * kCols);
  std::vector<QuantBlock> q(kRows * kCols / 32);
  const auto measure = [&](const std::string& label, double elements, const std::function<void()>& run) {
    if (!report->wants(label)) return;
    const double time = seconds(1, [&](int, int, std::int64_t) { run(); });
    report->line(kernels.isa, label, time, elements * 4, elements);
  };
  constexpr double kElements = kRows * kCols;
  measure("quantize_rows", kElements,
          [&] { kernels.quantize_rows({x.data(), kCols, q.data(), kCols / 32, kCols, 0, kRows}); });
  NormArgs norm{};
  norm.x = x.data(), norm.x_stride = kCols, norm.weight = up.data(), norm.y = y.data(), norm.y_stride = kCols;
  norm.cols = kCols, norm.eps = 1e-5f, norm.last_row = kRows;
  measure("rms_norm", kElements, [&] { kernels.rms_norm(norm); });
  measure("layer_norm", kElements, [&] { kernels.layer_norm(norm); });
  norm.y = nullptr, norm.quantized = q.data(), norm.quantized_stride = kCols / 32;
  measure("rms_norm + quantize", kElements, [&] { kernels.rms_norm(norm); });
  measure("add", kElements, [&] {
    kernels.binary({BinaryOp::kAdd, x.data(), kCols, up.data(), kCols, y.data(), kCols, kCols, 0, kRows});
  });
  const std::pair<const char*, UnaryOp> ops[] = {{"silu", UnaryOp::kSilu},
                                                 {"gelu", UnaryOp::kGelu},
                                                 {"gelu_tanh", UnaryOp::kGeluTanh},
                                                 {"tanh", UnaryOp::kTanh},
                                                 {"exp", UnaryOp::kExp}};
  for (const auto& [label, op] : ops) {
    measure(label, kElements, [&] { kernels.unary({op, 1.0f, x.data(), kCols, y.data(), kCols, kCols, 0, kRows}); });
  }
  measure("silu_mul + quantize", kElements, [&] {
    kernels.gated(
        {UnaryOp::kSilu, x.data(), kCols, up.data(), kCols, nullptr, 0, q.data(), kCols / 32, kCols, 0, kRows});
  });
  for (const bool interleaved : {false, true}) {
    measure(interleaved ? "rope pairs" : "rope split", kElements, [&] {
      kernels.rope(
          {x.data(), kCols, y.data(), kCols, up.data(), up.data(), 32, kCols / 64, 64, 64, interleaved, 0, kRows});
    });
  }
}

// A filled cache of one type. 9 heads over 3 of 64: SmolLM2.
struct PagedBench {
  static constexpr std::int64_t kTokens = 8256, kHeads = 9, kKvHeads = 3, kDim = 64;
  std::vector<std::byte> memory;
  std::vector<std::int32_t> table, sequence = std::vector<std::int32_t>(kTokens), position = sequence;
  std::vector<float> q = random_values(2048 * kHeads * kDim), k = random_values(kTokens * kKvHeads * kDim), y = q;
  KvAppendArgs append{};
  AttentionPagedArgs attend{};
  std::int64_t token_bytes = 0;

  PagedBench(const KernelTable& kernels, KvType type) {
    const KvPageLayout layout = kv_page_layout(type, kKvHeads, kDim, kDim);
    const std::int64_t page = layout.k_bytes + layout.v_bytes;
    memory.resize(static_cast<std::size_t>(page * kTokens / kPageTokens));
    token_bytes = page / kPageTokens;
    for (std::int32_t i = 0; i < kTokens / kPageTokens; ++i) table.push_back(i);
    for (std::size_t i = 0; i < position.size(); ++i) position[i] = static_cast<std::int32_t>(i);
    const PagedKv kv{memory.data(), page, 0, layout.k_bytes, type, kKvHeads, kDim, kDim, table.data(), kTokens / 64};
    append = {kv, k.data(), kKvHeads * kDim, k.data(), kKvHeads * kDim, sequence.data(), position.data(), 0, kTokens};
    kernels.kv_append(append);
    attend.kv = kv, attend.q = q.data(), attend.q_stride = kHeads * kDim, attend.y = y.data();
    attend.y_stride = kHeads * kDim, attend.v_dim = kDim, attend.n_heads = kHeads, attend.scale = 0.125f;
    attend.last_kv_head = kKvHeads, attend.sequence = sequence.data();
  }
};

// Operations count both products of the keys seen; bytes are those of the cache, read once.
void bench_paged(const KernelTable& kernels, KvType type, Report* report) {
  const std::string name(ops::name(type));
  if (!report->wants("kv_append " + name) && !report->wants("attention_paged " + name)) return;
  using Bench = PagedBench;
  Bench bench(kernels, type);
  if (report->wants("kv_append " + name)) {
    bench.append.last_row = 256;
    const double time = seconds(1, [&](int, int, std::int64_t) { kernels.kv_append(bench.append); });
    constexpr double kElements = 256.0 * 2 * Bench::kKvHeads * Bench::kDim;
    report->line(kernels.isa, "kv_append " + name, time, kElements * 4, kElements);
  }
  const auto paged = [&](const std::string& label, std::int64_t depth, std::int64_t rows) {
    if (!report->wants(label)) return;
    bench.attend.position = bench.position.data() + depth;
    bench.attend.last_row = rows;
    const double keys = static_cast<double>(rows) * (static_cast<double>(depth) + static_cast<double>(rows + 1) / 2);
    const double time = seconds(1, [&](int, int, std::int64_t) { kernels.attention_paged(bench.attend); });
    report->line(kernels.isa, label, time, static_cast<double>((depth + rows) * bench.token_bytes),
                 keys * Bench::kHeads * Bench::kDim * 4);
  };
  for (const int depth : {0, 2048, 8192})
    paged("attention_paged " + name + " decode at " + std::to_string(depth), depth, 1);
  paged("attention_paged " + name + " prefill 512", 0, 512);
  paged("attention_paged " + name + " prefill 2048", 0, 2048);
  paged("attention_paged " + name + " prefill 16 at 8192", 8192, 16);
}

void bench_attention(const KernelTable& kernels, Report* report) {
  for (const KvType type : ops::kv_types()) bench_paged(kernels, type, report);
  if (!report->wants("attention_dense 577 x 4 heads")) return;
  constexpr std::int64_t kPatches = 577, kDenseHeads = 4, kDim = 64;
  const std::vector<float> q = random_values(kPatches * kDenseHeads * kDim);
  std::vector<float> y(q.size());
  const std::int32_t segments[] = {0, kPatches};
  AttentionDenseArgs d{};
  d.q = d.k = d.v = q.data(), d.y = y.data();
  d.q_stride = d.k_stride = d.v_stride = d.y_stride = kDenseHeads * kDim;
  d.segments = segments, d.n_segments = 1, d.n_heads = d.n_kv_heads = d.last_kv_head = kDenseHeads,
  d.k_dim = d.v_dim = kDim;
  d.scale = 0.125f, d.last_row = kPatches;
  const double time = seconds(1, [&](int, int, std::int64_t) { kernels.attention_dense(d); });
  report->line(kernels.isa, "attention_dense 577 x 4 heads", time, kPatches * kDenseHeads * kDim * 12.0,
               4.0 * kPatches * kPatches * kDenseHeads * kDim);
}

}  // namespace
}  // namespace galago::cpu

int main(int argc, char** argv) {
  galago::cpu::Report report(argc > 1 ? argv[1] : "");
  for (const galago::cpu::KernelTable* kernels : galago::cpu::available_kernels()) {
    if (argc > 2 && std::string(argv[2]) != kernels->isa) continue;
    galago::cpu::bench_linears(*kernels, &report);
    galago::cpu::bench_rows(*kernels, &report);
    galago::cpu::bench_attention(*kernels, &report);
  }
  return 0;
}
