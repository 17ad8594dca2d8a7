#include "base/thread_pool.h"

#include <algorithm>
#include <system_error>
#include <thread>

#include "base/spin.h"

namespace galago {
namespace {

// The fields of Job::entry.
constexpr std::uint32_t kOpen = 1u << 30;
constexpr int kLimitShift = 20;
constexpr int kJoinedShift = 10;
constexpr std::uint32_t kFieldMask = 1023;
constexpr std::uint32_t kJoinOne = (1u << kJoinedShift) + 1;
static_assert(ThreadPool::kMaxThreads <= static_cast<int>(kFieldMask));

// What a core is taken to read in a nanosecond until it was measured.
constexpr float kUsualRate = 8.0f;
// A chunk during which the core was taken away says little about its speed: a sample counts as at most this much
// slower.
constexpr float kSlowestSample = 4.0f;

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
  for (Worker& worker : workers_) Team::free_scratch(worker.scratch);
  for (Team& team : teams_) Team::free_scratch(team.scratch_);
}

void ThreadPool::parallel_for(int n_threads, std::int64_t n_chunks, Task task, Priority priority) {
  const int wanted = static_cast<int>(std::min<std::int64_t>(std::clamp(n_threads, 1, kMaxThreads), n_chunks));
  Job* job = wanted > 1 ? take_job() : nullptr;
  if (job == nullptr) {
    for (std::int64_t chunk = 0; chunk < n_chunks; ++chunk) task(0, chunk);
    return;
  }
  if (n_workers() < wanted - 1) start_workers(wanted - 1);
  job->task = &task;
  job->priority.store(priority, std::memory_order_relaxed);
  job->n_chunks.store(n_chunks, std::memory_order_relaxed);
  job->next_chunk.store(0, std::memory_order_relaxed);
  // The caller is the first participant; it does not count as "at work", which is what close() waits for.
  job->entry.store(kOpen | static_cast<std::uint32_t>(wanted) << kLimitShift | 1u << kJoinedShift,
                   std::memory_order_release);
  announce(wanted - 1, spinning_.load() + waiting_.load());
  run_chunks(*job, 0, 0);
  close(*job);
}

bool ThreadPool::run_team(int n_threads, Team::Body body) {
  n_threads = std::min(n_threads, kMaxThreads);
  if (n_threads <= 1) return false;
  const auto free = std::find_if(teams_.begin(), teams_.end(), [](Team& team) { return team.take(); });
  if (free == teams_.end()) return false;
  Team& team = *free;
  if (n_workers() < n_threads - 1) start_workers(n_threads - 1);
  if (team.numbers_used_up()) wait_for_late_members();
  team.open(n_threads, &body, slowest_rate(n_threads));
  announce(n_threads - 1, spinning_.load());
  TeamMember caller(*this, team, team.run(), 0, team.scratch_, 0);
  body(caller);
  team.close();
  team.release();
  return true;
}

void ThreadPool::wait_for_late_members() {
  for (Worker& worker : workers_) {
    const std::uint32_t seen = worker.away.load(std::memory_order_acquire);
    while (seen % 2 == 1 && worker.away.load(std::memory_order_acquire) == seen) {
      std::this_thread::sleep_for(std::chrono::microseconds(20));
    }
  }
}

double ThreadPool::slowest_rate(int n_threads) const {
  float slowest = 0.0f;
  for (int i = 0; i < n_threads; ++i) {
    const float rate = workers_[static_cast<std::size_t>(i)].rate.load(std::memory_order_relaxed);
    if (rate > 0.0f && (slowest == 0.0f || rate < slowest)) slowest = rate;
  }
  return slowest > 0.0f ? slowest : kUsualRate;
}

void ThreadPool::measured(int thread, std::int64_t bytes, std::int64_t ns) {
  std::atomic<float>& known = workers_[static_cast<std::size_t>(thread)].rate;
  const float old = known.load(std::memory_order_relaxed);
  const float sample = static_cast<float>(bytes) / static_cast<float>(std::max<std::int64_t>(ns, 1));
  const float next = old == 0.0f ? sample : old + (std::max(sample, old / kSlowestSample) - old) / 16.0f;
  known.store(std::max(next, 1e-3f), std::memory_order_relaxed);
}

void ThreadPool::away(int thread) {
  workers_[static_cast<std::size_t>(thread)].away.fetch_add(1, std::memory_order_acq_rel);
}

// Another value than the signal's: a call that was announced before still waits for help.
std::uint32_t ThreadPool::begin_spinning() {
  waiting_.fetch_add(1);
  return signal_.load() - 1;
}

// Other calls of a member's instruction are where its help is needed most.
bool ThreadPool::help_if_called(std::uint32_t* seen) {
  const std::uint32_t now = signal_.load(std::memory_order_acquire);
  if (now == *seen) return false;
  *seen = now;
  return help_jobs(Priority::kForeground, 0);
}

void ThreadPool::wake(const std::atomic<int>& sleepers) {
  if (sleepers.load() == 0) return;
  signal_.fetch_add(1);
  signal_.notify_all();
}

// Sequentially consistent: either the waker sees the sleeper, or the sleeper that the stage is complete.
void ThreadPool::sleep(std::atomic<int>& sleepers, std::uint32_t seen, FunctionRef<bool()> complete) {
  waiting_.fetch_sub(1);
  sleepers.fetch_add(1);
  parked_members_.fetch_add(1);
  parked_.fetch_add(1);
  if (!complete()) signal_.wait(seen);
  parked_.fetch_sub(1);
  parked_members_.fetch_sub(1);
  sleepers.fetch_sub(1);
  waiting_.fetch_add(1);
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
    while (static_cast<int>(threads_.size()) < std::min(wanted, kMaxThreads - 1)) {
      const std::size_t number = threads_.size() + 1;
      if (workers_[number].scratch == nullptr) workers_[number].scratch = Team::make_scratch();
      threads_.emplace_back([this, number] { worker_main(static_cast<int>(number)); });
    }
  } catch (const std::exception&) {
    // No more threads or memory to be had: calls run on those there are.
  }
  n_workers_.store(static_cast<int>(threads_.size()), std::memory_order_relaxed);
}

