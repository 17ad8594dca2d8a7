#include "models/tensor_rules.h"

#include <algorithm>

namespace galago::models {
namespace {

constexpr std::string_view kNumber = "{}", kText = "{*}", kCounter = "{n}";

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// `pattern` with each "{}" replaced by what was matched, in order.
std::string filled(std::string_view pattern, const std::vector<std::string>& matched) {
  std::string out;
  auto next = matched.begin();
  for (std::size_t hole = 0; (hole = pattern.find(kNumber)) != std::string_view::npos && next != matched.end();) {
    out += pattern.substr(0, hole);
    out += *next++;
    pattern.remove_prefix(hole + kNumber.size());
  }
  return out += pattern;
}

}  // namespace

std::optional<std::vector<std::string>> match(std::string_view pattern, std::string_view name) {
  std::vector<std::string> matched;
  while (true) {
    const std::size_t hole = pattern.find('{');
    if (hole == std::string_view::npos) {
      if (pattern != name) return std::nullopt;
      return matched;
    }
    if (name.substr(0, hole) != pattern.substr(0, hole)) return std::nullopt;
    name.remove_prefix(std::min(hole, name.size()));
    const bool text = pattern.substr(hole).starts_with(kText);
    pattern.remove_prefix(hole + (text ? kText : kNumber).size());
    const std::string_view until = pattern.substr(0, pattern.find('{'));
    const std::size_t end =
        text ? name.size() - std::min(name.size(), until.size()) : name.find_first_not_of("0123456789");
    const std::string_view found = name.substr(0, end);
    if (found.empty() || (!text && !is_number(found))) return std::nullopt;
    matched.emplace_back(found);
    name.remove_prefix(found.size());
  }
}

std::optional<std::vector<std::string>> source_names(const TensorRule& rule, const std::vector<std::string>& matched,
                                                     const std::function<bool(std::string_view)>& is_there) {
  std::vector<std::string> names;
  for (const std::string_view source : rule.sources) {
    std::string name = filled(source, matched);
    const std::size_t counter = name.find(kCounter);
    if (counter == std::string::npos) {
      if (!is_there(name)) return std::nullopt;
      names.push_back(std::move(name));
      continue;
    }
    const std::size_t before = names.size();
    for (std::int64_t n = 0;; ++n) {
      std::string counted = name;
      counted.replace(counter, kCounter.size(), std::to_string(n));
      if (!is_there(counted)) break;
      names.push_back(std::move(counted));
    }
    if (names.size() == before) return std::nullopt;
  }
  return names;
}

TensorRules joined(TensorRules first, const TensorRules& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

}  // namespace galago::models
