// Numbers by format specifications: what "%5.2f" and "{:>+8,d}" have in common.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace galago::text::jinja {

// The longest precision that is worked out; Python's own limit is far higher, and only hostile templates go near.
inline constexpr std::int64_t kMaxPrecision = 5000;

// Digits of the absolute value. `type` is one of e E f F g G %. "inf" and "nan" come without a sign.
std::string float_digits(double magnitude, char type, int precision, bool alternate);
// As format(number, ".precision") without a type: like 'g', but never looking like an integer.
std::string float_digits_untyped(double magnitude, int precision);
// Digits of an unsigned number in base 2, 8, 10 or 16.
std::string integer_digits(std::uint64_t magnitude, int base, bool upper);
// Separators between the groups of the integer part: thousands, or every four digits in other bases.
std::string group_digits(std::string_view digits, char separator, int group);

inline std::uint64_t magnitude_of(std::int64_t value) {
  return value < 0 ? ~static_cast<std::uint64_t>(value) + 1 : static_cast<std::uint64_t>(value);
}

}  // namespace galago::text::jinja
