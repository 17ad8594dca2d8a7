#include "text/tokenizer_json_stages.h"

#include <array>

#include "base/try.h"
#include "text/published_patterns.h"

namespace galago::text {
namespace {

constexpr int kMaxNesting = 8;
// Longer replacements than any published one would only serve to make small texts huge.
constexpr std::size_t kMaxReplacement = 64;

Result<std::string_view> type_of(const JsonValue& value, int depth) {
  if (depth > kMaxNesting) {
    return error(ErrorCode::kUnsupported, "{}: sequences nested more than {} deep", value.place, kMaxNesting);
  }
  const auto type = value.find("type");
  if (!type) return value.wrong("an object with a \"type\"");
  return type->string();
}

Error unsupported(const JsonValue& value, std::string_view what, std::string_view type, std::string_view known) {
  return error(ErrorCode::kUnsupported, "{}: the {} \"{}\" is not supported; supported are {}", value.place, what, type,
               known);
}

Result<std::string> replacement_of(const JsonValue& value, std::string_view key, std::string_view fallback) {
  GALAGO_TRY(const std::string_view text, value.string(key, fallback));
  if (text.size() > kMaxReplacement) {
    return error(ErrorCode::kUnsupported, "{}.{}: {} bytes, at most {} are supported", value.place, key, text.size(),
                 kMaxReplacement);
  }
  return std::string(text);
}

Result<Scanner> read_pattern(const JsonValue& value) {
  const auto pattern = value.find("pattern");
  if (!pattern) return value.wrong("a \"pattern\"");
  if (const auto literal = pattern->find("String")) {
    GALAGO_TRY(const std::string_view text, literal->string());
    if (text.empty()) return literal->wrong("a string that is not empty");
    return Scanner(Literal{std::string(text)});
  }
  const auto regex = pattern->find("Regex");
  if (!regex) return pattern->wrong("{\"String\": ..} or {\"Regex\": ..}");
  GALAGO_TRY(const std::string_view text, regex->string());
  auto scanner = scanner_for_regex(text);
  if (!scanner) {
    return error(ErrorCode::kUnsupported,
                 "{}: no scanner for the regular expression \"{}\"; known are the patterns of GPT-2, CLIP, Llama 3, "
                 "Qwen 2 and 3.5, and runs of one character class such as \"\\p{{N}}{{1,3}}\"",
                 regex->place, text);
  }
  return std::move(*scanner);
}

template <class Read>
Status read_sequence(const JsonValue& value, std::string_view key, const Read& read) {
  const auto list = value.find(key);
  if (!list) return value.wrong(key);
  GALAGO_TRY(const auto items, list->array());
  std::size_t index = 0;
  for (const auto item : items) GALAGO_CHECK(read(list->at(index++, item)));
  return {};
}

Result<SplitBehavior> read_behavior(const JsonValue& value, std::string_view fallback) {
  GALAGO_TRY(const std::string_view name, value.string("behavior", fallback));
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  return error(ErrorCode::kCorrupt,
               "{}.behavior: \"{}\" is none of Isolated, Removed, MergedWithPrevious, "
               "MergedWithNext, Contiguous",
               value.place, name);
}

// A pattern of our own as a stage.
PreTokenizerStage stage(std::string_view pattern, SplitBehavior behavior, bool invert = false) {
  auto scanner = scanner_for_regex(pattern);
  return SplitStage{scanner ? std::move(*scanner) : Scanner(RunRules{}), behavior, invert};
}

constexpr std::string_view kPunctuationClass = R"([!-/:-@\[-`{-~\p{P}])";

// \w+|[^\w\s]+ as Rust's regex crate means it, which runs this one pre-tokenizer.
Scanner words_or_others() {
  RunRules rules;
  rules.runs.resize(2);
  rules.runs[0].of.mask = kWordCharacter;
  rules.runs[1].of.mask = kWordCharacter | kWhiteSpace;
  rules.runs[1].of.complement = true;
  return rules;
}

Status read_byte_level(const JsonValue& value, PreTokenizerSpec& spec) {
  GALAGO_TRY(const bool prefix, value.boolean("add_prefix_space", true));
  GALAGO_TRY(const bool words, value.boolean("use_regex", true));
  if (prefix) spec.stages.emplace_back(PrefixSpaceStage{});
  if (words) spec.stages.push_back(stage(kGpt2Words, SplitBehavior::kIsolated));
  spec.byte_level = true;
  return {};
}

Status read_metaspace(const JsonValue& value, PreTokenizerSpec& spec) {
  MetaspaceStage metaspace;
  GALAGO_TRY(metaspace.replacement, replacement_of(value, "replacement", metaspace.replacement));
  if (metaspace.replacement.empty()) return value.wrong("a \"replacement\" that is not empty");
  GALAGO_TRY(const bool legacy, value.boolean("add_prefix_space", true));
  GALAGO_TRY(const std::string_view scheme, value.string("prepend_scheme", legacy ? "always" : "never"));
  GALAGO_TRY(metaspace.split, value.boolean("split", true));
  if (scheme == "always") {
    metaspace.prepend = MetaspaceStage::Prepend::kAlways;
  } else if (scheme == "first") {
    metaspace.prepend = MetaspaceStage::Prepend::kFirst;
  } else if (scheme == "never") {
    metaspace.prepend = MetaspaceStage::Prepend::kNever;
  } else {
    return error(ErrorCode::kCorrupt, "{}.prepend_scheme: \"{}\" is none of always, first, never", value.place, scheme);
  }
  spec.stages.emplace_back(std::move(metaspace));
  return {};
}

Status read_template(const JsonValue& value, const Vocabulary& vocabulary, PostProcessorSpec& spec) {
  const auto single = value.find("single");
  if (!single) return value.wrong("\"single\"");
  GALAGO_TRY(const auto items, single->array());
  bool behind = false;
  std::size_t index = 0;
  for (const auto item : items) {
    const JsonValue piece = single->at(index++, item);
    if (piece.find("Sequence")) {
      behind = true;
      continue;
    }
    const auto special = piece.find("SpecialToken");
    const auto name = special ? special->find("id") : std::nullopt;
    if (!name) return piece.wrong("a Sequence or a SpecialToken with an id");
    GALAGO_TRY(const std::string_view spelling, name->string());
    const TokenId id = vocabulary.find(spelling);
    if (id == kNoToken) {
      return error(ErrorCode::kCorrupt, "{}: \"{}\" is not in the vocabulary", name->place, spelling);
    }
    (behind ? spec.suffix : spec.prefix).push_back(id);
  }
  return {};
}

Status read_enclosing(const JsonValue& value, std::string_view key, const Vocabulary& vocabulary,
                      std::vector<TokenId>& ids) {
  const auto pair = value.find(key);
  if (!pair) return value.wrong(key);
  GALAGO_TRY(const auto items, pair->array());
  simdjson::dom::element first;
  if (items.at(0).get(first) != simdjson::SUCCESS) return pair->wrong("[token, id]");
  GALAGO_TRY(const std::string_view spelling, pair->at(0, first).string());
  const TokenId id = vocabulary.find(spelling);
  if (id == kNoToken) return error(ErrorCode::kCorrupt, "{}: \"{}\" is not in the vocabulary", pair->place, spelling);
  ids.push_back(id);
  return {};
}

}  // namespace

Status read_normalizer(const JsonValue& value, std::vector<NormalizerStep>& steps, int depth) {
  GALAGO_TRY(const std::string_view type, type_of(value, depth));
  if (type == "Sequence") {
    return read_sequence(value, "normalizers",
                         [&](const JsonValue& v) { return read_normalizer(v, steps, depth + 1); });
  }
  constexpr std::array<std::pair<std::string_view, NormalizationForm>, 4> kForms = {
      {{"NFC", NormalizationForm::kNfc},
       {"NFD", NormalizationForm::kNfd},
       {"NFKC", NormalizationForm::kNfkc},
       {"NFKD", NormalizationForm::kNfkd}}};
  for (const auto& [name, form] : kForms) {
    if (type != name) continue;
    steps.emplace_back(ToForm{form});
    return {};
  }
  if (type == "Lowercase") {
    steps.emplace_back(Lowercase{});
  } else if (type == "Prepend") {
    GALAGO_TRY(auto text, replacement_of(value, "prepend", ""));
    steps.emplace_back(Prepend{std::move(text)});
  } else if (type == "Replace") {
    GALAGO_TRY(auto what, read_pattern(value));
    GALAGO_TRY(auto with, replacement_of(value, "content", ""));
    steps.emplace_back(Replace{std::move(what), std::move(with)});
  } else if (type == "Strip") {
    GALAGO_TRY(const bool left, value.boolean("strip_left", true));
    GALAGO_TRY(const bool right, value.boolean("strip_right", true));
    steps.emplace_back(Strip{left, right});
  } else {
    return unsupported(value, "normalizer", type, "Sequence, NFC, NFD, NFKC, NFKD, Lowercase, Prepend, Replace, Strip");
  }
  return {};
}

Status read_pre_tokenizer(const JsonValue& value, PreTokenizerSpec& spec, int depth) {
  GALAGO_TRY(const std::string_view type, type_of(value, depth));
  if (type == "Sequence") {
    return read_sequence(value, "pretokenizers",
                         [&](const JsonValue& v) { return read_pre_tokenizer(v, spec, depth + 1); });
  }
  if (spec.byte_level) {
    return error(ErrorCode::kUnsupported, "{}: \"{}\" stands behind ByteLevel, which is supported only as the last",
                 value.place, type);
  }
  if (type == "ByteLevel") return read_byte_level(value, spec);
  if (type == "Metaspace") return read_metaspace(value, spec);
  if (type == "Split") {
    GALAGO_TRY(auto scanner, read_pattern(value));
    GALAGO_TRY(const auto behavior, read_behavior(value, "Isolated"));
    GALAGO_TRY(const bool invert, value.boolean("invert", false));
    spec.stages.emplace_back(SplitStage{std::move(scanner), behavior, invert});
  } else if (type == "Digits") {
    GALAGO_TRY(const bool individual, value.boolean("individual_digits", false));
    spec.stages.push_back(stage(R"(\p{N})", individual ? SplitBehavior::kIsolated : SplitBehavior::kContiguous));
  } else if (type == "Whitespace") {
    spec.stages.emplace_back(SplitStage{words_or_others(), SplitBehavior::kRemoved, true});
  } else if (type == "WhitespaceSplit") {
    spec.stages.push_back(stage(R"(\s)", SplitBehavior::kRemoved));
  } else if (type == "Punctuation") {
    GALAGO_TRY(const auto behavior, read_behavior(value, "Isolated"));
    spec.stages.push_back(stage(kPunctuationClass, behavior));
  } else if (type == "BertPreTokenizer") {
    spec.stages.push_back(stage(R"(\s)", SplitBehavior::kRemoved));
    spec.stages.push_back(stage(kPunctuationClass, SplitBehavior::kIsolated));
  } else {
    return unsupported(value, "pre-tokenizer", type,
                       "Sequence, Split, Digits, ByteLevel, Metaspace, Whitespace, WhitespaceSplit, Punctuation, "
                       "BertPreTokenizer");
  }
  return {};
}

Status read_decoder(const JsonValue& value, Decoding& decoding, int depth) {
  GALAGO_TRY(const std::string_view type, type_of(value, depth));
  if (type == "Sequence") {
    return read_sequence(value, "decoders", [&](const JsonValue& v) { return read_decoder(v, decoding, depth + 1); });
  }
  if (type == "ByteLevel") {
    decoding.kind = Decoding::Kind::kBytes;
  } else if (type == "Metaspace") {
    decoding.kind = Decoding::Kind::kSpaces;
    GALAGO_TRY(decoding.space, replacement_of(value, "replacement", "\u2581"));
    GALAGO_TRY(const bool legacy, value.boolean("add_prefix_space", true));
    GALAGO_TRY(const std::string_view scheme, value.string("prepend_scheme", legacy ? "always" : "never"));
    decoding.drop_leading_space = scheme != "never";
  } else if (type == "Replace") {
    const auto pattern = value.find("pattern");
    const auto what = pattern ? pattern->find("String") : std::nullopt;
    GALAGO_TRY(const std::string_view with, value.string("content", ""));
    if (!what || with != " ") return value.wrong("a string that is replaced by a space");
    GALAGO_TRY(const std::string_view space, what->string());
    if (space.empty()) return what->wrong("a string that is not empty");
    decoding.kind = Decoding::Kind::kSpaces;
    decoding.space = space;
  } else if (type == "Strip") {
    GALAGO_TRY(const std::string_view content, value.string("content", " "));
    const auto start = value.find("start");
    std::int64_t count = 0;
    if (start) {
      GALAGO_TRY(count, start->integer());
    }
    decoding.drop_leading_space = content == " " && count > 0;
  } else if (type == "BPEDecoder") {
    decoding.kind = Decoding::Kind::kPlain;
    GALAGO_TRY(decoding.word_suffix, replacement_of(value, "suffix", "</w>"));
    decoding.trim = true;
  } else if (type != "ByteFallback" && type != "Fuse") {
    return unsupported(value, "decoder", type,
                       "Sequence, ByteLevel, Metaspace, Replace, ByteFallback, Fuse, Strip, BPEDecoder");
  }
  return {};
}

Status read_post_processor(const JsonValue& value, const Vocabulary& vocabulary, PostProcessorSpec& spec, int depth) {
  GALAGO_TRY(const std::string_view type, type_of(value, depth));
  if (type == "Sequence") {
    return read_sequence(value, "processors",
                         [&](const JsonValue& v) { return read_post_processor(v, vocabulary, spec, depth + 1); });
  }
  if (type == "ByteLevel") return {};  // it only moves offsets
  if (type == "TemplateProcessing") return read_template(value, vocabulary, spec);
  if (type == "RobertaProcessing" || type == "BertProcessing") {
    GALAGO_CHECK(read_enclosing(value, "cls", vocabulary, spec.prefix));
    return read_enclosing(value, "sep", vocabulary, spec.suffix);
  }
  return unsupported(value, "post-processor", type,
                     "Sequence, ByteLevel, TemplateProcessing, RobertaProcessing, BertProcessing");
}

}  // namespace galago::text
