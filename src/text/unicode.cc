#include "text/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>

namespace galago::text {
namespace {

bool has_white_space_property(char32_t c) {
  return (c >= 0x9 && c <= 0xD) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) ||
         c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

std::uint32_t general_category(char32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU: return kLetterUpper;
    case UTF8PROC_CATEGORY_LL: return kLetterLower;
    case UTF8PROC_CATEGORY_LT: return kLetterTitle;
    case UTF8PROC_CATEGORY_LM: return kLetterModifier;
    case UTF8PROC_CATEGORY_LO: return kLetterOther;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME: return kMark;
    case UTF8PROC_CATEGORY_ND: return kNumberDecimal;
    case UTF8PROC_CATEGORY_NL: return kNumberLetter;
    case UTF8PROC_CATEGORY_NO: return kNumberOther;
    case UTF8PROC_CATEGORY_PC: return kPunctuation | kConnector;
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO: return kPunctuation;
    case UTF8PROC_CATEGORY_SM:
    case UTF8PROC_CATEGORY_SC:
    case UTF8PROC_CATEGORY_SK:
    case UTF8PROC_CATEGORY_SO: return kSymbol;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: return kSeparator;
    default: return kOther;
  }
}

bool is_enclosed_letter(char32_t c) {
  return (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) || (c >= 0x1F150 && c <= 0x1F169) ||
         (c >= 0x1F170 && c <= 0x1F189);
}

std::uint32_t compute_categories(char32_t c) {
  std::uint32_t bits = general_category(c);
  if (has_white_space_property(c)) bits |= kWhiteSpace;
  if (is_enclosed_letter(c)) bits |= kOtherAlphabetic;
  if (c == 0x200C || c == 0x200D) bits |= kJoinControl;
  return bits;
}

// Latin, Greek, Cyrillic and their neighbours from a table: most text never reaches utf8proc's two-stage lookup.
constexpr std::size_t kTableSize = 0x600;

const std::array<std::uint32_t, kTableSize>& category_table() {
  static const auto table = [] {
    std::array<std::uint32_t, kTableSize> t{};
    for (std::size_t c = 0; c < kTableSize; ++c) {
      t[c] = compute_categories(static_cast<char32_t>(c));
    }
    return t;
  }();
  return table;
}

// The range of the second byte of a sequence that starts with `lead`, and how many bytes follow: table 3-7 of the
// Unicode standard. No continuation: `lead` stands alone or is invalid.
struct LeadByte {
  std::uint8_t continuations, second_min, second_max;
};

LeadByte lead_byte(std::uint8_t lead) {
  if (lead >= 0xC2 && lead <= 0xDF) return {1, 0x80, 0xBF};
  if (lead == 0xE0) return {2, 0xA0, 0xBF};
  if (lead == 0xED) return {2, 0x80, 0x9F};
  if (lead >= 0xE1 && lead <= 0xEF) return {2, 0x80, 0xBF};
  if (lead == 0xF0) return {3, 0x90, 0xBF};
  if (lead >= 0xF1 && lead <= 0xF3) return {3, 0x80, 0xBF};
  if (lead == 0xF4) return {3, 0x80, 0x8F};
  return {0, 0, 0};
}

}  // namespace

std::uint32_t categories(char32_t code_point) {
  if (code_point < kTableSize) return category_table()[code_point];
  return compute_categories(code_point);
}

void append_lower(char32_t code_point, std::string& out) {
  if (code_point == 0x130) {  // the one unconditional mapping to two code points in SpecialCasing.txt
    out += "i\xCC\x87";
    return;
  }
  append_utf8(static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(code_point))), out);
}

void append_utf8(char32_t c, std::string& out) {
  const auto byte = [&](char32_t value) { out.push_back(static_cast<char>(static_cast<std::uint8_t>(value))); };
  if (c < 0x80) {
    byte(c);
  } else if (c < 0x800) {
    byte(0xC0 | (c >> 6));
    byte(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    byte(0xE0 | (c >> 12));
    byte(0x80 | ((c >> 6) & 0x3F));
    byte(0x80 | (c & 0x3F));
  } else {
    byte(0xF0 | (c >> 18));
    byte(0x80 | ((c >> 12) & 0x3F));
    byte(0x80 | ((c >> 6) & 0x3F));
    byte(0x80 | (c & 0x3F));
  }
}

Decoded decode_utf8(std::string_view text, std::size_t offset) {
  const auto at = [&](std::size_t i) { return static_cast<char32_t>(static_cast<std::uint8_t>(text[offset + i])); };
  const char32_t lead = at(0);
  if (lead < 0x80) return {lead, 1};
  if (lead < 0xE0) return {((lead & 0x1F) << 6) | (at(1) & 0x3F), 2};
  if (lead < 0xF0) return {((lead & 0x0F) << 12) | ((at(1) & 0x3F) << 6) | (at(2) & 0x3F), 3};
  return {((lead & 0x07) << 18) | ((at(1) & 0x3F) << 12) | ((at(2) & 0x3F) << 6) | (at(3) & 0x3F), 4};
}

Sequence classify_sequence(std::string_view text) {
  const auto lead = static_cast<std::uint8_t>(text[0]);
  if (lead < 0x80) return {SequenceState::kComplete, 1};
  const LeadByte expected = lead_byte(lead);
  if (expected.continuations == 0) return {SequenceState::kInvalid, 1};
  for (std::uint32_t i = 1; i <= expected.continuations; ++i) {
    if (i == text.size()) return {SequenceState::kIncomplete, i};
    const auto byte = static_cast<std::uint8_t>(text[i]);
    const bool fits = i == 1 ? byte >= expected.second_min && byte <= expected.second_max : (byte & 0xC0) == 0x80;
    if (!fits) return {SequenceState::kInvalid, i};
  }
  return {SequenceState::kComplete, expected.continuations + 1u};
}

std::optional<std::size_t> find_invalid_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    if (static_cast<std::uint8_t>(text[i]) < 0x80) {
      ++i;
      continue;
    }
    const Sequence sequence = classify_sequence(text.substr(i, 4));
    if (sequence.state != SequenceState::kComplete) return i;
    i += sequence.size;
  }
  return std::nullopt;
}

std::string replace_invalid_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (std::size_t i = 0; i < bytes.size();) {
    const Sequence sequence = classify_sequence(bytes.substr(i, 4));
    if (sequence.state == SequenceState::kComplete) {
      out.append(bytes, i, sequence.size);
    } else {
      append_utf8(kReplacementCharacter, out);
    }
    i += sequence.size;
  }
  return out;
}

std::string normalize_unicode(std::string_view text, NormalizationForm form) {
  if (std::all_of(text.begin(), text.end(), [](char c) { return static_cast<std::uint8_t>(c) < 0x80; })) {
    return std::string(text);
  }
  int options = UTF8PROC_STABLE;
  if (form == NormalizationForm::kNfc || form == NormalizationForm::kNfkc) {
    options |= UTF8PROC_COMPOSE;
  } else {
    options |= UTF8PROC_DECOMPOSE;
  }
  if (form == NormalizationForm::kNfkc || form == NormalizationForm::kNfkd) options |= UTF8PROC_COMPAT;
  utf8proc_uint8_t* mapped = nullptr;
  const utf8proc_ssize_t size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                   &mapped, static_cast<utf8proc_option_t>(options));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(mapped, &std::free);
  // Fails only for invalid UTF-8, which callers have excluded, or without memory: then the text stays as it is.
  if (size < 0) return std::string(text);
  return {reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(size)};
}

}  // namespace galago::text
