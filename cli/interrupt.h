// Ctrl-C.
#pragma once

#include "galago/session.h"

namespace galago::cli {

// While one of these lives, Ctrl-C does not end the program.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  // From now on Ctrl-C stops the replies of `session`; nullptr: nothing. Forgets earlier ones.
  void watch(Session* session);
  // Whether it came since the last watch().
  bool interrupted() const;
};

}  // namespace galago::cli
