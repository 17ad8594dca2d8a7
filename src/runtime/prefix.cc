#include "runtime/prefix.h"

#include <algorithm>

#include "base/try.h"

namespace galago::runtime {

void Prefix::return_to(std::int64_t length) { sequence_.truncate(std::min(sequence_.length(), length)); }

std::int64_t Prefix::begin(PromptRows rows) {
  const std::int64_t same = std::min({rows.common_prefix(rows_), held(), rows.size() - 1});
  return_to(same);
  rows_ = std::move(rows);
  rows_.reserve(capacity_ + 1);
  return held();
}

void Prefix::slide(std::int64_t kept_first, std::int64_t kept_last) {
  rows_.erase(kept_first, rows_.size() - kept_first - kept_last);
  return_to(kept_first);
}

Result<StepPart> Prefix::next(std::int64_t most) {
  const std::int64_t n = std::min(most, unread());
  GALAGO_CHECK(sequence_.reserve(n));
  const PromptRows::View view = rows_.view(held(), n);
  return StepPart{.sequence = &sequence_, .ids = view.ids, .splice = view.splice, .media = view.media};
}

}  // namespace galago::runtime
