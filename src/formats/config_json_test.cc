#include "formats/config_json.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/json.h"

namespace galago::formats {
namespace {

TEST(ConfigJson, ReadsWhatPythonWrites) {
  const Json config = parse_config(
                          "\xef\xbb\xbf{\"a\": Infinity, \"b\": -Infinity, \"c\": NaN, \"d\": \"NaN -Infinity \\\" "
                          "Infinity\", \"e\": -1}",
                          "x")
                          .value();
  EXPECT_GT(*get_number(config, "a", 0, "x"), 1e308);
  EXPECT_LT(*get_number(config, "b", 0, "x"), -1e308);
  EXPECT_EQ(find(config, "c"), nullptr);
  EXPECT_EQ(*get_string(config, "d", "", "x"), "NaN -Infinity \" Infinity");
  EXPECT_EQ(*get_int(config, "e", 0, "x"), -1);
}

TEST(ConfigJson, TakesTheLastOfRepeatedKeysAsPythonDoes) {
  EXPECT_EQ(*get_int(parse_config(R"({"a":1,"b":2,"a":3})", "x").value(), "a", 0, "x"), 3);
}

TEST(ConfigJson, RefusesObjectsThatWouldTakeForEver) {
  std::string text = "{\"a\": 1";
  for (int i = 0; i < 100000; ++i) text += ", \"" + std::to_string(i) + "\": 0";
  const auto parsed = parse_config(text + "}", "x");
  ASSERT_FALSE(parsed.ok());
  EXPECT_EQ(parsed.error().message, "x: one of its objects has 100001 members; at most 32768 are read");
}

TEST(ConfigJson, RefusesRubbish) {
  for (const char* text : {"", "{", "[1]", "7", "nul", "{\"a\": Infinit}", "\"", "\"\\", "{\"a\": --Infinity}"}) {
    EXPECT_FALSE(parse_config(text, "x").ok()) << text;
  }
}

}  // namespace
}  // namespace galago::formats
