// UTF-8 and the Unicode properties that tokenizers ask for. Code points are plain char32_t.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace galago::text {

inline constexpr char32_t kReplacementCharacter = 0xFFFD;

// General categories as bits, so that classes such as "letter or mark" are one mask.
enum CategoryMask : std::uint32_t {
  kLetterUpper = 1u << 0,
  kLetterLower = 1u << 1,
  kLetterTitle = 1u << 2,
  kLetterModifier = 1u << 3,
  kLetterOther = 1u << 4,
  kMark = 1u << 5,
  kNumberDecimal = 1u << 6,
  kNumberOther = 1u << 7,  // No
  kPunctuation = 1u << 8,
  kConnector = 1u << 9,  // Pc, which is in kPunctuation's class too
  kSymbol = 1u << 10,
  kSeparator = 1u << 11,
  kOther = 1u << 12,       // C*, unassigned included
  kWhiteSpace = 1u << 13,  // the White_Space property: what \s means
  kNumberLetter = 1u << 14,
  kOtherAlphabetic = 1u << 15,  // symbols with the Alphabetic property: letters in circles and squares
  kJoinControl = 1u << 16,      // U+200C and U+200D
  kLetter = kLetterUpper | kLetterLower | kLetterTitle | kLetterModifier | kLetterOther,
  kNumber = kNumberDecimal | kNumberLetter | kNumberOther,
  kWordCharacter = kLetter | kMark | kNumberDecimal | kNumberLetter | kConnector | kOtherAlphabetic | kJoinControl,
};

// The bits of one code point; 0 only for what is none.
std::uint32_t categories(char32_t code_point);

inline bool is_white_space(char32_t code_point) { return (categories(code_point) & kWhiteSpace) != 0; }

// The lower-case form by the full, context-free mapping: U+0130 becomes two code points.
void append_lower(char32_t code_point, std::string& out);

void append_utf8(char32_t code_point, std::string& out);

// The code point that starts at `offset` of valid UTF-8, and its length in bytes.
struct Decoded {
  char32_t code_point;
  std::uint32_t size;
};
Decoded decode_utf8(std::string_view text, std::size_t offset);

// The first byte that is not part of valid UTF-8 (no surrogates, no overlong forms, at most U+10FFFF).
std::optional<std::size_t> find_invalid_utf8(std::string_view text);

// What the first bytes of `text` are: a whole sequence of `size` bytes; `size` bytes that no continuation can save
// (they count as one U+FFFD, as in the Unicode standard's "maximal subpart"); or the start of a sequence that is
// still incomplete. `text` is not empty.
enum class SequenceState : std::uint8_t { kComplete, kInvalid, kIncomplete };
struct Sequence {
  SequenceState state;
  std::uint32_t size;
};
Sequence classify_sequence(std::string_view text);

// `bytes` with everything that is not UTF-8 replaced by U+FFFD.
std::string replace_invalid_utf8(std::string_view bytes);

enum class NormalizationForm : std::uint8_t { kNfc, kNfd, kNfkc, kNfkd };
std::string normalize_unicode(std::string_view text, NormalizationForm form);

}  // namespace galago::text
