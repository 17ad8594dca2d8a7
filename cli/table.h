// Columns of text.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace galago::cli {

class Table {
 public:
  enum class Align { kLeft, kRight };
  explicit Table(std::vector<Align> columns) : columns_(std::move(columns)) {}
  // As many cells as there are columns. Cells are printable text.
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  // Every row in a line that begins with `indent` spaces.
  std::string to_string(int indent = 0) const;

 private:
  std::vector<Align> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// 98362432 -> "98.4 MB"
std::string human_bytes(std::uint64_t bytes);
// 134515008 -> "134.5 M"
std::string human_count(std::uint64_t count);

}  // namespace galago::cli
