#include "cli/interrupt.h"

#include <atomic>
#include <csignal>

namespace galago::cli {
namespace {

// What a signal handler may touch: lock-free atomics alone.
std::atomic<Session*> watched{nullptr};
std::atomic<bool> came{false};
static_assert(std::atomic<Session*>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

struct sigaction previous;

void on_interrupt(int) {
  came.store(true);
  if (Session* session = watched.load(); session != nullptr) session->cancel();
}

}  // namespace

InterruptGuard::InterruptGuard() {
  struct sigaction action{};
  action.sa_handler = on_interrupt;
  sigemptyset(&action.sa_mask);
  action.sa_flags = 0;  // no SA_RESTART: a read that waits for a line ends, too
  ::sigaction(SIGINT, &action, &previous);
}

InterruptGuard::~InterruptGuard() {
  ::sigaction(SIGINT, &previous, nullptr);
  watched.store(nullptr);
}

void InterruptGuard::watch(Session* session) {
  came.store(false);
  watched.store(session);
}

bool InterruptGuard::interrupted() const { return came.load(); }

}  // namespace galago::cli
