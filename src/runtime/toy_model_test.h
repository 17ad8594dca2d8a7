// Models made of entries that a test writes down, and the executors that sessions and verify run them with.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "runtime/backends.h"
#include "runtime/entry_executor.h"

namespace galago::runtime {

class ToyModel : public models::Model {
 public:
  ToyModel(models::ModelInfo info, std::vector<models::Entry> entries, std::vector<ops::StateSpec> states = {})
      : entries_(std::move(entries)) {
    info_ = std::move(info);
    states_ = std::move(states);
  }
  const nn::Module& module() const override { return module_; }
  std::vector<models::Entry> entries(const models::EntryLimits&) const override { return entries_; }
  const models::Processor& processor() const override { return processor_; }

 private:
  std::vector<models::Entry> entries_;
  nn::Module module_;
  models::TextProcessor processor_;
};

// The model's compiled programs and its entries op by op, both in f32.
class ToyExecutors {
 public:
  explicit ToyExecutors(const models::Model& model, const models::EntryLimits& limits = {})
      : model_(model),
        limits_(limits),
        programs_(ProgramSet::compile(model, choose_backends({.precision = Precision::kExact}).value().list, limits,
                                      /*taps=*/false)
                      .value()) {}
  std::unique_ptr<EntryExecutor> compiled() const { return CompiledExecutor::create(programs_, 2).value(); }
  std::unique_ptr<EntryExecutor> eager() const {
    return std::make_unique<EagerExecutor>(model_, limits_, /*taps=*/false);
  }

 private:
  const models::Model& model_;
  models::EntryLimits limits_;
  std::shared_ptr<const ProgramSet> programs_;
};

}  // namespace galago::runtime
