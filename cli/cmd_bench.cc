// galago bench: how fast a model is.
#include <fmt/format.h>

#include "base/json.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/model_options.h"
#include "cli/output.h"
#include "cli/tile_report.h"
#include "ops/kv_codec.h"
#include "runtime/bench.h"

namespace galago::cli {
namespace {

constexpr int kMostTokens = 1 << 20;

struct BenchArguments {
  ModelArguments model;
  runtime::BenchOptions options;
  std::string format = "md";
  bool tiles = false;
};

std::string to_json(const runtime::BenchReport& report) {
  Json json = Json::object();
  Json& results = json["results"] = Json::array();
  for (const runtime::BenchResult& result : report.results) {
    results.push_back({{"phase", result.phase},
                       {"n_tokens", result.n_tokens},
                       {"depth", result.depth},
                       {"tokens_per_second", result.tokens_per_second},
                       {"min", result.min},
                       {"max", result.max}});
  }
  json["load_ms"] = report.load_ms;
  json["first_token_ms"] = report.first_token_ms;
  json["peak_rss_bytes"] = report.peak_rss_bytes;
  json["read_bandwidth"] = report.read_bandwidth;
  json["read_bandwidth_fraction"] = report.read_bandwidth_fraction;
  json["isa"] = report.isa;
  json["kv"] = ops::name(report.kv);
  json["threads"] = report.n_threads;
  return write_json(json) + '\n';
}

std::string to_markdown(const runtime::BenchReport& report, const ModelDescription& model) {
  std::string text = fmt::format("{} ({}, {:.1f} M parameters), {}, {} threads, {} keys and values\n\n", model.name,
                                 model.architecture, static_cast<double>(model.n_parameters) / 1e6, report.isa,
                                 report.n_threads, ops::name(report.kv));
  text += "| phase | tokens | depth | tokens/s | min | max |\n|---|---:|---:|---:|---:|---:|\n";
  for (const runtime::BenchResult& result : report.results) {
    text += fmt::format("| {} | {} | {} | {:.1f} | {:.1f} | {:.1f} |\n", result.phase, result.n_tokens, result.depth,
                        result.tokens_per_second, result.min, result.max);
  }
  text += fmt::format("\nload {:.0f} ms, first token {:.1f} ms, peak memory {:.1f} MB", report.load_ms,
                      report.first_token_ms, static_cast<double>(report.peak_rss_bytes) / 1e6);
  if (report.read_bandwidth > 0) {
    text +=
        fmt::format("\ndecode reads {:.1f} MB of weights a token, {:.0f} % of the {:.1f} GB/s that these threads read",
                    static_cast<double>(report.step_bytes) / 1e6, 100 * report.read_bandwidth_fraction,
                    report.read_bandwidth / 1e9);
  }
  return text + '\n';
}

std::string to_csv(const runtime::BenchReport& report) {
  std::string text =
      "phase,n_tokens,depth,tokens_per_second,min,max,load_ms,first_token_ms,peak_rss_bytes,read_bandwidth_fraction,"
      "isa,threads,kv\n";
  for (const runtime::BenchResult& result : report.results) {
    text += fmt::format("{},{},{},{:.3f},{:.3f},{:.3f},{:.3f},{:.3f},{},{:.4f},{},{},{}\n", result.phase,
                        result.n_tokens, result.depth, result.tokens_per_second, result.min, result.max, report.load_ms,
                        report.first_token_ms, report.peak_rss_bytes, report.read_bandwidth_fraction, report.isa,
                        report.n_threads, ops::name(report.kv));
  }
  return text;
}

int bench(BenchArguments& arguments) {
  const bool json = arguments.format == "json";
  if (arguments.tiles && !arguments.model.model.empty()) return wrong_use("bench", "--tiles measures no model");
  if (arguments.tiles) return report_tiles(arguments.format, arguments.options.repetitions);
  if (arguments.options.prefill_tokens == 0 && arguments.options.decode_tokens == 0) {
    return wrong_use("bench", "-p 0 and -n 0 leave nothing to measure");
  }
  const auto model = open_model(arguments.model);
  if (!model.ok()) return fail(model.error(), json);
  arguments.options.progress = [](const std::string& line) { fmt::print(stderr, "{}\n", line); };
  const auto report = runtime::bench(*model->engine(), arguments.options);
  if (!report.ok()) return fail(report.error(), json);
  if (json)
    put(to_json(*report));
  else
    put(arguments.format == "csv" ? to_csv(*report) : to_markdown(*report, model->description()));
  return kOk;
}

}  // namespace

CommandBody command_bench(CLI::App& app) {
  auto arguments = std::make_shared<BenchArguments>();
  runtime::BenchOptions& options = arguments->options;
  app.description(
      "Measures reading a prompt (prefill) and generating (decode) in tokens per second, the time to load and to the "
      "first token, memory, and how much of the memory's speed decoding reaches.");
  app.footer(
      "Rates are the median of the repetitions, with the slowest and the fastest. Progress is on standard error.");
  add_argument(app, "MODEL", arguments->model.model,
               "The model: a .gguf file, a Hugging Face folder, or a name; left out: the default");
  CLI::Option* model =
      add_value(app, "-m,--model", arguments->model.model, {"MODEL", "The model, as above", "the default model"});
  app.get_option("MODEL")->excludes(model);
  add_value(app, "-p,--prefill", options.prefill_tokens, {"N", "Tokens to read; 0: do not measure"})
      ->check(CLI::Range(0, kMostTokens));
  add_value(app, "-n,--decode", options.decode_tokens, {"N", "Tokens to generate; 0: do not measure"})
      ->check(CLI::Range(0, kMostTokens));
  add_value(app, "-r,--repetitions", options.repetitions, {"N", "How often each is measured"})
      ->check(CLI::Range(1, 10000));
  add_value(app, "-d,--depth", options.depth, {"N", "Tokens that are in the context before"})
      ->check(CLI::Range(0, kMostTokens));
  app.add_flag("--tiles", arguments->tiles,
               "Measure the register tiles of the kernels instead, on every instruction set of this machine, beside "
               "tiles of other heights; takes no model");
  add_model_options(app, arguments->model);
  app.option_defaults()->group("Output");
  add_value(app, "-o,--output", arguments->format, {"FORMAT", "md, json or csv"})
      ->check(CLI::IsMember({"md", "json", "csv"}));
  return [arguments] { return bench(*arguments); };
}

}  // namespace galago::cli
