#include "cli/table.h"

#include <fmt/format.h>

#include <algorithm>

namespace galago::cli {
namespace {

// Columns that a text takes on a terminal, near enough: its code points.
std::size_t columns_of(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string human(std::uint64_t value, const char* const (&units)[5], const char* plain) {
  if (value < 1000) return fmt::format("{}{}", value, plain);
  auto scaled = static_cast<double>(value);
  int unit = -1;
  while (scaled >= 999.95 && unit < 4) {
    scaled /= 1000;
    ++unit;
  }
  return fmt::format("{:.1f} {}", scaled, units[unit]);
}

}  // namespace

std::string Table::to_string(int indent) const {
  std::vector<std::size_t> widths(columns_.size(), 0);
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], columns_of(row[i]));
  }
  std::string out;
  for (const auto& row : rows_) {
    std::string line(static_cast<std::size_t>(indent), ' ');
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i > 0) line += "  ";
      const std::string padding(widths[i] - columns_of(row[i]), ' ');
      line += columns_[i] == Align::kRight ? padding + row[i] : row[i] + padding;
    }
    out += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
  }
  return out;
}

std::string human_bytes(std::uint64_t bytes) { return human(bytes, {"kB", "MB", "GB", "TB", "PB"}, " bytes"); }

std::string human_count(std::uint64_t count) { return human(count, {"k", "M", "G", "T", "P"}, ""); }

}  // namespace galago::cli
