// The one pool of worker threads that all models, sessions and the eager API share.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "base/function_ref.h"
#include "base/team.h"

namespace galago {

// parallel_for() may be called from any number of threads at once, and from inside a task: every call is a job of its
// own, its caller works on it, and idle workers join it. A caller waits only for workers that have already begun a
// chunk of its job, so no arrangement of calls can deadlock; when all workers are busy it does everything itself.
class ThreadPool {
 public:
  // `worker` is unique among the threads that work on one call: 0 (the caller) to n_threads - 1. It chooses scratch.
  using Task = FunctionRef<void(int worker, std::int64_t chunk)>;
  static constexpr int kMaxThreads = 256;

  // Workers go to teams first and to background jobs last; between two chunks of a background job they help a team that
  // has room.
  enum class Priority : std::uint8_t { kForeground, kBackground };

  // The pool of this process, which ends when static objects are destroyed. No thread starts before it is needed.
  static ThreadPool& shared();

  ThreadPool() = default;
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // Calls task(worker, chunk) once for every chunk in [0, n_chunks) on up to `n_threads` threads and returns when all
  // are done; their writes are then visible to the caller. Chunks are handed out in order, one at a time, so faster
  // or idle cores take more. Allocates nothing, except when it starts threads. `task` must not throw.
  void parallel_for(int n_threads, std::int64_t n_chunks, Task task, Priority priority = Priority::kForeground);

  // Calls body(member) on the caller and on up to n_threads - 1 workers, some of which may come late or not at all, and
  // returns when the caller's call has returned and no member is at work any more. See base/team.h. False: not called,
  // because a single thread was asked for or too many runs are going on. Allocates nothing after the first runs.
  [[nodiscard]] bool run_team(int n_threads, Team::Body body);

  // Returns when no worker computes for a run that has ended. Before what such chunks read (weights) is freed.
  void wait_for_late_members();

  // Chunks that were computed by two members because the first took too long.
  std::int64_t n_redone() const { return n_redone_.load(std::memory_order_relaxed); }

  // Threads started so far, callers not counted.
  int n_workers() const { return n_workers_.load(std::memory_order_relaxed); }

 private:
  // A place for a running call. Workers hold no other reference to a call, so none outlives it.
  struct Job {
    alignas(64) std::atomic<bool> taken{false};
    // open (1 bit) | most participants (10) | joined so far (10) | at work now (10). One word, so that a worker joins
    // and checks the limit of the same call.
    alignas(64) std::atomic<std::uint32_t> entry{0};
    alignas(64) std::atomic<std::int64_t> next_chunk{0};
    std::atomic<std::int64_t> n_chunks{0};
    std::atomic<Priority> priority{Priority::kForeground};
    const Task* task = nullptr;
  };
  // Of one thread; callers share the first.
  struct alignas(64) Worker {
    std::atomic<std::uint32_t> away{0};  // odd while it computes, or waits, without being counted as at work
    std::atomic<float> rate{0.0f};       // bytes that it reads in a nanosecond; 0: not measured
    std::byte* scratch = nullptr;        // its own, made before it starts
  };
  // More calls at once than this run on their caller alone.
  static constexpr int kMaxJobs = 16;
  static constexpr int kMaxTeams = 8;

  Job* take_job();
  void start_workers(int wanted);
  void announce(int helpers_wanted, int spinning);
  void close(Job& job);
  // `thread` is the number of the pool's worker, 0 for others; `worker` that within the call.
  void run_chunks(Job& job, int worker, int thread);
  bool join(Job& job, int thread);
  bool help_team(int thread);
  bool help_jobs(Priority priority, int thread);
  void wait_for_work(std::uint32_t seen, std::int64_t last_work_ns);
  void worker_main(int thread);

  // For TeamMember:
  friend class TeamMember;
  void away(int thread);  // begins or ends
  void measured(int thread, std::int64_t bytes, std::int64_t ns);
  void count_redone() { n_redone_.fetch_add(1, std::memory_order_relaxed); }
  std::uint32_t begin_spinning();
  void end_spinning() { waiting_.fetch_sub(1); }
  bool help_if_called(std::uint32_t* seen);
  void wake(const std::atomic<int>& sleepers);
  // Sleeps until the signal is no longer `seen`, unless complete().
  void sleep(std::atomic<int>& sleepers, std::uint32_t seen, FunctionRef<bool()> complete);
  double slowest_rate(int n_threads) const;

  std::array<Job, kMaxJobs> jobs_;
  std::array<Team, kMaxTeams> teams_;
  std::array<Worker, kMaxThreads> workers_;
  alignas(64) std::atomic<std::uint32_t> signal_{0};  // grows with every call, so workers notice new ones
  alignas(64) std::atomic<int> spinning_{0};          // workers without work
  std::atomic<int> waiting_{0};                       // members of teams
  std::atomic<int> parked_{0};                        // of both
  std::atomic<int> parked_members_{0};
  std::atomic<std::int64_t> n_redone_{0};
  std::atomic<int> n_workers_{0};
  std::atomic<bool> stopping_{false};
  std::mutex starting_;
  std::vector<std::thread> threads_;  // guarded by starting_
};

}  // namespace galago
