#include "runtime/prefix.h"

#include <algorithm>

#include "base/try.h"

namespace galago::runtime {

// Or to the longest prefix before it that the states can return to.
Status Prefix::return_to(std::int64_t length) {
  return sequence_.return_to(sequence_.returnable(std::min(sequence_.length(), length)));
}

Result<std::int64_t> Prefix::begin(PromptRows rows) {
  const std::int64_t same = std::min({rows.common_prefix(rows_), held(), rows.size() - 1});
  GALAGO_CHECK(return_to(same));
  rows_ = std::move(rows);
  rows_.reserve(capacity_ + 1);
  return held();
}

Status Prefix::slide(std::int64_t kept_first, std::int64_t kept_last) {
  rows_.erase(kept_first, rows_.size() - kept_first - kept_last);
  return return_to(kept_first);
}

Result<StepPart> Prefix::next(std::int64_t most, std::span<const std::string> inputs) {
  const std::int64_t n = sequence_.step_rows(unread(), most);
  GALAGO_CHECK(sequence_.reserve(n));
  return rows_.part(sequence_, held(), n, inputs);
}

}  // namespace galago::runtime
