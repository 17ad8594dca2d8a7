// What a Session does: keeps messages, and has one generation at a time answer them.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "galago/session.h"
#include "runtime/engine.h"
#include "runtime/generation.h"
#include "runtime/generation_driver.h"
#include "runtime/media_cache.h"
#include "runtime/prefix.h"
#include "runtime/prompt_builder.h"

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

  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  void reset();
  const Status& status() const { return status_; }
  FinishReason finish_reason() const { return finish_; }
  const GenerateStats& stats() const { return generation_ ? generation_->stats() : stats_; }

 private:
  struct RawPrompt {
    std::string text;
    std::vector<Part> images;
  };
  void begin(GenerateOptions options);
  Status allocate();
  Status start();
  void finish(FinishReason reason);

  std::shared_ptr<const Engine> engine_;
  SessionOptions session_options_;
  PromptBuilder prompts_;
  MediaCache media_;
  std::vector<Message> messages_;

  // Allocated at the first reply.
  std::optional<StateStore> store_;
  std::optional<Stepper> stepper_;
  std::optional<GenerationDriver> driver_;
  std::optional<Prefix> prefix_;

  std::optional<RawPrompt> raw_;  // what is continued; nothing: the messages are answered
  GenerateOptions options_;
  std::optional<Generation> generation_;
  Piece piece_;
  std::atomic<bool> cancelled_{false};
  FinishReason finish_ = FinishReason::kNone;
  Status status_;
  GenerateStats stats_;  // until there is a generation
};

}  // namespace galago::runtime
