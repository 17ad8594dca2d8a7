#include "runtime/generation.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/try.h"

namespace galago::runtime {
namespace {

// What of `total` rows stays when they slide. Half of what may go goes at once,
// so that reading the rest again is rare.
struct Slide {
  std::int64_t first = 0, last = 0;
};

Slide slide_of(std::int64_t capacity, int keep_tokens) {
  const std::int64_t first = std::clamp<std::int64_t>(keep_tokens, 0, capacity / 2);
  return {first, std::max<std::int64_t>((capacity - first) / 2, 1)};
}

Error does_not_fit(std::int64_t tokens, std::int64_t capacity) {
  return error(ErrorCode::kOutOfRange,
               "{} tokens do not fit the context of {}; ask for a larger one "
               "(-c) or let the oldest be forgotten "
               "(--overflow slide)",
               tokens, capacity);
}

}  // namespace

Generation::Generation(const Engine& engine, Prefix& prefix, GenerateOptions options, Sampler sampler,
                       text::StreamDecoder decoder)
    : engine_(&engine),
      prefix_(&prefix),
      options_(std::move(options)),
      sampler_(std::move(sampler)),
      decoder_(std::move(decoder)),
      stops_(options_.stop) {}

Result<Generation> Generation::create(const Engine& engine, Prefix& prefix, PromptRows prompt,
                                      GenerateOptions options) {
  if (prompt.size() == 0) return error(ErrorCode::kInvalidArgument, "the prompt is empty");
  GALAGO_TRY(SamplingSettings settings, settle(options.sampling, engine.sampling_defaults()));
  GALAGO_TRY(const text::Tokenizer* tokenizer, engine.tokenizer());
  GenerateStats stats;
  stats.prompt_tokens = prompt.size();
  if (prompt.size() > prefix.capacity()) {
    if (options.overflow == ContextOverflow::kError) return does_not_fit(prompt.size(), prefix.capacity());
    const Slide kept = slide_of(prefix.capacity(), options.keep_tokens);
    prompt.erase(kept.first, prompt.size() - kept.first - kept.last);
  }
  Generation generation(engine, prefix, std::move(options),
                        Sampler(std::move(settings), engine.model().info().vocab_size),
                        text::StreamDecoder(*tokenizer, {.at_start = false}));
  GALAGO_TRY(stats.reused_tokens, prefix.begin(std::move(prompt)));
  generation.stats_ = stats;
  if (generation.options_.max_tokens == 0) generation.finish(FinishReason::kMaxTokens);
  return generation;
}

bool Generation::decodes() const {
  return !in_prompt_ && prefix_->unread() == 1 && prefix_->rows().is_text(prefix_->rows().size() - 1);
}

// An answer needs room for its newest token and one more. It ends, or forgets,
// when that is not there.
void Generation::make_room() {
  const std::int64_t total = prefix_->rows().size(), capacity = prefix_->capacity();
  if (total + 1 <= capacity) return;
  if (options_.overflow == ContextOverflow::kError) return finish(FinishReason::kContext);
  const Slide kept = slide_of(capacity, options_.keep_tokens);
  if (kept.first + kept.last >= total) return;
  if (Status slid = prefix_->slide(kept.first, kept.last); !slid.ok()) fail(std::move(slid).error());
}

std::optional<StepPart> Generation::next_rows(std::int64_t most, std::span<const std::string> inputs) {
  if (done()) return std::nullopt;
  Result<StepPart> part = prefix_->next(most, inputs);
  if (!part.ok()) {
    fail(std::move(part).error());
    return std::nullopt;
  }
  return *part;
}

void Generation::add_seconds(double seconds) {
  (in_prompt_ ? stats_.prefill_seconds : stats_.decode_seconds) += seconds;
}

void Generation::accept(std::span<const float> logits) {
  if (in_prompt_) prefix_->mark();
  in_prompt_ = false;
  const std::int32_t token = sampler_.next(logits, prefix_->rows().ids());
  if (!options_.ignore_end && engine_->ends_generation(token)) return finish(FinishReason::kEnd);
  ++stats_.generated_tokens;
  prefix_->push(token);
  piece_ = Piece{stops_.push(decoder_.push(token)), token};
  answer_ += piece_->text;
  if (stops_.stopped()) {
    finish(FinishReason::kStop);
  } else if (options_.max_tokens >= 0 && stats_.generated_tokens >= options_.max_tokens) {
    finish(FinishReason::kMaxTokens);
  } else {
    make_room();
  }
}

// The last piece takes along what was held back.
void Generation::finish(FinishReason reason) {
  if (done()) return;
  finish_ = reason;
  if (!stops_.stopped()) {
    const std::string rest = stops_.push(decoder_.finish()) + stops_.finish();
    answer_ += rest;
    if (!piece_) piece_ = Piece{"", -1};
    piece_->text += rest;
  }
  if (piece_ && piece_->text.empty()) piece_.reset();
}

void Generation::fail(Error error) {
  status_ = std::move(error);
  finish_ = FinishReason::kError;
  piece_.reset();
}

std::optional<Piece> Generation::take_piece() { return std::exchange(piece_, std::nullopt); }

}  // namespace galago::runtime
