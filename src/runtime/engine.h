// A loaded model: checkpoint, tokenizer, template, programs. Shared by sessions and immutable.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "formats/checkpoint.h"
#include "galago/session.h"
#include "models/model.h"
#include "runtime/backends.h"
#include "runtime/entry_executor.h"
#include "runtime/sampler.h"
#include "runtime/state_store.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace galago::runtime {

class Engine {
 public:
  // Maps, builds, traces, compiles and packs. A checkpoint without a tokenizer opens too; what needs one then says so.
  static Result<std::shared_ptr<const Engine>> open(const std::filesystem::path& path, const ModelOptions& options);
  // The same with packed weights in a storage of the caller's, made for the checkpoint and the instruction set.
  using MakeStorage = std::function<Result<std::shared_ptr<cpu::PackStorage>>(
      const std::shared_ptr<const formats::Checkpoint>&, const std::string& isa)>;
  static Result<std::shared_ptr<const Engine>> open(const std::filesystem::path& path, const ModelOptions& options,
                                                    const MakeStorage& make_storage);

  const ModelDescription& description() const { return description_; }
  const formats::Checkpoint& checkpoint() const { return *checkpoint_; }
  const models::Model& model() const { return *model_; }
  const models::EntryLimits& limits() const { return limits_; }
  const std::shared_ptr<const ProgramSet>& programs() const { return programs_; }
  // The preferred first.
  const Backends& backends() const { return backends_; }
  Precision precision() const { return precision_; }
  int n_threads() const { return n_threads_; }
  double load_seconds() const { return load_seconds_; }
  // Where the packed weights are, for people: "mapped from PATH", "in memory (why)".
  const std::string& packing_report() const { return packing_report_; }

  Result<const text::Tokenizer*> tokenizer() const;
  // Nothing when neither the checkpoint nor its architecture brings one.
  const std::optional<text::ChatTemplate>& chat_template() const { return chat_template_; }
  // The model's own sampling defaults, and every token that ends its answers.
  const SamplingSettings& sampling_defaults() const { return sampling_defaults_; }
  bool ends_generation(std::int32_t token) const;

  // An executor for one session over the shared programs.
  Result<std::unique_ptr<EntryExecutor>> make_executor() const;
  // The same for entries that also give intermediate stages, compiled for this call or run op by op; of `variant`, when
  // it is a variant of this engine's over the same weights.
  Result<std::unique_ptr<EntryExecutor>> make_tapped_executor(bool eager, const models::Model* variant = nullptr) const;
  // Where keys and values are kept for `context` tokens in all; `sequences` of them share the pages. Without `kv` they
  // are of kv().
  Result<StateStore> make_state(std::int64_t context, std::optional<KvType> kv = std::nullopt, int sequences = 1) const;
  KvType kv() const { return kv_; }

 private:
  Engine() = default;
  Status take_tokenizer(Result<text::Tokenizer> tokenizer);
  Status compile(const ModelOptions& options, const MakeStorage& make_storage);
  Status read_generation_config();
  void describe();

  std::shared_ptr<const formats::Checkpoint> checkpoint_;
  std::unique_ptr<models::Model> model_;
  std::optional<text::Tokenizer> tokenizer_;
  std::optional<Error> no_tokenizer_;
  std::optional<text::ChatTemplate> chat_template_;
  Backends backends_;
  models::EntryLimits limits_;
  std::shared_ptr<const ProgramSet> programs_;
  Precision precision_ = Precision::kFast;
  KvType kv_ = KvType::kF16;
  int n_threads_ = 1;
  double load_seconds_ = 0;
  std::string packing_report_;
  SamplingSettings sampling_defaults_;
  std::vector<std::int32_t> end_tokens_;  // of generation_config.json, beside the tokenizer's
  ModelDescription description_;
};

}  // namespace galago::runtime
