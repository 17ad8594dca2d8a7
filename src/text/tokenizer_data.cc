#include "text/tokenizer_data.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/error.h"
#include "text/byte_level.h"
#include "text/unicode.h"

namespace galago::text {
namespace {

// The names under which published models end a turn, a message or a text.
constexpr std::array<std::string_view, 8> kEndOfTurn = {"<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>",
                                                        "<turn|>",    "<|EOT|>",    "<EOT>",   "<end_of_utterance>"};
constexpr std::array<std::string_view, 7> kOtherEnds = {
    "<|endoftext|>", "<|end_of_text|>", "<|eom_id|>", "<\uFF5Cend\u2581of\u2581sentence\uFF5C>",
    "<|return|>",    "<|call|>",        "<eos>"};

std::uint8_t byte_of_spelling(std::string_view spelling) {  // "<0x0A>"
  std::uint8_t value = 0;
  if (spelling.size() == 6) std::from_chars(spelling.data() + 3, spelling.data() + 5, value, 16);
  return value;
}

std::string from_byte_alphabet(std::string_view spelling) {
  std::string out;
  for (std::size_t i = 0; i < spelling.size();) {
    const Decoded c = decode_utf8(spelling, i);
    if (const auto byte = character_byte(c.code_point)) {
      out.push_back(static_cast<char>(*byte));
    } else {
      out.append(spelling, i, c.size);
    }
    i += c.size;
  }
  return out;
}

std::string replace_all(std::string_view text, std::string_view what, std::string_view with) {
  std::string out;
  std::size_t done = 0;
  for (std::size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, done)) {
    out.append(text, done, at - done);
    out += with;
    done = at + what.size();
  }
  out.append(text, done);
  return out;
}

}  // namespace

bool is_end_of_generation_name(std::string_view spelling) {
  return std::find(kEndOfTurn.begin(), kEndOfTurn.end(), spelling) != kEndOfTurn.end() ||
         std::find(kOtherEnds.begin(), kOtherEnds.end(), spelling) != kOtherEnds.end();
}

std::string Tokenizer::Data::piece(TokenId id) const {
  if (!vocabulary.contains(id)) return {};
  const std::string_view spelling = vocabulary.spelling(id);
  switch (vocabulary.kind(id)) {
    case TokenKind::kHole: return {};
    case TokenKind::kByte: return std::string(1, static_cast<char>(byte_of_spelling(spelling)));
    case TokenKind::kControl:
    case TokenKind::kUnknown: return std::string(spelling);
    case TokenKind::kUserDefined:
      if (decoding.kind != Decoding::Kind::kSpaces) return std::string(spelling);
      break;  // added runs of spaces are spelled with the space's character
    default: break;
  }
  std::string_view body = spelling;
  bool ends_word = false;
  if (!decoding.word_suffix.empty() && body.ends_with(decoding.word_suffix)) {
    body.remove_suffix(decoding.word_suffix.size());
    ends_word = true;
  }
  std::string text;
  switch (decoding.kind) {
    case Decoding::Kind::kBytes: text = from_byte_alphabet(body); break;
    case Decoding::Kind::kSpaces: text = replace_all(body, decoding.space, " "); break;
    case Decoding::Kind::kPlain: text = body; break;
  }
  if (ends_word) text.push_back(' ');
  return text;
}

void Tokenizer::Data::assign_roles() {
  const auto named = [&](std::string_view name) {
    const TokenId id = vocabulary.find(name);
    if (id == kNoToken) return kNoToken;
    const TokenKind kind = vocabulary.kind(id);
    // Only tokens apart from text: a plain token of that spelling is something a model may write.
    return kind == TokenKind::kControl || kind == TokenKind::kUserDefined || kind == TokenKind::kUnknown ? id
                                                                                                         : kNoToken;
  };
  std::vector<TokenId> ends;
  for (const std::string_view name : kEndOfTurn) {
    const TokenId id = named(name);
    if (id == kNoToken) continue;
    ends.push_back(id);
    if (!eot) eot = id;
  }
  for (const std::string_view name : kOtherEnds) ends.push_back(named(name));
  // With harmony's <|return|> and <|call|>, <|end|> only ends one message of several.
  if (named("<|return|>") != kNoToken && named("<|call|>") != kNoToken) {
    std::replace(ends.begin(), ends.end(), named("<|end|>"), kNoToken);
    if (eot == named("<|end|>")) eot.reset();
  }
  for (const auto& id : {eos, eot, eom}) {
    if (id) ends.push_back(*id);
  }
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  std::erase(ends, kNoToken);
  end_of_generation = std::move(ends);
}

Result<std::pair<std::string_view, std::string_view>> split_merge(std::string_view line, std::size_t index,
                                                                  std::string_view field) {
  const std::size_t space = line.find(' ', 1);
  if (line.empty() || space == std::string_view::npos || space + 1 == line.size()) {
    return error(ErrorCode::kCorrupt, "{}[{}]: \"{}\" is not two tokens with a space between", field, index, line);
  }
  return std::pair(line.substr(0, space), line.substr(space + 1));
}

Status add_merges(std::span<const std::pair<std::string_view, std::string_view>> pairs, const Vocabulary& vocabulary,
                  std::string_view field, WordModel& model) {
  if (pairs.size() > 4 * kMaxVocabularySize) {
    return error(ErrorCode::kOutOfRange, "{}: {} merges, at most {} are supported", field, pairs.size(),
                 4 * kMaxVocabularySize);
  }
  model.merges.reserve(pairs.size());
  std::string whole;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const auto& [left, right] = pairs[i];
    whole.assign(left);
    whole += right;
    const TokenId left_id = vocabulary.find(left);
    const TokenId right_id = vocabulary.find(right);
    const TokenId merged = vocabulary.find(whole);
    if (left_id == kNoToken || right_id == kNoToken || merged == kNoToken) {
      return error(ErrorCode::kCorrupt, "{}[{}]: \"{}\" + \"{}\": \"{}\" is not in the vocabulary", field, i, left,
                   right,
                   left_id == kNoToken    ? left
                   : right_id == kNoToken ? right
                                          : std::string_view(whole));
    }
    model.merges.add(left_id, right_id, {static_cast<std::uint32_t>(i), merged});
  }
  return {};
}

}  // namespace galago::text
