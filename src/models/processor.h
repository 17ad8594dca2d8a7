// Turns a prompt and its media into what a model's entries take: token ids with places for the rows that encoders give.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "galago/image.h"
#include "galago/tensor.h"
#include "graph/trace.h"
#include "text/tokenizer.h"

namespace galago::models {

// One run of an encoder entry. The rows of its first output are spliced into the prompt; further outputs may be rows of
// further inputs (PreparedRows::encoded_width).
struct EncoderRun {
  std::string entry;                       // "encode_image"
  std::vector<graph::NamedTensor> inputs;  // one for each input of the entry
  std::int64_t rows = 0;                   // rows of its outputs
};

// Rows of a further input of prefill and decode ("spans", "deepstack_0"), one for each token: (ids, width).
struct PreparedRows {
  std::string input;
  std::vector<float> values;       // of an f32 input
  std::vector<std::int32_t> ints;  // of an i32 input
  // Not 0: the rows of this width that the encoders' outputs of the same name give to the tokens of media rows, and
  // zeros for all others; values and ints stay empty.
  std::int64_t encoded_width = 0;
  // The row of every token that is generated after the prompt, of one of the two; empty: zeros.
  std::vector<float> later_values;
  std::vector<std::int32_t> later_ints;
};

struct PreparedPrompt {
  std::vector<text::TokenId> ids;  // with placeholders expanded: as many as rows of the prompt
  std::vector<std::int32_t>
      splice_index;  // for each id: a row of all encoders' rows one after the other, or -1; or empty
  // (axes, ids); empty: 0, 1, 2, ... on every axis. The token after the prompt stands one after the largest.
  std::vector<std::int32_t> positions;
  std::vector<PreparedRows> rows;  // for each further input of the decoder's entries
  std::vector<EncoderRun> encoders;
  // Named intermediate results for comparison with the original ("input_ids_unexpanded").
  std::vector<std::pair<std::string, Tensor>> stages;
};

// A prompt as a template rendered it.
struct PromptText {
  std::string_view text;
  // What a user wrote that reads like a placeholder, and is text nevertheless. Ascending, without overlaps.
  std::span<const text::TextRange> literals{};

  PromptText(std::string_view whole, std::span<const text::TextRange> user_wrote = {})
      : text(whole), literals(user_wrote) {}
  PromptText(const std::string& whole, std::span<const text::TextRange> user_wrote = {})
      : text(whole), literals(user_wrote) {}
};

// The part of a picture preprocessor that models share is media/image_processor.h.
class Processor {
 public:
  virtual ~Processor() = default;
  // The text that stands for a picture in a prompt ("<image>"); empty for models that see none.
  virtual std::string image_placeholder() const { return ""; }
  // `add_special`: the tokenizer puts its BOS (and EOS) around the text, unless the text has it already.
  // Fails when the placeholders in the text are not as many as the pictures.
  virtual Result<PreparedPrompt> prepare(const text::Tokenizer& tokenizer, const PromptText& prompt,
                                         std::span<const Image> images, bool add_special) const = 0;
  // The preprocessed pixels of one picture, f32 (channels, height, width).
  virtual Result<Tensor> pixels(const Image& image) const;
};

// For models that only read text.
class TextProcessor : public Processor {
 public:
  Result<PreparedPrompt> prepare(const text::Tokenizer& tokenizer, const PromptText& prompt,
                                 std::span<const Image> images, bool add_special) const override;
};

// Where `placeholder` stands in the prompt and is one, not a user's text.
std::vector<std::size_t> find_placeholders(const PromptText& prompt, std::string_view placeholder);

// The ids of a text; a BOS that the text already begins with is not added a second time.
Result<std::vector<text::TokenId>> encode_once(const text::Tokenizer& tokenizer, const PromptText& prompt,
                                               bool add_special);

}  // namespace galago::models
