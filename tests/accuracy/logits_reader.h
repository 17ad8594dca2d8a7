// Final hidden states and logits of every position of a token sequence, for comparisons.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "galago/session.h"
#include "runtime/engine.h"
#include "runtime/stepper.h"

namespace galago::accuracy {

class LogitsReader {
 public:
  // `context`: the longest sequence that will be read.
  static Result<std::unique_ptr<LogitsReader>> open(const std::filesystem::path& path, const ModelOptions& options,
                                                    std::int64_t context);

  const runtime::Engine& engine() const { return *engine_; }
  std::int64_t hidden_size() const { return stepper_.hidden_size(); }
  std::int64_t vocab_size() const { return stepper_.vocab_size(); }
  // Rows that head() takes at once.
  int head_rows() const { return stepper_.max_decode_rows(); }

  // Hidden states (ids, hidden_size) after the final norm, of a sequence that starts with these ids.
  Result<std::vector<float>> hidden(std::span<const std::int32_t> ids);
  // Logits (rows, vocab_size) of hidden states, until the next call.
  Result<std::span<const float>> head(std::span<const float> hidden) { return stepper_.head(hidden); }

 private:
  LogitsReader(std::shared_ptr<const runtime::Engine> engine, std::unique_ptr<runtime::StateStore> store,
               runtime::Stepper stepper)
      : engine_(std::move(engine)), store_(std::move(store)), stepper_(std::move(stepper)) {}

  std::shared_ptr<const runtime::Engine> engine_;
  std::unique_ptr<runtime::StateStore> store_;
  runtime::Stepper stepper_;
};

}  // namespace galago::accuracy
