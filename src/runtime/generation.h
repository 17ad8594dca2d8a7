// One request: a prompt with how to choose tokens, when to stop and what to do
// when the context is full. It says which rows it wants read and takes logits;
// who runs the steps, and with whom together, is no matter of it.
#pragma once

#include <optional>
#include <string>

#include "galago/generate.h"
#include "runtime/engine.h"
#include "runtime/prefix.h"
#include "runtime/sampler.h"
#include "runtime/stop_matcher.h"

namespace galago::runtime {

class Generation {
 public:
  // `prefix` belongs to this generation while it lives, and keeps what was read
  // afterwards. Fails when the prompt does not fit the context or an option is
  // out of its range.
  static Result<Generation> create(const Engine& engine, Prefix& prefix, PromptRows prompt, GenerateOptions options);

  bool done() const { return finish_ != FinishReason::kNone; }
  // Whether the next row is one token behind a read prompt, which an entry for
  // decoding takes. Else rows are unread that are to be prefilled.
  bool decodes() const;
  // The next rows to read, at most `most`, for an entry with the further inputs
  // `inputs`; valid until the next call of anything here. Nothing when the
  // generation has ended, perhaps just now: the store has no page left.
  std::optional<StepPart> next_rows(std::int64_t most, std::span<const std::string> inputs);
  // Whether all rows are read, so that accept() wants the logits of the last.
  bool wants_logits() const { return prefix_->unread() == 0; }
  // Chooses the next token.
  void accept(std::span<const float> logits);
  void cancel() { finish(FinishReason::kCancelled); }
  void fail(Error error);

  // What came since the last call: a piece for each accepted token, possibly an
  // empty one, and at the end what was held back, if there is any.
  std::optional<Piece> take_piece();
  // The whole answer so far.
  const std::string& answer() const { return answer_; }
  FinishReason finish_reason() const { return finish_; }
  const Status& status() const { return status_; }
  GenerateStats& stats() { return stats_; }
  const GenerateStats& stats() const { return stats_; }
  // Adds the time of a step, to the prompt or to the answer.
  void add_seconds(double seconds);

 private:
  Generation(const Engine& engine, Prefix& prefix, GenerateOptions options, Sampler sampler,
             text::StreamDecoder decoder);
  void make_room();
  void finish(FinishReason reason);

  const Engine* engine_;
  Prefix* prefix_;
  GenerateOptions options_;
  Sampler sampler_;
  text::StreamDecoder decoder_;
  StopMatcher stops_;
  bool in_prompt_ = true;  // until the first logits
  std::string answer_;
  std::optional<Piece> piece_;
  FinishReason finish_ = FinishReason::kNone;
  Status status_;
  GenerateStats stats_;
};

}  // namespace galago::runtime
