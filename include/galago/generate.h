// How tokens are chosen, and what a generation gives back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace galago {

// An unset field has the value of the model's generation_config.json, or else the default named beside it.
struct SamplingOptions {
  std::optional<float> temperature{};         // 0.8; 0 always takes the likeliest token
  std::optional<int> top_k{};                 // 40; 0: off. Only the k likeliest tokens
  std::optional<float> top_p{};               // 0.95; 1: off. The likeliest tokens that together have this probability
  std::optional<float> min_p{};               // 0.05; 0: off. Tokens at least this likely, relative to the likeliest
  std::optional<float> repetition_penalty{};  // 1: off. Divides positive and multiplies negative logits of seen tokens
  float presence_penalty = 0.0f;              // subtracted from the logit of every seen token
  float frequency_penalty = 0.0f;             // subtracted once for each time a token was seen
  int penalty_window = 64;                    // how many of the last tokens count as seen; -1: all
  std::vector<std::pair<std::int32_t, float>> logit_bias{};  // added to the logits of these tokens
  std::optional<std::uint64_t> seed{};  // the same seed gives the same text; unset: another every time
};

// What happens when prompt and answer do not fit the context.
enum class ContextOverflow : std::uint8_t {
  kError,  // stop with an error that says how much did not fit
  kSlide,  // forget the oldest tokens, but for the first `keep_tokens`, and go on
};

struct GenerateOptions {
  SamplingOptions sampling;
  int max_tokens = -1;              // -1: until the model ends or the context is full
  std::vector<std::string> stop{};  // texts that end the answer and are not part of it
  bool ignore_end = false;          // go on after the model's end token (for benchmarks)
  ContextOverflow overflow = ContextOverflow::kError;
  int keep_tokens = 0;  // of the prompt's beginning, when sliding
};

enum class FinishReason : std::uint8_t {
  kNone,  // not finished
  kEnd,   // the model's end token
  kStop,  // a stop text
  kMaxTokens,
  kContext,  // the context is full
  kCancelled,
  kError,
};

const char* to_string(FinishReason reason);

// A piece of an answer: whole UTF-8, possibly empty while a character is incomplete.
struct Piece {
  std::string text;
  std::int32_t token = -1;
};

// Times in seconds, counts in tokens.
struct GenerateStats {
  std::int64_t prompt_tokens = 0;
  std::int64_t reused_tokens = 0;  // of the prompt, found in the cache
  std::int64_t generated_tokens = 0;
  std::int64_t encoder_runs = 0;  // of pictures whose rows were not there yet
  double encode_seconds = 0;      // pictures and sounds
  double prefill_seconds = 0;
  double decode_seconds = 0;
};

}  // namespace galago
