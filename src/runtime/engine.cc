#include "runtime/engine.h"

#include <algorithm>
#include <future>
#include <system_error>

#include "base/clock.h"
#include "base/cpu_topology.h"
#include "base/error.h"
#include "base/json.h"
#include "base/try.h"
#include "models/registry.h"
#include "runtime/pack_cache.h"
#include "runtime/standalone_storage.h"
#include "runtime/tokenizer_source.h"

namespace galago::runtime {
namespace {

constexpr int kMaxPrefillChunk = 4096;

// Lets the system drop the pages of a mapped file whose weights were packed.
auto releaser(const std::shared_ptr<const formats::Checkpoint>& checkpoint) {
  return [checkpoint](Bytes part) {
    for (const auto& file : checkpoint->files()) {
      const Bytes whole = file->bytes();
      const bool inside = part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
      if (inside) file->release(part);
    }
  };
}

BackendOptions backend_options(const ModelOptions& options, int n_threads,
                               const std::shared_ptr<const formats::Checkpoint>& checkpoint) {
  BackendOptions made;
  made.precision = options.precision;
  made.n_threads = n_threads;
  made.release_source = releaser(checkpoint);
  made.prefill_chunk = options.prefill_chunk;
  made.weights = checkpoint->tensors();
  if (options.progress) {
    made.progress = [report = options.progress](std::uint64_t done, std::uint64_t total) {
      report({"packing weights", done, total});
    };
  }
  return made;
}

// Reads a number of generation_config.json into `out` when it is there.
template <class T>
Status read_option(const Json& config, std::string_view key, T& out) {
  GALAGO_TRY(const double value, get_number(config, key, static_cast<double>(out), "generation_config.json"));
  out = static_cast<T>(value);
  return {};
}

// Runs `work` on a thread of its own, or, where there shall be or is none, when its result is asked for.
template <class Work>
std::future<std::invoke_result_t<Work>> begin(bool beside, Work work) {
  if (beside) {
    try {
      return std::async(std::launch::async, work);
    } catch (const std::system_error&) {  // the system has no more threads
    }
  }
  return std::async(std::launch::deferred, work);
}

}  // namespace

Result<std::shared_ptr<const Engine>> Engine::open(const std::filesystem::path& path, const ModelOptions& options) {
  return open(path, options, nullptr);
}

Result<std::shared_ptr<const Engine>> Engine::open(const std::filesystem::path& path, const ModelOptions& options,
                                                   const MakeStorage& make_storage) {
  const auto start = Clock::now();
  if (options.prefill_chunk < 0 || options.prefill_chunk > kMaxPrefillChunk) {
    return error(ErrorCode::kInvalidArgument,
                 "the prefill chunk is {} tokens; 1 to {} are possible, or 0 for what suits the machine",
                 options.prefill_chunk, kMaxPrefillChunk);
  }
  std::shared_ptr<Engine> engine(new Engine);
  engine->precision_ = options.precision;
  engine->kv_ = options.kv.value_or(options.precision == Precision::kExact ? KvType::kF32 : KvType::kF16);
  engine->n_threads_ = options.n_threads > 0 ? options.n_threads : default_threads();
  GALAGO_TRY(engine->checkpoint_, formats::Checkpoint::open(path));
  // The tokenizer is a third of a small model's loading and needs nothing of the model: it is made beside it.
  auto tokenizer =
      begin(engine->n_threads_ > 1, [checkpoint = engine->checkpoint_] { return load_tokenizer(*checkpoint); });
  GALAGO_TRY(engine->model_, models::build_model(engine->checkpoint_, options.context));
  GALAGO_CHECK(engine->compile(options, make_storage));
  GALAGO_CHECK(engine->take_tokenizer(tokenizer.get()));
  GALAGO_TRY(engine->chat_template_, load_chat_template(*engine->checkpoint_, engine->model_->default_chat_template()));
  GALAGO_CHECK(engine->read_generation_config());
  engine->describe();
  engine->load_seconds_ = seconds_since(start);
  return std::shared_ptr<const Engine>(std::move(engine));
}

Status Engine::take_tokenizer(Result<text::Tokenizer> tokenizer) {
  if (tokenizer.ok()) {
    tokenizer_ = std::move(tokenizer).value();
  } else if (tokenizer.error().code == ErrorCode::kNotFound) {
    no_tokenizer_ = std::move(tokenizer).error();
  } else {
    return std::move(tokenizer).error();
  }
  return {};
}

Status Engine::compile(const ModelOptions& options, const MakeStorage& make_storage) {
  BackendOptions wanted = backend_options(options, n_threads_, checkpoint_);
  std::shared_ptr<PackFileStorage> cache;
  if (make_storage) {
    wanted.make_storage = [&](const std::string& isa) { return make_storage(checkpoint_, isa); };
  } else if (checkpoint_->packed() != nullptr) {
    wanted.make_storage = [&](const std::string& isa) { return open_standalone(checkpoint_, isa); };
  } else {
    wanted.make_storage = [&](const std::string& isa) -> Result<std::shared_ptr<cpu::PackStorage>> {
      GALAGO_TRY(const PackCacheOptions resolved, resolve(options.pack_cache));
      if (resolved.enabled) cache = open_pack_cache(checkpoint_, isa, resolved, n_threads_);
      return std::shared_ptr<cpu::PackStorage>(cache);
    };
  }
  GALAGO_TRY(ChosenBackends chosen, choose_backends(wanted));
  backends_ = std::move(chosen.list);
  limits_.prefill_tokens = chosen.prefill_chunk;
  GALAGO_TRY(programs_, ProgramSet::compile(*model_, backends_, limits_, /*taps=*/false));
  packing_report_ = cache != nullptr                   ? finish(*cache)
                    : checkpoint_->packed() != nullptr ? "as the file has them"
                                                       : "in memory";
  return {};
}

Status Engine::read_generation_config() {
  const Json& config = checkpoint_->generation_config();
  SamplingSettings& sampling = sampling_defaults_;
  if (config.empty()) return {};
  GALAGO_CHECK(read_option(config, "temperature", sampling.temperature));
  GALAGO_CHECK(read_option(config, "top_k", sampling.top_k));
  GALAGO_CHECK(read_option(config, "top_p", sampling.top_p));
  GALAGO_CHECK(read_option(config, "min_p", sampling.min_p));
  GALAGO_CHECK(read_option(config, "repetition_penalty", sampling.repetition_penalty));
  GALAGO_TRY(const bool samples, get_bool(config, "do_sample", true, "generation_config.json"));
  if (!samples) sampling.temperature = 0.0f;
  const Json* end = find(config, "eos_token_id");
  if (end == nullptr) return {};
  const Json list = end->is_array() ? *end : Json::array({*end});
  for (const Json& id : list) {
    if (!id.is_number_integer()) {
      return error(ErrorCode::kCorrupt, "generation_config.json: \"eos_token_id\" holds {}; token ids are expected",
                   id.type_name());
    }
    end_tokens_.push_back(id.get<std::int32_t>());
  }
  return {};
}

void Engine::describe() {
  const models::ModelInfo& info = model_->info();
  description_ = {.name = checkpoint_->path().stem().string(),
                  .architecture = info.architecture,
                  .n_parameters = model_->module().parameter_count(),
                  .context_length = info.context_length,
                  .vocab_size = info.vocab_size,
                  .sees_images = !model_->processor().image_placeholder().empty(),
                  .isa = backends_.front()->device()};
  if (auto name = checkpoint_->metadata().get_string("general.name"); name.ok()) description_.name = *name;
}

Result<const text::Tokenizer*> Engine::tokenizer() const {
  if (!tokenizer_) return *no_tokenizer_;
  return &*tokenizer_;
}

bool Engine::ends_generation(std::int32_t token) const {
  return std::find(end_tokens_.begin(), end_tokens_.end(), token) != end_tokens_.end() ||
         (tokenizer_ && tokenizer_->is_end_of_generation(token));
}

Result<std::unique_ptr<EntryExecutor>> Engine::make_executor() const {
  GALAGO_TRY(auto executor, CompiledExecutor::create(programs_, n_threads_));
  return std::unique_ptr<EntryExecutor>(std::move(executor));
}

Result<std::unique_ptr<EntryExecutor>> Engine::make_tapped_executor(bool eager, const models::Model* variant) const {
  const models::Model& model = variant != nullptr ? *variant : *model_;
  if (eager) return std::unique_ptr<EntryExecutor>(std::make_unique<EagerExecutor>(model, limits_, /*taps=*/true));
  GALAGO_TRY(auto programs, ProgramSet::compile(model, backends_, limits_, /*taps=*/true));
  GALAGO_TRY(auto executor, CompiledExecutor::create(std::move(programs), n_threads_));
  return std::unique_ptr<EntryExecutor>(std::move(executor));
}

Result<StateStore> Engine::make_state(std::int64_t context, std::optional<KvType> kv, int sequences) const {
  const std::int64_t tokens = context > 0 ? context : model_->info().context_length;
  const std::int64_t pages = (tokens + ops::kPageTokens - 1) / ops::kPageTokens * sequences;
  if (pages < 1 || pages > INT32_MAX / ops::kPageTokens) {
    return error(ErrorCode::kOutOfRange, "a context of {} tokens is not possible", tokens);
  }
  return StateStore::create(model_->states(), kv.value_or(kv_), static_cast<std::int32_t>(pages), sequences,
                            programs_->state_backends());
}

}  // namespace galago::runtime
