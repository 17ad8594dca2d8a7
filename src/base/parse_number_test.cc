#include "base/parse_number.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "base/random.h"

namespace galago {
namespace {

template <class T>
using BitsOf = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;

// Halfway between two numbers, one digit above or below, the smallest and largest, many digits, many zeros.
const std::vector<std::string> kHard = {
    "0",
    "-0",
    "1",
    "-1.5",
    ".5",
    "5.",
    "00001e00001",
    "1e23",
    "8.5e22",
    "9007199254740993",
    "9007199254740992.999999999999999999999",
    "9007199254740993.00000000000000000000000000001",
    "1.00000000000000011102230246251565404236316680908203125",
    "1.00000000000000011102230246251565404236316680908203124",
    "1.00000000000000011102230246251565404236316680908203126",
    "0.500000000000000166533453693773481063544750213623046875",
    "3.518437208883201171875e13",
    "2.2250738585072011e-308",
    "2.2250738585072012e-308",
    "2.2250738585072014e-308",
    "4.9406564584124654e-324",
    "2.4703282292062328e-324",
    "1.7976931348623157e308",
    "1.7976931348623158e308",
    "6.9294956446009195e15",
    "3.4028234e38",
    "3.4028235e38",
    "1.17549435e-38",
    "1.4e-45",
    "16777217",
    "16777217.0000000000000000000001",
    "0.1",
    "0.2",
    "0.3",
    "123456789012345678901234567890",
    "1e-5",
    "7.0e-10",
    "6.02214076e23",
    "1" + std::string(300, '0'),
    "0." + std::string(320, '0') + "123456789e20",
    "1." + std::string(760, '0') + "1",
    "179769313486231570" + std::string(291, '0'),
    std::string(900, '9') + "e-900",
};

template <class T>
void expect_as_from_chars(const std::string& text) {
#if defined(__cpp_lib_to_chars)
  T expected = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), expected);
  ASSERT_EQ(read.ptr, text.data() + text.size()) << text;
  const std::optional<T> found = parse_number<T>(text);
  ASSERT_TRUE(found.has_value()) << text;
  if (read.ec == std::errc::result_out_of_range) {
    EXPECT_TRUE(std::isinf(*found) || std::fabs(*found) < std::numeric_limits<T>::min()) << text;
  } else {
    EXPECT_EQ(std::bit_cast<BitsOf<T>>(*found), std::bit_cast<BitsOf<T>>(expected)) << text;
  }
#else
  GTEST_SKIP() << "this standard library has no std::from_chars to compare with: " << text;
#endif
}

TEST(ParseNumber, RoundsHardNumbersAsFromChars) {
  for (const std::string& text : kHard) {
    expect_as_from_chars<double>(text);
    expect_as_from_chars<float>(text);
  }
}

TEST(ParseNumber, RoundsRandomNumbersAsFromChars) {
  RandomBits random(1);
  for (int i = 0; i < 20000; ++i) {
    const auto value = std::bit_cast<double>(random.next());
    if (!std::isfinite(value)) continue;
    std::array<char, 64> shortest{};
    const int digits = static_cast<int>(random.next() % 24);
    std::snprintf(shortest.data(), shortest.size(), "%.*e", digits, value);
    expect_as_from_chars<double>(shortest.data());
    std::snprintf(shortest.data(), shortest.size(), "%.*e", digits, static_cast<double>(static_cast<float>(i) * 1e-3f));
    expect_as_from_chars<float>(shortest.data());
  }
}

TEST(ParseNumber, OutOfRangeIsInfinityOrZero) {
  EXPECT_EQ(parse_number<double>("1e999"), std::numeric_limits<double>::infinity());
  EXPECT_EQ(parse_number<double>("-1e999"), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(parse_number<double>("1e-999"), 0.0);
  EXPECT_TRUE(std::signbit(*parse_number<double>("-1e-999")));
  EXPECT_EQ(parse_number<float>("1e39"), std::numeric_limits<float>::infinity());
  EXPECT_EQ(parse_number<double>("1e39"), 1e39);
}

TEST(ParseNumber, NamesInAnyCase) {
  EXPECT_EQ(parse_number<float>("-inf"), -std::numeric_limits<float>::infinity());
  EXPECT_EQ(parse_number<double>("+Infinity"), std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(*parse_number<double>("NaN")));
}

TEST(ParseNumber, RefusesWhatIsNotWhollyANumber) {
  for (const char* text : {"",    "-",   "+",   ".",     "e5",  "1e", "1e+",     " 1",     "1 ", "0x10",
                           "1,5", "--1", "+-1", "1.2.3", "1_0", "in", "infinit", "nan(1)", "1f", "-.e1"}) {
    EXPECT_FALSE(parse_number<double>(text).has_value()) << text;
    EXPECT_FALSE(parse_number<float>(text).has_value()) << text;
  }
  EXPECT_FALSE(parse_number<double>(std::string_view("1\0", 2)).has_value());
}

}  // namespace
}  // namespace galago
