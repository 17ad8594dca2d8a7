#include "runtime/bench.h"

#include <sys/resource.h>

#include <algorithm>
#include <optional>
#include <set>

#include "base/clock.h"
#include "base/error.h"
#include "base/median.h"
#include "base/random.h"
#include "base/try.h"
#include "ops/embedding.h"
#include "runtime/read_bandwidth.h"
#include "runtime/stepper.h"

namespace galago::runtime {
namespace {

BenchResult summary(std::string phase, int n_tokens, int depth, const std::vector<double>& seconds) {
  const auto [fastest, slowest] = std::minmax_element(seconds.begin(), seconds.end());
  const double n = n_tokens;
  return {std::move(phase), n_tokens, depth, n / median(seconds), n / *slowest, n / *fastest};
}

std::int32_t likeliest(std::span<const float> logits) {
  return static_cast<std::int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

// One sequence of made-up tokens: speed does not depend on which they are.
class Runner {
 public:
  static Result<Runner> create(const Engine& engine, const BenchOptions& options) {
    Runner runner;
    const std::int64_t context =
        static_cast<std::int64_t>(options.depth) + std::max(options.prefill_tokens, options.decode_tokens) + 1;
    GALAGO_TRY(StateStore store, engine.make_state(context));
    runner.store_ = std::make_unique<StateStore>(std::move(store));
    runner.sequence_ = std::make_unique<Sequence>(*runner.store_);
    GALAGO_TRY(auto executor, engine.make_executor());
    GALAGO_TRY(runner.stepper_,
               Stepper::create(engine.model(), std::move(executor), *runner.store_, engine.limits(), 1));
    const auto most = static_cast<std::size_t>(std::max({options.depth, options.prefill_tokens, 1}));
    const auto vocab_size = static_cast<std::uint64_t>(engine.model().info().vocab_size);
    RandomBits bits(1);
    for (std::size_t i = 0; i < most; ++i) runner.ids_.push_back(static_cast<std::int32_t>(bits.next() % vocab_size));
    return runner;
  }

  // Fills the context up to `depth` tokens, forgetting what is beyond.
  Status rewind(int depth) {
    GALAGO_CHECK(sequence_->return_to(sequence_->returnable(depth)));
    const std::int64_t missing = depth - sequence_->length();
    if (missing > 0) GALAGO_CHECK(read(static_cast<int>(missing)));
    return {};
  }

  // The likeliest token after `n` more tokens.
  Result<std::int32_t> read(int n) {
    const StepPart part{.sequence = sequence_.get(), .ids = std::span(ids_).first(static_cast<std::size_t>(n))};
    GALAGO_TRY(const auto logits, stepper_->prefill_all(part, stepper_->max_prefill_rows()));
    return likeliest(logits);
  }

  Result<std::int32_t> decode(std::int32_t token) {
    StepPart part{.sequence = sequence_.get(), .ids = std::span(&token, 1)};
    GALAGO_TRY(const auto logits, stepper_->decode(std::span(&part, 1)));
    return likeliest(logits);
  }

  std::uint64_t state_bytes_per_token() const { return store_->bytes_per_token(); }

 private:
  std::unique_ptr<StateStore> store_;
  std::unique_ptr<Sequence> sequence_;
  std::optional<Stepper> stepper_;
  std::vector<std::int32_t> ids_;
};

void report_progress(const BenchOptions& options, std::string_view phase, int repetition) {
  if (!options.progress) return;
  options.progress(repetition < 0 ? fmt::format("{}: warming up", phase)
                                  : fmt::format("{}: {} of {}", phase, repetition + 1, options.repetitions));
}

Status measure_prefill(Runner& runner, const BenchOptions& options, BenchReport& report) {
  if (options.prefill_tokens == 0) return {};
  std::vector<double> seconds;
  for (int r = -1; r < options.repetitions; ++r) {
    report_progress(options, "prefill", r);
    GALAGO_CHECK(runner.rewind(options.depth));
    const auto begin = Clock::now();
    GALAGO_CHECK(runner.read(options.prefill_tokens));
    if (r >= 0) seconds.push_back(seconds_since(begin));
  }
  report.results.push_back(summary("prefill", options.prefill_tokens, options.depth, seconds));
  report.first_token_ms = 1e3 * median(seconds);
  return {};
}

Status measure_decode(Runner& runner, const BenchOptions& options, BenchReport& report) {
  if (options.decode_tokens == 0) return {};
  std::vector<double> seconds;
  for (int r = -1; r < options.repetitions; ++r) {
    report_progress(options, "decode", r);
    GALAGO_CHECK(runner.rewind(options.depth));
    std::int32_t token = 0;
    const int n = r < 0 ? std::min(4, options.decode_tokens) : options.decode_tokens;
    const auto begin = Clock::now();
    for (int i = 0; i < n; ++i) {
      GALAGO_TRY(token, runner.decode(token));
    }
    if (r >= 0) seconds.push_back(seconds_since(begin));
  }
  report.results.push_back(summary("decode", options.decode_tokens, options.depth, seconds));
  return {};
}

std::uint64_t bytes_of(const Tensor& weight) {
  const auto row = row_bytes(weight.dtype(), static_cast<std::uint64_t>(weight.size(-1)));
  return row.value_or(0) * static_cast<std::uint64_t>(weight.shape().max_rows().value_or(0));
}

// Counts a weight that a node of decode reads; of a table that is looked up, one row; of stacked experts, as many as a
// token goes to.
void count_weights(const graph::Graph& graph, std::set<const void*>& seen, std::uint64_t& bytes) {
  for (const graph::Node& node : graph.nodes) {
    for (const graph::ValueId id : node.inputs) {
      const graph::Value& value = graph.value(id);
      if (!value.is_constant() || value.type.shape.rank() == 0) continue;
      const auto rows = static_cast<std::uint64_t>(std::max<std::int64_t>(value.constant.size(0), 1));
      const std::uint64_t whole = bytes_of(value.constant);
      if (node.as<ops::Embedding>() != nullptr) {
        bytes += whole / rows;
      } else if (seen.insert(value.constant.identity()).second) {
        const auto* moe = node.as<ops::Moe>();
        const bool stacked = moe != nullptr && value.type.shape.rank() == 3;
        bytes += stacked ? whole / rows * static_cast<std::uint64_t>(moe->routing.experts_per_token) : whole;
      }
    }
  }
}

}  // namespace

Result<std::uint64_t> decode_weight_bytes(const Engine& engine) {
  std::uint64_t bytes = 0;
  std::set<const void*> seen;  // a tied table counts once
  for (const models::Entry& entry : engine.model().entries(engine.limits())) {
    if (entry.name != "decode") continue;
    GALAGO_TRY(const graph::Graph graph, models::trace_entry(engine.model(), entry));
    count_weights(graph, seen, bytes);
  }
  return bytes;
}

std::uint64_t peak_resident_bytes() {
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return 0;
#ifdef __APPLE__
  return static_cast<std::uint64_t>(usage.ru_maxrss);  // in bytes there
#else
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
#endif
}

Result<BenchReport> bench(const Engine& engine, const BenchOptions& options) {
  if (options.repetitions < 1 || options.prefill_tokens < 0 || options.decode_tokens < 0 || options.depth < 0) {
    return error(ErrorCode::kInvalidArgument, "a benchmark of {} + {} tokens at depth {}, {} times, has no meaning",
                 options.prefill_tokens, options.decode_tokens, options.depth, options.repetitions);
  }
  BenchReport report;
  report.load_ms = 1e3 * engine.load_seconds();
  report.isa = engine.description().isa;
  report.n_threads = engine.n_threads();
  report.kv = engine.kv();
  GALAGO_TRY(Runner runner, Runner::create(engine, options));
  GALAGO_CHECK(measure_prefill(runner, options, report));
  GALAGO_CHECK(measure_decode(runner, options, report));
  report.peak_rss_bytes = peak_resident_bytes();
  GALAGO_TRY(report.step_bytes, decode_weight_bytes(engine));
  if (options.decode_tokens > 0) {
    if (options.progress) options.progress("read bandwidth");
    GALAGO_TRY(report.read_bandwidth, measure_read_bandwidth(report.step_bytes, report.n_threads));
    // The context of the middle token, of which keys and values are read as well.
    const double context = options.depth + options.decode_tokens / 2.0;
    const double bytes =
        static_cast<double>(report.step_bytes) + context * static_cast<double>(runner.state_bytes_per_token());
    const double decoded = report.results.back().tokens_per_second;
    if (report.read_bandwidth > 0) report.read_bandwidth_fraction = bytes * decoded / report.read_bandwidth;
  }
  return report;
}

}  // namespace galago::runtime
