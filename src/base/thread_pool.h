// The one pool of worker threads that all models, sessions and the eager API share.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "base/function_ref.h"

namespace galago {

// parallel_for() may be called from any number of threads at once, and from inside a task: every call is a job of its
// own, its caller works on it, and idle workers join it. A caller waits only for workers that have already begun a
// chunk of its job, so no arrangement of calls can deadlock; when all workers are busy it does everything itself.
class ThreadPool {
 public:
  // `worker` is unique among the threads that work on one call: 0 (the caller) to n_threads - 1. It chooses scratch.
  using Task = FunctionRef<void(int worker, std::int64_t chunk)>;
  static constexpr int kMaxThreads = 256;

  // The pool of this process, which ends when static objects are destroyed. No thread starts before it is needed.
  static ThreadPool& shared();

  ThreadPool() = default;
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // Calls task(worker, chunk) once for every chunk in [0, n_chunks) on up to `n_threads` threads and returns when all
  // are done; their writes are then visible to the caller. Chunks are handed out in order, one at a time, so faster
  // or idle cores take more. Allocates nothing, except when it starts threads. `task` must not throw.
  void parallel_for(int n_threads, std::int64_t n_chunks, Task task);

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
    const Task* task = nullptr;
  };
  // More calls at once than this run on their caller alone.
  static constexpr int kMaxJobs = 16;

  Job* take_job();
  void start_workers(int wanted);
  void announce(int helpers_wanted);
  void close(Job& job);
  static void run_chunks(Job& job, int worker);
  static bool join(Job& job);
  bool help_somewhere();
  void wait_for_work(std::uint32_t seen, std::int64_t last_work_ns);
  void worker_main();

  std::array<Job, kMaxJobs> jobs_;
  alignas(64) std::atomic<std::uint32_t> signal_{0};  // grows with every call, so workers notice new ones
  alignas(64) std::atomic<int> spinning_{0};
  std::atomic<int> parked_{0};
  std::atomic<int> n_workers_{0};
  std::atomic<bool> stopping_{false};
  std::mutex starting_;
  std::vector<std::thread> threads_;  // guarded by starting_
};

}  // namespace galago