void ThreadPool::announce(int helpers_wanted, int spinning) {
  // Sequentially consistent on both sides: either the parked worker is seen here, or it sees the new signal.
  signal_.fetch_add(1);
  const int to_wake = std::min(parked_.load(), helpers_wanted - spinning);
  // A member that waits for its team cannot join another: it must not take the only notification.
  if (to_wake > 0 && parked_members_.load() > 0) return signal_.notify_all();
  for (int i = 0; i < to_wake; ++i) signal_.notify_one();
}

void ThreadPool::run_chunks(Job& job, int worker, int thread) {
  const Task& task = *job.task;
  const std::int64_t n_chunks = job.n_chunks.load(std::memory_order_relaxed);
  const bool yields = thread != 0 && job.priority.load(std::memory_order_relaxed) == Priority::kBackground;
  for (;;) {
    if (yields) help_team(thread);
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
bool ThreadPool::join(Job& job, int thread) {
  std::uint32_t entry = job.entry.load(std::memory_order_relaxed);
  do {
    if ((entry & kOpen) == 0 || joined(entry) >= limit(entry)) return false;
    if (job.next_chunk.load(std::memory_order_relaxed) >= job.n_chunks.load(std::memory_order_relaxed)) return false;
  } while (!job.entry.compare_exchange_weak(entry, entry + kJoinOne, std::memory_order_acquire));
  run_chunks(job, joined(entry), thread);
  // The last to leave a closed job wakes its caller. Another call may have taken the place by then: it looks again.
  if (const std::uint32_t left = job.entry.fetch_sub(1, std::memory_order_acq_rel) - 1;
      (left & kOpen) == 0 && (left & kFieldMask) == 0) {
    job.entry.notify_all();
  }
  return true;
}

bool ThreadPool::help_jobs(Priority priority, int thread) {
  bool helped = false;
  for (Job& job : jobs_) helped |= job.priority.load(std::memory_order_relaxed) == priority && join(job, thread);
  return helped;
}

bool ThreadPool::help_team(int thread) {
  std::byte* scratch = workers_[static_cast<std::size_t>(thread)].scratch;
  if (scratch == nullptr) return false;
  for (Team& team : teams_) {
    std::uint64_t run = 0;
    int number = 0;
    if (!team.join(&run, &number)) continue;
    TeamMember member(*this, team, run, number, scratch, thread);
    (*team.body_)(member);
    if (member.attached_) team.leave();
    return true;
  }
  return false;
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

void ThreadPool::worker_main(int thread) {
  std::int64_t last_work_ns = 0;
  const auto help = [&] {
    return help_team(thread) || help_jobs(Priority::kForeground, thread) || help_jobs(Priority::kBackground, thread);
  };
  for (;;) {
    // Read before looking for work or the end: whatever comes later changes it, and then nobody parks.
    const std::uint32_t seen = signal_.load();
    if (stopping_.load()) return;
    if (help()) {
      last_work_ns = now_ns();
    } else {
      wait_for_work(seen, last_work_ns);
    }
  }
}

}  // namespace galago
