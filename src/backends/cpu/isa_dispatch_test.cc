#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>
#include <string>

#include "backends/cpu/kernel_table.h"

namespace galago::cpu {
namespace {

std::string names_of(std::span<const KernelTable* const> tables) {
  std::string names;
  for (const KernelTable* table : tables) names += (names.empty() ? "" : " ") + std::string(table->isa);
  return names;
}

// Emulated processors are known: the build names what must be found on them.
TEST(IsaDispatch, FindsWhatTheProcessorHas) {
  const std::string found = names_of(available_kernels());
  EXPECT_TRUE(found.starts_with("scalar")) << found;
  const char* expected = std::getenv("GALAGO_EXPECTED_ISAS");
  EXPECT_EQ(found, expected == nullptr ? found : expected);
}

// Sets a variable of the environment for as long as it lives.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    ::setenv(name, value, 1);
  }
  ~Variable() { before_ ? ::setenv(name_, before_->c_str(), 1) : ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
};

TEST(IsaDispatch, TakesTheLastUnlessAnotherIsNamed) {
  const auto tables = available_kernels();
  {
    const Variable none("GALAGO_ISA", "");
    EXPECT_EQ(choose_kernels().value(), tables.back());
  }
  for (const KernelTable* table : tables) {
    const Variable named("GALAGO_ISA", table->isa);
    EXPECT_EQ(choose_kernels().value(), table);
  }
}

TEST(IsaDispatch, NamesThePossibleWhenAnotherIsWanted) {
  const Variable wrong("GALAGO_ISA", "itanium");
  const auto chosen = choose_kernels();
  ASSERT_FALSE(chosen.ok());
  EXPECT_NE(chosen.error().message.find("GALAGO_ISA=itanium"), std::string::npos) << chosen.error().message;
  for (const KernelTable* table : available_kernels()) {
    EXPECT_NE(chosen.error().message.find(table->isa), std::string::npos) << chosen.error().message;
  }
}

}  // namespace
}  // namespace galago::cpu
