#include "models/config_reader.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace galago::models {
namespace {

class ConfigReaderTest : public testing::Test {
 protected:
  const Json json_ = parse_json(R"({"six": 6, "zero": 0, "less": -1, "half": 0.5, "yes": true, "text": "gelu",
      "null": null, "list": [1, 2.5], "whole": [1, 2], "words": ["a", "b"], "mixed": ["a", 1], "object": {"six": 7}})",
                                "test")
                         .value();
  const ConfigReader reader_{json_, "m"};
};

template <class T>
std::string shown(const Result<T>& result) {
  return result.ok() ? fmt::format("{}", *result) : result.error().message;
}

TEST_F(ConfigReaderTest, ReadsSizesAndTheirRanges) {
  EXPECT_EQ(shown(reader_.size("six", 3)), "6");
  EXPECT_EQ(shown(reader_.size("absent", 3)), "3");
  EXPECT_EQ(shown(reader_.size("null", 3)), "3");
  EXPECT_EQ(shown(reader_.size("absent", 0)), "m: the configuration lacks \"absent\"");
  EXPECT_EQ(shown(reader_.size("zero", 3)), "m: \"zero\" is 0; 1 to 268435456 are expected");
  EXPECT_EQ(shown(reader_.size("six", 3, 5)), "m: \"six\" is 6; 1 to 5 are expected");
  EXPECT_EQ(shown(reader_.size("half", 3)), "m: \"half\" is number where an integer is expected");
}

TEST_F(ConfigReaderTest, ReadsIntegersAndNumbers) {
  EXPECT_EQ(shown(reader_.integer("less", 3, -2, 2)), "-1");
  EXPECT_EQ(shown(reader_.integer("less", 3, 0, 2)), "m: \"less\" is -1; 0 to 2 are expected");
  EXPECT_EQ(shown(reader_.integer("absent", 99, 0, 2)), "99") << "the fallback is not checked";
  EXPECT_EQ(shown(reader_.number("half", 3)), "0.5");
  EXPECT_EQ(shown(reader_.number("less", 3)), "-1");
  EXPECT_EQ(shown(reader_.positive("less", 3)), "m: \"less\" is -1; a positive number is expected");
  EXPECT_EQ(shown(reader_.positive_float("half", 3)), "0.5");
  EXPECT_EQ(shown(reader_.positive_or_none("half", 3)), "0.5");
  EXPECT_EQ(shown(reader_.positive_or_none("null", 3)), "0");
  EXPECT_EQ(shown(reader_.positive_or_none("absent", 3)), "3");
  EXPECT_EQ(shown(reader_.positive_or_none("zero", 3)), "m: \"zero\" is 0; a positive number is expected");
}

TEST_F(ConfigReaderTest, ReadsWords) {
  EXPECT_EQ(shown(reader_.boolean("yes", false)), "true");
  EXPECT_EQ(shown(reader_.boolean("absent", true)), "true");
  EXPECT_FALSE(reader_.boolean("text", true).ok());
  EXPECT_EQ(shown(reader_.string("text", "")), "gelu");
  EXPECT_EQ(reader_.activation("text", "silu").value(), nn::Activation::kGelu);
  EXPECT_EQ(reader_.activation("absent", "silu").value(), nn::Activation::kSilu);
  EXPECT_EQ(reader_.activation("absent", "swoosh").error().message,
            "m: \"absent\": the activation function \"swoosh\" is not known here; silu, gelu and relu are");
}

TEST_F(ConfigReaderTest, ReadsListsAndObjects) {
  EXPECT_EQ(reader_.numbers("list").value(), (std::vector<double>{1, 2.5}));
  EXPECT_TRUE(reader_.numbers("absent")->empty());
  EXPECT_EQ(reader_.numbers("six").error().message, "m: \"six\" is number; a list is expected");
  EXPECT_EQ(reader_.integers("whole", 1, 2).value(), (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(reader_.integers("whole", 1, 1).error().message,
            "m: \"whole\" has the element 2; integers of 1 to 1 are expected");
  EXPECT_FALSE(reader_.integers("list", 0, 9).ok());
  EXPECT_EQ(reader_.strings("words").value(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(reader_.strings("mixed").error().message, "m: \"mixed\" has the element 1; texts are expected");
  EXPECT_EQ(shown(reader_.object("object")->size("six", 0)), "7");
  EXPECT_EQ(reader_.object("object")->size("zero", 0).error().message, "m (object): the configuration lacks \"zero\"");
  EXPECT_EQ(reader_.object("absent").error().message, "m: the configuration lacks \"absent\"");
  EXPECT_EQ(reader_.object("six").error().message, "m: \"six\" is number; an object is expected");
  EXPECT_FALSE(reader_.optional_object("null")->has_value());
}

TEST_F(ConfigReaderTest, FillsInDefaults) {
  const Json filled = with_defaults(json_, {{"absent", 5}, {"six", 5}, {"null", 5}});
  EXPECT_EQ(filled["absent"], 5);
  EXPECT_EQ(filled["six"], 6);
  EXPECT_TRUE(filled["null"].is_null());
}

}  // namespace
}  // namespace galago::models
