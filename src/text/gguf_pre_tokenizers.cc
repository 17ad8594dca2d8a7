#include "text/gguf_pre_tokenizers.h"

#include <algorithm>
#include <array>
#include <utility>

#include "text/published_patterns.h"

namespace galago::text {
namespace {

constexpr std::string_view kIdeographs = "[\u4E00-\u9FA5\u0800-\u4E00\uAC00-\uD7FF]+";
// The cased scripts, as deepseek-llm's tokenizer lists them.
constexpr std::string_view kDeepSeekLetters =
    "\\s?["
    "A-Za-z\u00B5\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u01BA\u01BC-\u01BF\u01C4-\u0293\u0295-\u02AF\u0370-\u0373"
    "\u0376\u0377\u037B-\u037D\u037F\u0386\u0388-\u038A\u038C\u038E-\u03A1\u03A3-\u03F5\u03F7-\u0481"
    "\u048A-\u052F\u0531-\u0556\u10A0-\u10C5\u13A0-\u13F5\u13F8-\u13FD\u1C90-\u1CBA\u1CBD-\u1CBF\u1D00-\u1D2B"
    "\u1D6B-\u1D77\u1D79-\u1D9A\u1E00-\u1F15\u1F18-\u1F1D\u1F20-\u1F45\u1F48-\u1F4D\u1F50-\u1F57\u1F59\u1F5B"
    "\u1F5D\u1F5F-\u1F7D\u1F80-\u1FB4\u1FB6-\u1FBC\u1FBE\u1FC2-\u1FC4\u1FC6-\u1FCC\u1FD0-\u1FD3\u1FD6-\u1FDB"
    "\u1FE0-\u1FEC\u1FF2-\u1FF4\u1FF6-\u1FFC\u2102\u2107\u210A-\u2113\u2115\u2119-\u211D\u2124\u2126\u2128"
    "\u212A-\u212D\u212F-\u2134\u2139\u213C-\u213F\u2145-\u2149\u214E\u2183\u2184\u2C00-\u2C7B\u2C7E-\u2CE4"
    "\u2CEB-\u2CEE\u2CF2\u2CF3\uA640-\uA66D\uA680-\uA69B\uA722-\uA76F\uA771-\uA787\uA78B-\uA78E\uAB70-\uABBF"
    "\uFB00-\uFB06\uFB13-\uFB17\uFF21-\uFF3A\uFF41-\uFF5A\U00010400-\U0001044F\U000104B0-\U000104D3"
    "\U000104D8-\U000104FB\U00010C80-\U00010CB2\U00010CC0-\U00010CF2\U000118A0-\U000118DF"
    "\U0001E900-\U0001E943"
    "]+";
constexpr std::string_view kDeepSeekPunctuation = "\\s?[!-/:-~\uFF01-\uFF0F\uFF1A-\uFF5E\u2018-\u201F\u3000-\u3002]+";

using Patterns = std::array<std::string_view, 6>;  // applied one after another; empty ones are none

constexpr Patterns kDefault = {R"([\p{P}\$\+<=>\^~\|]+)", kGpt2Words, R"(\p{N}+)", "[0-9]{3}"};
constexpr Patterns kGpt2 = {kGpt2Words};
constexpr Patterns kDigitsGpt2 = {R"(\p{N})", kGpt2Words};
constexpr Patterns kLlama3 = {kLlama3Words};
constexpr Patterns kQwen2 = {kQwen2Words};
constexpr Patterns kQwen35 = {kQwen35Words};
constexpr Patterns kMiniCpm5 = {R"(\p{N}{1,3})", kLlama3Words};
constexpr Patterns kDeepSeekCoder = {R"([\r\n])", R"(\s?\p{L}+)", R"(\s?\p{P}+)", kIdeographs, R"(\p{N})"};
constexpr Patterns kDeepSeekLlm = {R"([\r\n])", kDeepSeekLetters, kDeepSeekPunctuation,
                                   R"(\s+$)",   kIdeographs,      R"(\p{N}+)"};
constexpr Patterns kFalcon = {R"([\p{P}\$\+<=>\^~\|`]+)", kGpt2Words, "[0-9]{3}"};

struct Name {
  std::string_view name;
  const Patterns* patterns;
  bool whole_words = false;
  bool adds_bos = false;
};

constexpr std::array kNames = std::to_array<Name>({
    {"default", &kDefault},
    {"gpt-2", &kGpt2},
    {"phi-2", &kGpt2},
    {"mpt", &kGpt2},
    {"olmo", &kGpt2},
    {"jais", &kGpt2},
    {"trillion", &kGpt2},
    {"granite-docling", &kGpt2},
    {"exaone4", &kGpt2},
    {"gigachat", &kGpt2},
    {"a.x-4.0", &kGpt2},
    {"mellum", &kGpt2},
    {"smollm", &kDigitsGpt2},
    {"starcoder", &kDigitsGpt2},
    {"refact", &kDigitsGpt2},
    {"command-r", &kDigitsGpt2},
    {"codeshell", &kDigitsGpt2},
    {"exaone", &kDigitsGpt2},
    {"minerva-7b", &kDigitsGpt2},
    {"mellum2", &kDigitsGpt2},
    {"llama-bpe", &kLlama3, true, true},
    {"llama3", &kLlama3, true, true},
    {"llama-v3", &kLlama3, true, true},
    {"falcon3", &kLlama3, true, true},
    {"falcon-h1", &kLlama3, true, true},
    {"pixtral", &kLlama3, true, true},
    {"midm-2.0", &kLlama3, true, true},
    {"lfm2", &kLlama3, true, true},
    {"dbrx", &kLlama3},
    {"smaug-bpe", &kLlama3},
    {"chatglm-bpe", &kLlama3},
    {"glm4", &kLlama3, true},
    {"glm5", &kLlama3, true},
    {"minicpm5", &kMiniCpm5, true},
    {"qwen2", &kQwen2},
    {"deepseek-r1-qwen", &kQwen2},
    {"kormo", &kQwen2},
    {"f2llmv2", &kQwen2},
    {"megrez", &kQwen2},
    {"stablelm2", &kQwen2},
    {"hunyuan", &kQwen2},
    {"solar-open", &kQwen2},
    {"grok-2", &kQwen2},
    {"qwen35", &kQwen35},
    {"deepseek-coder", &kDeepSeekCoder},
    {"deepseek-llm", &kDeepSeekLlm},
    {"falcon", &kFalcon},
});

}  // namespace

std::optional<GgufPreTokenizer> gguf_pre_tokenizer(std::string_view name) {
  const auto* found = std::find_if(kNames.begin(), kNames.end(), [&](const Name& known) { return known.name == name; });
  if (found == kNames.end()) return std::nullopt;
  GgufPreTokenizer result{.stages = {}, .whole_words = found->whole_words, .adds_bos = found->adds_bos};
  for (const std::string_view pattern : *found->patterns) {
    if (pattern.empty()) break;
    auto scanner = scanner_for_regex(pattern);
    if (!scanner) return std::nullopt;  // a pattern above that the scanners cannot read: the tests try every name
    result.stages.emplace_back(SplitStage{std::move(*scanner)});
  }
  return result;
}

std::vector<std::string_view> gguf_pre_tokenizer_names() {
  std::vector<std::string_view> names;
  for (const Name& known : kNames) names.push_back(known.name);
  return names;
}

}  // namespace galago::text
