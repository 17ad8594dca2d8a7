// What a Session does: keeps messages and the tokens in its cache, and generates one token at a time.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "galago/session.h"
#include "models/processor.h"
#include "runtime/engine.h"
#include "runtime/sampler.h"
#include "runtime/sequence.h"
#include "runtime/stepper.h"
#include "runtime/stop_matcher.h"
#include "runtime/token_rows.h"

namespace galago::runtime {

class Conversation {
 public:
  Conversation(std::shared_ptr<const Engine> engine, SessionOptions options);

  std::vector<Message>& messages() { return messages_; }
  // Prepares a reply to the messages; the first next() does the work.
  void begin_reply(GenerateOptions options);
  // Prepares the continuation of a raw prompt.
  void begin_completion(std::string prompt, std::vector<Part> images, GenerateOptions options);
  // Makes the next piece; false at the end.
  bool next();
  const Piece& piece() const { return piece_; }
  bool done() const { return finish_ != FinishReason::kNone; }

  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  void reset();
  const Status& status() const { return status_; }
  FinishReason finish_reason() const { return finish_; }
  const GenerateStats& stats() const { return stats_; }

 private:
  enum class Stage { kIdle, kPrompt, kDecode };

  void begin(GenerateOptions options, bool keeps_answer);
  Status allocate();
  Result<models::PreparedPrompt> prompt_of_messages();
  Result<std::string> render(std::vector<Image>& images) const;
  Status start();
  Result<std::span<const float>> prefill();
  Status make_room(std::int64_t n);
  void accept(std::int32_t token);
  void finish(FinishReason reason);
  void fail(Error error);
  std::size_t reusable_prefix(const TokenRows& prompt, const std::vector<std::uint64_t>& marks) const;

  std::shared_ptr<const Engine> engine_;
  SessionOptions session_options_;
  std::vector<Message> messages_;

  // Allocated at the first reply.
  std::optional<StateStore> store_;
  std::optional<Sequence> sequence_;
  std::optional<Stepper> stepper_;

  TokenRows rows_;  // of the tokens in the cache and those about to be
  std::vector<float> media_;
  std::vector<std::uint64_t> media_marks_;  // what each media row was made from

  Stage stage_ = Stage::kIdle;
  bool keeps_answer_ = false;
  bool raw_ = false;
  std::string raw_prompt_;
  std::vector<Part> raw_images_;
  GenerateOptions options_;
  std::optional<Sampler> sampler_;
  std::optional<text::StreamDecoder> decoder_;
  StopMatcher stops_;
  std::string answer_;
  Piece piece_;
  std::atomic<bool> cancelled_{false};
  FinishReason finish_ = FinishReason::kNone;
  Status status_;
  GenerateStats stats_;
};

}  // namespace galago::runtime
