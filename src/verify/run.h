// What the parts of verify_model() share.
#pragma once

#include <memory>

#include "runtime/engine.h"
#include "verify/media_folder.h"
#include "verify/stage_runner.h"
#include "verify/verify.h"

namespace galago::verify {

struct Run {
  const runtime::Engine& engine;
  const Expected& expected;
  const Options& options;
  const std::optional<MediaFolder>& media;
  StageComparison& comparison;

  bool feeds(std::string_view stage) const { return options.from == stage; }
};

Status verify_decoder(const Run& run);
Status verify_encoder(const Run& run);

// Runs the entries with their intermediate stages, from the stage that is fed on.
struct StageExecutor {
  std::unique_ptr<runtime::EntryExecutor> executor;
  Tensor fed;  // the values of `options.from` when that is an output of an entry
};
Result<StageExecutor> make_stage_executor(const Run& run);

// How much one grey level changes the preprocessed pixels of each channel.
Result<std::vector<float>> grey_levels(const models::Processor& processor);

}  // namespace galago::verify
