#include "runtime/conversation.h"

#include <algorithm>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/try.h"
#include "media/image_decode.h"
#include "runtime/tokenizer_source.h"

namespace galago::runtime {
namespace {

Result<Image> load(const Part& part) {
  if (const auto* pixels = std::get_if<Image>(&part)) return *pixels;
  return media::load_image(std::get<ImageFile>(part).path);
}

// FNV-1a over the bytes of a tensor: tells whether a cached media row is of the same picture.
std::uint64_t mark_of(std::span<const std::byte> bytes) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const std::byte byte : bytes) hash = (hash ^ static_cast<std::uint64_t>(byte)) * 0x100000001b3u;
  return hash;
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
  const auto most = static_cast<std::size_t>(store_->max_pages()) * ops::kPageTokens + 1;
  tokens_.reserve(most);
  splice_.reserve(most);
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

Status Conversation::encode_media(const std::vector<models::EncoderRun>& encoders) {
  media_.clear();
  for (const models::EncoderRun& run : encoders) {
    EntryExecutor& executor = stepper_->executor();
    const int entry = executor.find(run.entry);
    if (entry < 0) return error(ErrorCode::kInternal, "the model has no entry \"{}\"", run.entry);
    std::vector<const std::byte*> inputs;
    for (const Tensor& input : run.inputs) inputs.push_back(input.bytes().data());
    GALAGO_CHECK(executor.run(entry, {}, inputs, nullptr));
    const std::span<const float> rows = executor.output(entry, 0);
    media_.insert(media_.end(), rows.begin(), rows.end());
  }
  return {};
}

// How many tokens of the cache the prompt begins with; a picture counts as the same when its pixels are.
std::size_t Conversation::reusable_prefix(const models::PreparedPrompt& prompt) const {
  std::vector<std::uint64_t> marks;
  for (const models::EncoderRun& run : prompt.encoders) {
    const std::uint64_t mark = mark_of(run.inputs[0].bytes());
    marks.insert(marks.end(), static_cast<std::size_t>(run.rows), mark);
  }
  const auto media_mark = [](const std::vector<std::uint64_t>& all, std::int32_t row) -> std::uint64_t {
    return row < 0 ? 0 : all[static_cast<std::size_t>(row)];
  };
  const std::size_t cached = static_cast<std::size_t>(sequence_->length());
  const std::size_t most = std::min(cached, prompt.ids.size() - 1);  // the last token's logits are needed
  std::size_t n = 0;
  for (; n < most && tokens_[n] == prompt.ids[n]; ++n) {
    const std::int32_t row = prompt.splice_index.empty() ? -1 : prompt.splice_index[n];
    const std::int32_t cached_row = splice_.empty() ? -1 : splice_[n];
    if (row != cached_row || media_mark(marks, row) != media_mark(media_marks_, cached_row)) break;
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

  const std::int64_t reused = sequence_->returnable(static_cast<std::int64_t>(reusable_prefix(prompt)));
  GALAGO_CHECK(sequence_->return_to(reused));
  tokens_.assign(prompt.ids.begin(), prompt.ids.end());
  splice_.assign(prompt.splice_index.begin(), prompt.splice_index.end());
  stats_.prompt_tokens = static_cast<std::int64_t>(prompt.ids.size());
  stats_.reused_tokens = reused;
  const auto encoding = Clock::now();
  GALAGO_CHECK(encode_media(prompt.encoders));
  media_marks_.clear();
  for (const models::EncoderRun& run : prompt.encoders) {
    media_marks_.insert(media_marks_.end(), static_cast<std::size_t>(run.rows), mark_of(run.inputs[0].bytes()));
  }
  if (!prompt.encoders.empty()) stats_.encode_seconds = seconds_since(encoding);
  return {};
}

// Makes sure that `n` more tokens fit, sliding the context when that is asked for.
Status Conversation::make_room(std::int64_t n) {
  const std::int64_t capacity =
      session_options_.context > 0 ? session_options_.context : engine_->description().context_length;
  const auto total = static_cast<std::int64_t>(tokens_.size());
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
  const auto from = tokens_.begin() + kept_first;
  const auto count = total - kept_first - kept_last;
  tokens_.erase(from, from + count);
  if (!splice_.empty()) splice_.erase(splice_.begin() + kept_first, splice_.begin() + kept_first + count);
  return sequence_->return_to(sequence_->returnable(kept_first));
}

// Reads the tokens that are not in the cache yet; the logits of the last.
Result<std::span<const float>> Conversation::prefill() {
  std::span<const float> hidden;
  while (static_cast<std::size_t>(sequence_->length()) < tokens_.size()) {
    if (cancelled_.load(std::memory_order_relaxed)) return error(ErrorCode::kCancelled, "cancelled");
    const auto at = static_cast<std::size_t>(sequence_->length());
    const auto left = static_cast<std::int64_t>(tokens_.size() - at);
    const auto n = static_cast<std::size_t>(sequence_->step_rows(left, stepper_->max_prefill_rows()));
    StepPart part{.sequence = &*sequence_, .ids = std::span(tokens_).subspan(at, n), .media = media_};
    if (!splice_.empty()) part.splice = std::span(splice_).subspan(at, n);
    GALAGO_TRY(hidden, stepper_->prefill(std::span(&part, 1)));
  }
  sequence_->mark();
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
  const bool one_token = static_cast<std::size_t>(sequence_->length()) + 1 == tokens_.size() && !prompt;
  if (one_token) {
    StepPart part{.sequence = &*sequence_, .ids = std::span(tokens_).last(1)};
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
  accept(sampler_->next(*logits, tokens_));
  return finish_ == FinishReason::kNone || !piece_.text.empty();
}

void Conversation::accept(std::int32_t token) {
  if (!options_.ignore_end && engine_->ends_generation(token)) return finish(FinishReason::kEnd);
  ++stats_.generated_tokens;
  tokens_.push_back(token);
  if (!splice_.empty()) splice_.push_back(-1);
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
