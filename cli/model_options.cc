#include "cli/model_options.h"

#include <charconv>
#include <cmath>

#include "base/parse_number.h"
#include "cli/arguments.h"
#include "cli/progress_bar.h"
#include "ops/kv_codec.h"

namespace galago::cli {
namespace {

constexpr int kMostThreads = 256;
constexpr int kMostTokens = 1 << 30;

// CLI11 converts into plain values; the option stays unset when it is not given.
template <class T>
CLI::Option* add_optional(CLI::App& app, const std::string& names, std::optional<T>& variable, OptionText text) {
  const auto set = [&variable](const T& value) { variable = value; };
  CLI::Option* option = app.add_option_function<T>(names, set, text.description);
  option->option_text(text.placeholder);
  return text.default_text != nullptr ? option->default_str(text.default_text) : option;
}

// "TOKEN=VALUE"; an error text for CLI11, or nothing.
std::string read_logit_bias(const std::string& text, std::vector<std::pair<std::int32_t, float>>& biases) {
  const std::size_t equals = text.find('=');
  const char* const end = text.data() + text.size();
  const char* const middle = equals == std::string::npos ? end : text.data() + equals;
  std::int32_t token = 0;
  const auto id = std::from_chars(text.data(), middle, token);
  const std::optional<float> bias =
      parse_number<float>(std::string_view(text).substr(middle == end ? text.size() : equals + 1));
  if (id.ec != std::errc() || id.ptr != middle || token < 0 || !bias || std::isnan(*bias)) {
    return "\"" + text + "\" is no bias; expected TOKEN=VALUE, as in 42=-1.5 (galago tokenize shows tokens' numbers)";
  }
  biases.emplace_back(token, *bias);
  return {};
}

void add_sampling_options(CLI::App& app, SamplingOptions& sampling) {
  const CLI::Range probability(0.0, 1.0);
  add_optional(app, "--temp", sampling.temperature,
               {"X", "Temperature: higher is more varied, 0 always takes the likeliest token", "the model's, else 0.8"})
      ->check(CLI::Range(0.0, 1000.0));
  add_optional(app, "--top-k", sampling.top_k, {"N", "Only the N likeliest tokens; 0: all", "the model's, else 40"})
      ->check(CLI::Range(0, kMostTokens));
  add_optional(app, "--top-p", sampling.top_p,
               {"X", "Only the likeliest tokens that together have this probability; 1: all", "the model's, else 0.95"})
      ->check(probability);
  add_optional(app, "--min-p", sampling.min_p,
               {"X", "Only tokens at least this likely, relative to the likeliest; 0: all", "the model's, else 0.05"})
      ->check(probability);
  add_optional(app, "--repeat-penalty", sampling.repetition_penalty,
               {"X", "Makes tokens that were seen less likely; 1: off", "the model's, else 1"})
      ->check(CLI::Range(0.001, 1000.0));
  add_value(app, "--presence-penalty", sampling.presence_penalty,
            {"X", "Subtracted from the logit of every token that was seen"});
  add_value(app, "--frequency-penalty", sampling.frequency_penalty,
            {"X", "Subtracted from a token's logit for each time it was seen"});
  add_value(app, "--penalty-window", sampling.penalty_window,
            {"N", "How many of the last tokens count as seen; -1: all"})
      ->check(CLI::Range(-1, kMostTokens));
  const auto add_bias = [&sampling](const std::vector<std::string>& texts) {
    sampling.logit_bias.clear();
    for (const std::string& text : texts) {
      const std::string wrong = read_logit_bias(text, sampling.logit_bias);
      if (!wrong.empty()) throw CLI::ValidationError("--logit-bias", wrong);
    }
  };
  app.add_option_function<std::vector<std::string>>(
         "--logit-bias", add_bias,
         "Adds VALUE to the logit of a token, given by its number; may be repeated; -inf: never")
      ->default_str("none")
      ->option_text("TOKEN=VALUE")
      ->allow_extra_args(false)
      ->take_all();
  add_optional(app, "--seed", sampling.seed, {"N", "The same seed gives the same text", "another every time"});
}

}  // namespace

void add_kv_option(CLI::App& app, std::optional<KvType>& kv) {
  std::vector<std::string> names;
  for (const KvType type : ops::kv_types()) names.emplace_back(ops::name(type));
  const auto set = [&kv](const std::string& name) { kv = ops::kv_type(name); };
  app.add_option_function<std::string>(
         "--kv", set,
         "Type of the cached keys and values: f32, f16, bf16, q8 (half the memory of f16) or q4 (a quarter)")
      ->option_text("T")
      ->default_str("f16 when fast, f32 when exact")
      ->check(CLI::IsMember(names));
}

void add_model_options(CLI::App& app, ModelArguments& arguments) {
  app.option_defaults()->group("Model");
  add_value(app, "--precision", arguments.precision,
            {"P", "fast: activations of matrix products in int8; exact: everything in f32"})
      ->check(CLI::IsMember({"fast", "exact"}));
  add_value(app, "-t,--threads", arguments.threads, {"N", "Threads", "one for each fast core"})
      ->check(CLI::Range(0, kMostThreads));
  app.add_flag("--no-pack-cache", arguments.no_pack_cache, "Neither use nor write packed weights on disk");
  add_kv_option(app, arguments.kv);
}

void add_generation_options(CLI::App& app, GenerationArguments& arguments) {
  app.option_defaults()->group("Model");
  add_value(app, "-c,--ctx-size", arguments.context,
            {"N", "Tokens of prompt and answer that the model can see", "what the model was trained for"})
      ->check(CLI::Range(0, kMostTokens));
  add_value(app, "--overflow", arguments.overflow,
            {"MODE", "When the context is full: error, or slide: forget the oldest tokens"})
      ->check(CLI::IsMember({"error", "slide"}));
  add_value(app, "--keep", arguments.keep, {"N", "Tokens of the beginning that --overflow slide never forgets"})
      ->check(CLI::Range(0, kMostTokens));

  app.option_defaults()->group("Answer");
  add_value(app, "-n,--predict", arguments.predict,
            {"N", "At most so many tokens; -1: until the model ends or the context is full"})
      ->check(CLI::Range(-1, kMostTokens));
  add_value(app, "--system", arguments.system, {"TEXT", "The system message, before the prompt", "none"});
  add_repeated(app, "--stop", arguments.stop,
               {"TEXT", "Ends the answer, which does not include it; may be repeated", "none"});
  app.add_flag("--ignore-eos", arguments.ignore_eos, "Go on after the model's end token");
  app.option_defaults()->group("Choice of tokens");
  add_sampling_options(app, arguments.sampling);
  app.option_defaults()->group("Options");
}

SessionOptions session_options(const GenerationArguments& arguments) {
  SessionOptions options;
  options.context = arguments.context;
  return options;
}

GenerateOptions generate_options(const GenerationArguments& arguments) {
  GenerateOptions options;
  options.sampling = arguments.sampling;
  options.max_tokens = arguments.predict;
  options.stop = arguments.stop;
  options.ignore_end = arguments.ignore_eos;
  options.overflow = arguments.overflow == "slide" ? ContextOverflow::kSlide : ContextOverflow::kError;
  options.keep_tokens = arguments.keep;
  return options;
}

Result<Model> open_model(const ModelArguments& arguments, int context) {
  ProgressBar bar;
  ModelOptions options;
  options.precision = arguments.precision == "exact" ? Precision::kExact : Precision::kFast;
  options.n_threads = arguments.threads;
  options.pack_cache.enabled = !arguments.no_pack_cache;
  options.kv = arguments.kv;
  options.context = context;
  options.progress = [&bar](const LoadProgress& progress) {
    bar.update(progress.stage, progress.done_bytes, progress.total_bytes);
  };
  return Model::open(arguments.model, std::move(options));
}

}  // namespace galago::cli
