#include <algorithm>

#include "base/error.h"
#include "base/try.h"
#include "models/vision_config.h"
#include "models/vision_language.h"

namespace galago::models {
namespace {

// What the original repositories write where a picture's rows go.
constexpr std::int32_t kImagePosition = -200;

// The part [begin, end) of a prompt.
struct Piece {
  std::string_view text;
  std::vector<text::TextRange> literals;
};

Piece piece_of(const PromptText& prompt, std::size_t begin, std::size_t end) {
  Piece piece{prompt.text.substr(begin, end - begin), {}};
  for (const text::TextRange& range : prompt.literals) {
    if (range.begin >= begin && range.end <= end) piece.literals.push_back({range.begin - begin, range.end - begin});
  }
  return piece;
}

Tensor row_of(const std::vector<std::int32_t>& ids) {
  return Tensor::from(std::span<const std::int32_t>(ids), {1, static_cast<std::int64_t>(ids.size())});
}

}  // namespace

Result<Tensor> SpliceProcessor::pixels(const Image& image) const {
  return tower_pixels(image, config_.pixels, config_.pad_to_square, config_.vision.image_size);
}

Result<PreparedPrompt> SpliceProcessor::prepare(const text::Tokenizer& tokenizer, const PromptText& prompt,
                                                std::span<const Image> images, bool add_special) const {
  const std::vector<std::size_t> places = find_placeholders(prompt, config_.image_placeholder);
  if (places.size() != images.size()) {
    return error(ErrorCode::kInvalidArgument, "the prompt has {} places for pictures ({}); {} pictures were given",
                 places.size(), config_.image_placeholder, images.size());
  }
  PreparedPrompt prepared;
  GALAGO_CHECK(config_.image_token ? expand_tokens(tokenizer, prompt, places.size(), add_special, prepared)
                                   : join_pieces(tokenizer, prompt, places, add_special, prepared));
  for (const Image& image : images) {
    GALAGO_TRY(Tensor tensor, pixels(image));
    prepared.encoders.push_back({"encode_image", {{"pixels", std::move(tensor)}}, config_.rows_per_image});
  }
  return prepared;
}

Status SpliceProcessor::expand_tokens(const text::Tokenizer& tokenizer, const PromptText& prompt, std::size_t n_places,
                                      bool add_special, PreparedPrompt& out) const {
  GALAGO_TRY(const std::vector<text::TokenId> ids, encode_once(tokenizer, prompt, add_special));
  const auto found = static_cast<std::size_t>(std::count(ids.begin(), ids.end(), *config_.image_token));
  if (found != n_places) {
    return error(ErrorCode::kCorrupt, "\"{}\" is not the token {} of this tokenizer, as the configuration says",
                 config_.image_placeholder, *config_.image_token);
  }
  std::int32_t row = 0;
  for (const text::TokenId id : ids) {
    const std::int64_t copies = id == *config_.image_token ? config_.rows_per_image : 1;
    for (std::int64_t i = 0; i < copies; ++i) {
      out.ids.push_back(id);
      out.splice_index.push_back(id == *config_.image_token ? row++ : -1);
    }
  }
  const std::vector<std::int32_t> mask(out.ids.size(), 1);
  out.stages = {{"input_ids", row_of(out.ids)}, {"attention_mask", row_of(mask)}};
  return {};
}

Status SpliceProcessor::join_pieces(const text::Tokenizer& tokenizer, const PromptText& prompt,
                                    std::span<const std::size_t> places, bool add_special, PreparedPrompt& out) const {
  std::vector<std::int32_t> unexpanded;
  std::vector<std::int32_t> expanded;
  std::int32_t row = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= places.size(); ++i) {
    const bool last = i == places.size();
    // Every piece is tokenized as a text of its own; only the first keeps what the tokenizer puts before it.
    const Piece piece = piece_of(prompt, begin, last ? prompt.text.size() : places[i]);
    GALAGO_TRY(std::vector<text::TokenId> ids, encode_once(tokenizer, {piece.text, piece.literals}, add_special));
    const bool first = i == 0;
    if (!first && tokenizer.bos() && !ids.empty() && ids.front() == *tokenizer.bos()) ids.erase(ids.begin());
    out.ids.insert(out.ids.end(), ids.begin(), ids.end());
    out.splice_index.insert(out.splice_index.end(), ids.size(), -1);
    unexpanded.insert(unexpanded.end(), ids.begin(), ids.end());
    expanded.insert(expanded.end(), ids.begin(), ids.end());
    if (last) break;
    for (std::int64_t n = 0; n < config_.rows_per_image; ++n) {
      out.ids.push_back(0);  // any id: the picture's row replaces its embedding
      out.splice_index.push_back(row++);
      expanded.push_back(kImagePosition);
    }
    unexpanded.push_back(kImagePosition);
    begin = places[i] + config_.image_placeholder.size();
  }
  out.stages = {{"input_ids_unexpanded", row_of(unexpanded)}, {"input_ids", row_of(expanded)}};
  return {};
}

}  // namespace galago::models
