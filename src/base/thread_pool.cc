#include "base/thread_pool.h"

#include <algorithm>
#include <chrono>
#include <system_error>

#include "base/cpu_features.h"

namespace galago {
namespace {

// The fields of Job::entry.
constexpr std::uint32_t kOpen = 1u << 30;
constexpr int kLimitShift = 20;
constexpr int kJoinedShift = 10;
constexpr std::uint32_t kFieldMask = 1023;
constexpr std::uint32_t kJoinOne = (1u << kJoinedShift) + 1;
static_assert(ThreadPool::kMaxThreads <= static_cast<int>(kFieldMask));

// A decoding step has hundreds of parallel regions a few microseconds apart; waking a parked thread costs 5 to 50 us.
constexpr std::int64_t kSpinNs = 50'000;
// Two looks at the clock lie well under a microsecond apart. A larger gap means that something else ran on this core,
// and spinning would take time from it.
constexpr std::int64_t kStolenNs = 20'000;

std::int64_t now_ns() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

// Spins until `done()`, the deadline, or until the core is needed elsewhere. Returns whether done.
template <class Done>
bool spin_until(std::int64_t deadline_ns, Done done) {
  std::int64_t last = now_ns();
  while (!done()) {
    for (int i = 0; i < 4; ++i) cpu_relax();
    const std::int64_t now = now_ns();
    if (now >= deadline_ns || now - last > kStolenNs) return done();
    last = now;
  }
  return true;
}

int joined(std::uint32_t entry) { return static_cast<int>(entry >> kJoinedShift & kFieldMask); }
int limit(std::uint32_t entry) { return static_cast<int>(entry >> kLimitShift & kFieldMask); }

}  // namespace

ThreadPool& ThreadPool::shared() {
  static ThreadPool pool;
  return pool;
}

ThreadPool::~ThreadPool() {
  stopping_.store(true);
  signal_.fetch_add(1);
  signal_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::parallel_for(int n_threads, std::int64_t n_chunks, Task task) {
  const int wanted = static_cast<int>(std::min<std::int64_t>(std::clamp(n_threads, 1, kMaxThreads), n_chunks));
  Job* job = wanted > 1 ? take_job() : nullptr;
  if (job == nullptr) {
    for (std::int64_t chunk = 0; chunk < n_chunks; ++chunk) task(0, chunk);
    return;
  }
  if (n_workers() < wanted - 1) start_workers(wanted - 1);
  job->task = &task;
  job->n_chunks.store(n_chunks, std::memory_order_relaxed);
  job->next_chunk.store(0, std::memory_order_relaxed);
  // The caller is the first participant; it does not count as "at work", which is what close() waits for.
  job->entry.store(kOpen | static_cast<std::uint32_t>(wanted) << kLimitShift | 1u << kJoinedShift,
                   std::memory_order_release);
  announce(wanted - 1);
  run_chunks(*job, 0);
  close(*job);
}

ThreadPool::Job* ThreadPool::take_job() {
  for (Job& job : jobs_) {
    if (!job.taken.load(std::memory_order_relaxed) && !job.taken.exchange(true, std::memory_order_acquire)) return &job;
  }
  return nullptr;
}

void ThreadPool::start_workers(int wanted) {
  const std::scoped_lock lock(starting_);
  try {
    threads_.reserve(static_cast<std::size_t>(wanted));
    while (static_cast<int>(threads_.size()) < wanted) threads_.emplace_back([this] { worker_main(); });
  } catch (const std::exception&) {
    // No more threads or memory to be had: calls run on those there are.
  }
  n_workers_.store(static_cast<int>(threads_.size()), std::memory_order_relaxed);
}

void ThreadPool::announce(int helpers_wanted) {
  // Sequentially consistent on both sides: either the parked worker is seen here, or it sees the new signal.
  signal_.fetch_add(1);
  const int to_wake = std::min(parked_.load(), helpers_wanted - spinning_.load());
  for (int i = 0; i < to_wake; ++i) signal_.notify_one();
}

void ThreadPool::run_chunks(Job& job, int worker) {
  const Task& task = *job.task;
  const std::int64_t n_chunks = job.n_chunks.load(std::memory_order_relaxed);
  for (;;) {
    const std::int64_t chunk = job.next_chunk.fetch_add(1, std::memory_order_relaxed);
    if (chunk >= n_chunks) return;
    task(worker, chunk);
  }
}

void ThreadPool::close(Job& job) {
  std::uint32_t entry = job.entry.fetch_and(~kOpen, std::memory_order_acq_rel) & ~kOpen;
  const auto all_left = [&] {
    entry = job.entry.load(std::memory_order_acquire);
    return (entry & kFieldMask) == 0;
  };
  if ((entry & kFieldMask) != 0 && !spin_until(now_ns() + kSpinNs, all_left)) {
    while (!all_left()) job.entry.wait(entry, std::memory_order_acquire);
  }
  job.task = nullptr;
  job.taken.store(false, std::memory_order_release);
}

// Works on `job` when it is open, has room and has chunks left. Returns whether it did.
bool ThreadPool::join(Job& job) {
  std::uint32_t entry = job.entry.load(std::memory_order_relaxed);
  do {
    if ((entry & kOpen) == 0 || joined(entry) >= limit(entry)) return false;
    if (job.next_chunk.load(std::memory_order_relaxed) >= job.n_chunks.load(std::memory_order_relaxed)) return false;
  } while (!job.entry.compare_exchange_weak(entry, entry + kJoinOne, std::memory_order_acquire));
  run_chunks(job, joined(entry));
  // The last to leave a closed job wakes its caller. Another call may have taken the place by then: it looks again.
  if (const std::uint32_t left = job.entry.fetch_sub(1, std::memory_order_acq_rel) - 1;
      (left & kOpen) == 0 && (left & kFieldMask) == 0) {
    job.entry.notify_all();
  }
  return true;
}

bool ThreadPool::help_somewhere() {
  bool helped = false;
  for (Job& job : jobs_) helped |= join(job);
  return helped;
}

void ThreadPool::wait_for_work(std::uint32_t seen, std::int64_t last_work_ns) {
  spinning_.fetch_add(1);
  const bool changed =
      spin_until(last_work_ns + kSpinNs, [&] { return signal_.load(std::memory_order_acquire) != seen; });
  spinning_.fetch_sub(1);
  if (changed) return;
  parked_.fetch_add(1);
  signal_.wait(seen);
  parked_.fetch_sub(1);
}

void ThreadPool::worker_main() {
  std::int64_t last_work_ns = 0;
  for (;;) {
    // Read before looking for work or the end: whatever comes later changes it, and then nobody parks.
    const std::uint32_t seen = signal_.load();
    if (stopping_.load()) return;
    if (help_somewhere()) {
      last_work_ns = now_ns();
    } else {
      wait_for_work(seen, last_work_ns);
    }
  }
}

}  // namespace galago
