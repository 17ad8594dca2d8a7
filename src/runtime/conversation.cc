#include "runtime/conversation.h"

#include <algorithm>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/try.h"
#include "media/image_decode.h"
#include "runtime/encoder_runs.h"
#include "runtime/tokenizer_source.h"

namespace galago::runtime {
namespace {

Result<Image> load(const Part& part) {
  if (const auto* pixels = std::get_if<Image>(&part)) return *pixels;
  return media::load_image(std::get<ImageFile>(part).path);
}

// What each media row is made from, FNV-1a over the inputs of its encoder: tells whether a cached row is of the same
// picture.
std::vector<std::uint64_t> marks_of(std::span<const models::EncoderRun> runs) {
  std::vector<std::uint64_t> marks;
  for (const models::EncoderRun& run : runs) {
    std::uint64_t hash = 0xcbf29ce484222325u;
    for (const graph::NamedTensor& input : run.inputs) {
      for (const std::byte byte : input.tensor.bytes()) {
        hash = (hash ^ static_cast<std::uint64_t>(byte)) * 0x100000001b3u;
      }
    }
    marks.insert(marks.end(), static_cast<std::size_t>(run.rows), hash);
  }
  return marks;
}

}  // namespace

Conversation::Conversation(std::shared_ptr<const Engine> engine, SessionOptions options)
    : engine_(std::move(engine)), session_options_(options) {}

void Conversation::reset() {
  messages_.clear();
  stage_ = Stage::kIdle;
}

void Conversation::begin(GenerateOptions options, bool keeps_answer) {
  options_ = std::move(options);
  keeps_answer_ = keeps_answer;
  stage_ = Stage::kPrompt;
  finish_ = FinishReason::kNone;
  status_ = {};
  stats_ = {};
  answer_.clear();
  piece_ = {};
  stops_ = StopMatcher(options_.stop);
  cancelled_.store(false, std::memory_order_relaxed);
}

void Conversation::begin_reply(GenerateOptions options) {
  raw_ = false;
  begin(std::move(options), /*keeps_answer=*/true);
}

void Conversation::begin_completion(std::string prompt, std::vector<Part> images, GenerateOptions options) {
  raw_ = true;
  raw_prompt_ = std::move(prompt);
  raw_images_ = std::move(images);
  begin(std::move(options), /*keeps_answer=*/false);
}

Status Conversation::allocate() {
  if (stepper_) return {};
  GALAGO_TRY(store_, engine_->make_state(session_options_.context, session_options_.kv));
  sequence_.emplace(*store_);
  GALAGO_TRY(auto executor, engine_->make_executor());
  GALAGO_TRY(stepper_, Stepper::create(engine_->model(), std::move(executor), *store_, engine_->limits(), 1));
  return {};
}

// The prompt's text by the chat template, with a placeholder for each picture.
Result<std::string> Conversation::render(std::vector<Image>& images) const {
  const auto& chat_template = engine_->chat_template();
  if (!chat_template) {
    return error(ErrorCode::kUnsupported,
                 "{} brings no chat template; continue a raw prompt instead (--raw, Session::complete)",
                 engine_->description().name);
  }
  const std::string placeholder = engine_->model().processor().image_placeholder();
  Json messages = Json::array();
  for (const Message& message : messages_) {
    std::string content;
    for (const Part& part : message.parts) {
      if (const auto* text = std::get_if<std::string>(&part)) {
        content += *text;
        continue;
      }
      if (placeholder.empty()) {
        return error(ErrorCode::kUnsupported, "{} reads text only and cannot look at pictures",
                     engine_->description().name);
      }
      GALAGO_TRY(Image image, load(part));
      images.push_back(std::move(image));
      content += placeholder + "\n";
    }
    messages.push_back({{"role", message.role}, {"content", content}});
  }
  GALAGO_TRY(const text::Tokenizer* tokenizer, engine_->tokenizer());
  return chat_template->render(
      {.messages = messages, .add_generation_prompt = true, .special_tokens = special_tokens(*tokenizer)});
}

Result<models::PreparedPrompt> Conversation::prompt_of_messages() {
  GALAGO_TRY(const text::Tokenizer* tokenizer, engine_->tokenizer());
  std::vector<Image> images;
  std::string prompt;
  if (raw_) {
    prompt = raw_prompt_;
    for (const Part& part : raw_images_) {
      GALAGO_TRY(Image image, load(part));
      images.push_back(std::move(image));
    }
  } else {
    GALAGO_TRY(prompt, render(images));
  }
  return engine_->model().processor().prepare(*tokenizer, prompt, images, /*add_special=*/true);
}

// How many tokens of the cache the prompt begins with; a picture counts as the same when its pixels are.
std::size_t Conversation::reusable_prefix(const TokenRows& prompt, const std::vector<std::uint64_t>& marks) const {
  const auto mark = [](const std::vector<std::uint64_t>& all, std::int32_t row) -> std::uint64_t {
    return row < 0 ? 0 : all[static_cast<std::size_t>(row)];
  };
  const std::size_t cached = static_cast<std::size_t>(sequence_->length());
  const std::size_t most = std::min(cached, prompt.size() - 1);  // the last token's logits are needed
  std::size_t n = 0;
  for (; n < most && rows_.same(n, prompt); ++n) {
    const std::int32_t row = prompt.media_row(n), cached_row = rows_.media_row(n);
    if (row != cached_row || mark(marks, row) != mark(media_marks_, cached_row)) break;
  }
  return n;
}

Status Conversation::start() {
  GALAGO_CHECK(allocate());
  GALAGO_TRY(const models::PreparedPrompt prompt, prompt_of_messages());
  if (prompt.ids.empty()) return error(ErrorCode::kInvalidArgument, "the prompt is empty");
  GALAGO_TRY(SamplingSettings settings, settle(options_.sampling, engine_->sampling_defaults()));
  sampler_.emplace(std::move(settings), stepper_->vocab_size());
  GALAGO_TRY(const text::Tokenizer* tokenizer, engine_->tokenizer());
  decoder_.emplace(*tokenizer, text::StreamDecoder::Options{.at_start = false});

  TokenRows rows;
  GALAGO_CHECK(rows.assign(prompt, engine_->model().info().position_axes));
  rows.reserve(static_cast<std::size_t>(store_->max_pages()) * ops::kPageTokens + 1);
  std::vector<std::uint64_t> marks = marks_of(prompt.encoders);
  const std::size_t reused = reusable_prefix(rows, marks);
  sequence_->truncate(static_cast<std::int64_t>(reused));
  rows_ = std::move(rows);
  stats_.prompt_tokens = static_cast<std::int64_t>(prompt.ids.size());
  stats_.reused_tokens = static_cast<std::int64_t>(reused);
  const auto encoding = Clock::now();
  GALAGO_TRY(media_, encode(stepper_->executor(), prompt.encoders));
  media_marks_ = std::move(marks);
  if (!prompt.encoders.empty()) stats_.encode_seconds = seconds_since(encoding);
  return {};
}

// Makes sure that `n` more tokens fit, sliding the context when that is asked for.
Status Conversation::make_room(std::int64_t n) {
  const std::int64_t capacity =
      session_options_.context > 0 ? session_options_.context : engine_->description().context_length;
  const auto total = static_cast<std::int64_t>(rows_.size());
  if (total + n <= capacity) return {};
  if (options_.overflow == ContextOverflow::kError) {
    return error(ErrorCode::kOutOfRange,
                 "{} tokens do not fit the context of {}; ask for a larger one (-c) or let the oldest be forgotten "
                 "(--overflow slide)",
                 total + n, capacity);
  }
  // Half of what may go goes at once, so that reading the rest again is rare.
  const std::int64_t kept_first = std::clamp<std::int64_t>(options_.keep_tokens, 0, capacity / 2);
  const std::int64_t kept_last = (capacity - kept_first) / 2;
  rows_.forget(static_cast<std::size_t>(kept_first), static_cast<std::size_t>(total - kept_first - kept_last));
  sequence_->truncate(std::min(sequence_->length(), kept_first));
  return {};
}

// Reads the tokens that are not in the cache yet; the logits of the last.
Result<std::span<const float>> Conversation::prefill() {
  std::span<const float> hidden;
  while (static_cast<std::size_t>(sequence_->length()) < rows_.size()) {
    if (cancelled_.load(std::memory_order_relaxed)) return error(ErrorCode::kCancelled, "cancelled");
    const auto at = static_cast<std::size_t>(sequence_->length());
    const std::size_t n = std::min(rows_.size() - at, static_cast<std::size_t>(stepper_->max_prefill_rows()));
    const StepPart& part = rows_.part(*sequence_, at, n, media_, stepper_->prefill_rows());
    GALAGO_TRY(hidden, stepper_->prefill(std::span(&part, 1)));
  }
  return stepper_->head(hidden);
}

bool Conversation::next() {
  if (finish_ != FinishReason::kNone) return false;
  if (cancelled_.load(std::memory_order_relaxed)) {
    finish(FinishReason::kCancelled);
    return !piece_.text.empty();
  }
  const bool prompt = stage_ == Stage::kPrompt;
  if (prompt) {
    if (Status started = start(); !started.ok()) return fail(std::move(started).error()), false;
    if (options_.max_tokens == 0) return finish(FinishReason::kMaxTokens), false;
  }
  const auto begun = Clock::now();
  if (Status room = make_room(prompt ? 0 : 1); !room.ok()) {
    // An answer that reaches the end of the context stops there; a prompt that does not fit is an error.
    if (prompt) return fail(std::move(room).error()), false;
    return finish(FinishReason::kContext), !piece_.text.empty();
  }
  Result<std::span<const float>> logits = error(ErrorCode::kInternal, "no step");
  const bool one_token = static_cast<std::size_t>(sequence_->length()) + 1 == rows_.size() && !prompt;
  if (one_token) {
    const StepPart& part = rows_.part(*sequence_, rows_.size() - 1, 1, {}, stepper_->decode_rows());
    logits = stepper_->decode(std::span(&part, 1));
  } else {
    logits = prefill();
  }
  (prompt ? stats_.prefill_seconds : stats_.decode_seconds) += seconds_since(begun);
  if (!logits.ok()) {
    if (logits.error().code == ErrorCode::kCancelled) return finish(FinishReason::kCancelled), false;
    return fail(std::move(logits).error()), false;
  }
  stage_ = Stage::kDecode;
  accept(sampler_->next(*logits, rows_.ids()));
  return finish_ == FinishReason::kNone || !piece_.text.empty();
}

void Conversation::accept(std::int32_t token) {
  if (!options_.ignore_end && engine_->ends_generation(token)) return finish(FinishReason::kEnd);
  ++stats_.generated_tokens;
  rows_.append(token);
  piece_ = {stops_.push(decoder_->push(token)), token};
  answer_ += piece_.text;
  if (stops_.stopped()) return finish(FinishReason::kStop);
  if (options_.max_tokens >= 0 && stats_.generated_tokens >= options_.max_tokens) {
    const Piece last = piece_;
    finish(FinishReason::kMaxTokens);
    piece_ = {last.text + piece_.text, last.token};
  }
}

// Ends the answer; the last piece is what was held back.
void Conversation::finish(FinishReason reason) {
  finish_ = reason;
  stage_ = Stage::kIdle;
  const bool stopped = stops_.stopped();
  std::string rest;
  if (!stopped && decoder_) rest = stops_.push(decoder_->finish()) + stops_.finish();
  answer_ += rest;
  if (!stopped) piece_ = {std::move(rest), -1};
  if (keeps_answer_) messages_.push_back(assistant(answer_));
}

void Conversation::fail(Error error) {
  status_ = std::move(error);
  finish_ = FinishReason::kError;
  stage_ = Stage::kIdle;
  piece_ = {};
}

}  // namespace galago::runtime
