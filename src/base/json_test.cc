#include "base/json.h"

#include <gtest/gtest.h>

namespace galago {
namespace {

TEST(Json, NamesTheSourceAndTheKeyOfAWrongType) {
  const Json config = *parse_json(R"({"hidden_size": "big", "n": 3.0, "huge": 18446744073709551615})", "config.json");
  EXPECT_EQ(*get_int(config, "n", 0, "config.json"), 3);
  EXPECT_EQ(*get_int(config, "absent", 7, "config.json"), 7);
  EXPECT_EQ(get_int(config, "hidden_size", 0, "config.json").error().message,
            "config.json: \"hidden_size\" is string where an integer is expected");
  EXPECT_FALSE(get_int(config, "huge", 0, "config.json").ok());
}

TEST(Json, RefusesDeepNestingAndRubbish) {
  EXPECT_EQ(parse_json(std::string(100000, '['), "deep").error().code, ErrorCode::kOutOfRange);
  EXPECT_EQ(parse_json("{\"a\":", "cut").error().code, ErrorCode::kCorrupt);
  EXPECT_TRUE(parse_json(R"({"a": "[[[[\"[["})", "quoted").ok());
}

}  // namespace
}  // namespace galago
