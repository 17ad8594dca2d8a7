#include "text/tokenizer.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "base/try.h"
#include "text/tokenizer_data.h"
#include "text/unicode.h"

namespace galago::text {
namespace {

// Normalizing may lengthen a text; this keeps every offset within 32 bits.
constexpr std::size_t kMaxTextSize = std::size_t{128} << 20;

class Encoder {
 public:
  Encoder(const Tokenizer::Data& data, const EncodeOptions& options, std::vector<TokenId>& ids)
      : data_(data), parse_special_(options.parse_special), literals_(options.literals), ids_(ids) {}

  Status encode(std::string_view text) {
    data_.added.split(
        text, parse_special_, literals_, [&](std::size_t begin, std::size_t end) { segment(text, begin, end); },
        [&](TokenId id) { ids_.push_back(id); });
    if (too_long_) {
      return error(ErrorCode::kOutOfRange, "the text grows over {} bytes when it is normalized; split it",
                   std::numeric_limits<std::int32_t>::max());
    }
    return {};
  }

 private:
  void segment(std::string_view whole, std::size_t from, std::size_t to) {
    const std::string_view text = whole.substr(from, to - from);
    const bool at_start = from == 0;
    const std::string normalized = normalize(data_.normalizer, text);
    if (normalized.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max() / 4)) {
      too_long_ = true;
      return;
    }
    data_.added_normalized.split(
        normalized, parse_special_, normalized_literals(text, from),
        [&](std::size_t begin, std::size_t end) {
          words(normalized.substr(begin, end - begin), at_start && begin == 0);
        },
        [&](TokenId id) { ids_.push_back(id); });
  }

  // Where the literals of a text that begins at `from` stand once it is normalized: behind what its beginning becomes.
  std::vector<TextRange> normalized_literals(std::string_view text, std::size_t from) const {
    std::vector<TextRange> found;
    for (const TextRange& literal : literals_) {
      if (literal.begin < from || literal.end > from + text.size()) continue;
      found.push_back({normalize(data_.normalizer, text.substr(0, literal.begin - from)).size(),
                       normalize(data_.normalizer, text.substr(0, literal.end - from)).size()});
    }
    return found;
  }

  void words(std::string text, bool at_start) {
    const std::vector<Span> spans = pre_tokenize(data_.pre_tokenizer, text, at_start);
    for (const Span span : spans) {
      data_.model.encode(data_.vocabulary, std::string_view(text).substr(span.begin, span.end - span.begin), ids_);
    }
  }

  const Tokenizer::Data& data_;
  bool parse_special_;
  std::span<const TextRange> literals_;
  std::vector<TokenId>& ids_;
  bool too_long_ = false;
};

std::string_view trim_white_space(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\r\n\v\f";
  const std::size_t begin = text.find_first_not_of(kSpaces);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpaces) - begin + 1);
}

}  // namespace

Result<std::vector<TokenId>> Tokenizer::encode(std::string_view text, EncodeOptions options) const {
  if (text.size() > kMaxTextSize) {
    return error(ErrorCode::kOutOfRange, "the text has {} bytes, at most {} can be tokenized at once", text.size(),
                 kMaxTextSize);
  }
  if (const auto offset = find_invalid_utf8(text)) {
    return error(ErrorCode::kInvalidArgument, "the text is not UTF-8: byte 0x{:02X} at offset {}; convert it to UTF-8",
                 static_cast<std::uint8_t>(text[*offset]), *offset);
  }
  std::vector<TokenId> ids;
  if (options.add_bos_eos) ids = data_->prefix;
  GALAGO_CHECK(Encoder(*data_, options, ids).encode(text));
  if (options.add_bos_eos) ids.insert(ids.end(), data_->suffix.begin(), data_->suffix.end());
  return ids;
}

std::string Tokenizer::decode(std::span<const TokenId> ids, bool skip_special) const {
  StreamDecoder decoder(*this, {.skip_special = skip_special, .at_start = true});
  std::string text;
  for (const TokenId id : ids) text += decoder.push(id);
  text += decoder.finish();
  return data_->decoding.trim ? std::string(trim_white_space(text)) : text;
}

std::string Tokenizer::piece(TokenId id) const { return data_->piece(id); }

std::string_view Tokenizer::spelling(TokenId id) const {
  return data_->vocabulary.contains(id) ? data_->vocabulary.spelling(id) : std::string_view();
}

std::optional<TokenId> Tokenizer::find(std::string_view spelling) const {
  const TokenId id = data_->vocabulary.find(spelling);
  if (id == kNoToken) return std::nullopt;
  return id;
}

std::int32_t Tokenizer::vocab_size() const { return data_->vocabulary.size(); }
std::optional<TokenId> Tokenizer::bos() const { return data_->bos; }
std::optional<TokenId> Tokenizer::eos() const { return data_->eos; }
std::optional<TokenId> Tokenizer::eot() const { return data_->eot; }
std::optional<TokenId> Tokenizer::unk() const { return data_->unk; }
std::optional<TokenId> Tokenizer::pad() const { return data_->pad; }
const std::vector<TokenId>& Tokenizer::end_of_generation() const { return data_->end_of_generation; }

bool Tokenizer::is_end_of_generation(TokenId id) const {
  return std::binary_search(data_->end_of_generation.begin(), data_->end_of_generation.end(), id);
}

bool Tokenizer::is_special(TokenId id) const {
  if (!data_->vocabulary.contains(id)) return false;
  const TokenKind kind = data_->vocabulary.kind(id);
  return kind == TokenKind::kControl || kind == TokenKind::kUnknown;
}

bool Tokenizer::adds_bos() const { return !data_->prefix.empty(); }
bool Tokenizer::adds_eos() const { return !data_->suffix.empty(); }
const std::vector<std::string>& Tokenizer::warnings() const { return data_->warnings; }

StreamDecoder::StreamDecoder(Tokenizer tokenizer) : StreamDecoder(std::move(tokenizer), Options{}) {}

StreamDecoder::StreamDecoder(Tokenizer tokenizer, Options options)
    : tokenizer_(std::move(tokenizer)), options_(options) {}

std::string StreamDecoder::push(TokenId id) {
  if (options_.skip_special && tokenizer_.is_special(id)) return {};
  std::string piece = tokenizer_.piece(id);
  if (piece.empty()) return {};
  if (options_.at_start && tokenizer_.data_->decoding.drop_leading_space && piece.front() == ' ') piece.erase(0, 1);
  options_.at_start = false;
  pending_ += piece;
  return take(false);
}

std::string StreamDecoder::finish() { return take(true); }

std::string StreamDecoder::take(bool at_end) {
  std::string out;
  std::size_t done = 0;
  while (done < pending_.size()) {
    const Sequence sequence = classify_sequence(std::string_view(pending_).substr(done, 4));
    if (sequence.state == SequenceState::kIncomplete && !at_end) break;
    if (sequence.state == SequenceState::kComplete) {
      out.append(pending_, done, sequence.size);
    } else {
      append_utf8(kReplacementCharacter, out);
    }
    done += sequence.size;
  }
  pending_.erase(0, done);
  return out;
}

}  // namespace galago::text
