// Runs a model from the middle: one of its intermediate stages is given instead of computed.
#pragma once

#include <memory>
#include <string>

#include "runtime/entry_executor.h"

namespace galago::verify {

// Where a stage comes from: an intermediate value of an entry (nn/tap.h), or one of its outputs.
struct StagePlace {
  std::string entry;
  TensorType type;
  bool is_output = false;
};

// Traces the entries to find it. kNotFound names the stages that there are.
Result<StagePlace> find_stage(const models::Model& model, const models::EntryLimits& limits, const std::string& stage);

// The model with one more input, the last, of the entry that computes the stage: the stage's values.
class FedModel : public models::Model {
 public:
  FedModel(const models::Model& inner, StagePlace place, std::string stage);
  const nn::Module& module() const override { return inner_.module(); }
  std::vector<models::Entry> entries(const models::EntryLimits& limits) const override;
  const models::Processor& processor() const override { return inner_.processor(); }
  Result<std::vector<graph::NamedTensor>> encode(const models::EncodeRequest& request,
                                                 models::EntryRunner& runner) const override {
    return inner_.encode(request, runner);
  }

 private:
  const models::Model& inner_;
  StagePlace place_;
  std::string stage_;
};

// Gives the executor of a FedModel the face of the plain model's. Entries with state take the rows at their positions;
// each run of the others takes the values that follow those of the run before.
class FedExecutor : public runtime::EntryExecutor {
 public:
  FedExecutor(std::unique_ptr<runtime::EntryExecutor> inner, const StagePlace& place, Tensor values);
  int find(std::string_view entry) const override { return inner_->find(entry); }
  const std::vector<graph::TraceInput>& inputs(int entry) const override {
    return entry == entry_ ? inputs_ : inner_->inputs(entry);
  }
  const std::vector<graph::SymbolBound>& symbols(int entry) const override { return inner_->symbols(entry); }
  const std::vector<std::string>& output_names(int entry) const override { return inner_->output_names(entry); }
  Status run(int entry, std::span<const std::int64_t> symbols, std::span<const std::byte* const> inputs,
             const ops::StepView* step) override;
  std::span<const float> output(int entry, int index) const override { return inner_->output(entry, index); }
  Result<std::vector<std::int64_t>> output_shape(int entry, int index) const override {
    return inner_->output_shape(entry, index);
  }

 private:
  std::unique_ptr<runtime::EntryExecutor> inner_;
  int entry_;
  TensorType type_;
  Tensor values_;
  std::vector<graph::TraceInput> inputs_;  // without the one that is fed
  std::size_t taken_ = 0;                  // values that earlier runs of an entry without state took
};

}  // namespace galago::verify
