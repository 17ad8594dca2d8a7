// What the parts of verify() share.
#pragma once

#include <memory>

#include "runtime/engine.h"
#include "runtime/media_folder.h"
#include "runtime/stage_runner.h"
#include "runtime/verify.h"

namespace galago::runtime {

struct VerifyRun {
  const Engine& engine;
  const Expected& expected;
  const VerifyOptions& options;
  const std::optional<MediaFolder>& media;
  StageComparison& comparison;

  bool feeds(std::string_view stage) const { return options.from == stage; }
};

Status verify_decoder(const VerifyRun& run);
Status verify_encoder(const VerifyRun& run);

// Runs the entries with their intermediate stages, from the stage that is fed on.
struct StageExecutor {
  std::unique_ptr<EntryExecutor> executor;
  Tensor fed;  // the values of `options.from` when that is an output of an entry
};
Result<StageExecutor> make_stage_executor(const VerifyRun& run);

// How much one grey level changes the preprocessed pixels of each channel.
Result<std::vector<float>> grey_levels(const models::Processor& processor);

}  // namespace galago::runtime
