#include "runtime/conversation.h"

#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "base/try.h"

namespace galago::runtime {

Conversation::Conversation(std::shared_ptr<const Engine> engine, SessionOptions options)
    : engine_(std::move(engine)), session_options_(options), prompts_(engine_) {}

void Conversation::reset() {
  messages_.clear();
  generation_.reset();
}

void Conversation::begin(GenerateOptions options) {
  options_ = std::move(options);
  generation_.reset();
  finish_ = FinishReason::kNone;
  status_ = {};
  piece_ = {};
  cancelled_.store(false, std::memory_order_relaxed);
}

void Conversation::begin_reply(GenerateOptions options) {
  raw_.reset();
  begin(std::move(options));
}

void Conversation::begin_completion(std::string prompt, std::vector<Part> images, GenerateOptions options) {
  raw_ = RawPrompt{std::move(prompt), std::move(images)};
  begin(std::move(options));
}

Status Conversation::allocate() {
  if (prefix_) return {};
  const std::int64_t context = session_options_.context;
  GALAGO_TRY(store_, engine_->make_state(context, session_options_.kv));
  GALAGO_TRY(auto executor, engine_->make_executor());
  GALAGO_TRY(stepper_, Stepper::create(engine_->model(), std::move(executor), *store_, engine_->limits(), 1));
  driver_.emplace(*stepper_);
  prefix_.emplace(Sequence(*store_), context > 0 ? context : engine_->description().context_length);
  return {};
}

Status Conversation::start() {
  GALAGO_CHECK(allocate());
  GALAGO_TRY(const models::PreparedPrompt prompt,
             raw_ ? prompts_.of_text(raw_->text, raw_->images) : prompts_.of_messages(messages_));
  const auto encoding = Clock::now();
  const std::int64_t runs = media_.n_runs();
  GALAGO_TRY(std::vector<EncodedMediaPtr> media, media_.encode(prompt.encoders, stepper_->executor()));
  const double encode_seconds = prompt.encoders.empty() ? 0 : seconds_since(encoding);
  GALAGO_TRY(PromptRows rows, PromptRows::create(prompt, std::move(media), engine_->model().info()));
  GALAGO_TRY(generation_, Generation::create(*engine_, *prefix_, std::move(rows), options_));
  generation_->stats().encoder_runs = media_.n_runs() - runs;
  generation_->stats().encode_seconds = encode_seconds;
  return {};
}

bool Conversation::next() {
  if (finish_ != FinishReason::kNone) return false;
  if (!generation_ && !cancelled_.load(std::memory_order_relaxed)) {
    if (Status started = start(); !started.ok()) {
      generation_.reset();
      status_ = std::move(started).error();
      finish_ = FinishReason::kError;
      return false;
    }
  }
  if (!generation_) return finish(FinishReason::kCancelled), false;
  std::optional<Piece> piece;
  while (!(piece = generation_->take_piece()) && !generation_->done()) {
    if (cancelled_.load(std::memory_order_relaxed)) {
      generation_->cancel();
      continue;
    }
    Generation* const only = &*generation_;
    driver_->step(std::span(&only, 1));
  }
  piece_ = piece.value_or(Piece{});
  if (generation_->done()) finish(generation_->finish_reason());
  return piece.has_value();
}

void Conversation::finish(FinishReason reason) {
  finish_ = reason;
  if (generation_) status_ = generation_->status();
  if (!raw_ && reason != FinishReason::kError) messages_.push_back(assistant(generation_ ? generation_->answer() : ""));
}

}  // namespace galago::runtime
