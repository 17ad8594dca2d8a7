#include "base/function_ref.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace galago {
namespace {

std::string twice(FunctionRef<std::string(const std::string&)> f, const std::string& text) { return f(f(text)); }

TEST(FunctionRef, CallsWhatItRefersTo) {
  int calls = 0;
  const auto exclaim = [&calls](const std::string& text) {
    ++calls;
    return text + "!";
  };
  EXPECT_EQ(twice(exclaim, "ah"), "ah!!");
  EXPECT_EQ(calls, 2);
}

TEST(FunctionRef, KeepsTheStateOfAMutableCallable) {
  auto counter = [n = 0]() mutable { return ++n; };
  const FunctionRef<int()> ref = counter;
  ref();
  EXPECT_EQ(ref(), 2);
  EXPECT_EQ(counter(), 3) << "the callable itself was called, not a copy";
}

TEST(FunctionRef, ForwardsMoveOnlyArguments) {
  auto take = [](std::unique_ptr<int> value) { return *value; };
  const FunctionRef<int(std::unique_ptr<int>)> ref = take;
  EXPECT_EQ(ref(std::make_unique<int>(7)), 7);
}

}  // namespace
}  // namespace galago
