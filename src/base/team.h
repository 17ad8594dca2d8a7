// Threads that go through the same stages of work together, and do not wait for one that the system took off its core.
//
// Every member runs the same code and names the stages in the same order. A stage's chunks are claimed by whoever comes
// first; a stage begins when the one before is complete, and a member that comes late skips what the others have done.
// So no thread is needed to go on, the caller included, unless it holds a chunk. And of a redoable stage not even then:
//
//   prepare  copies what the chunks read, and later stages may overwrite, into the member's own scratch,
//   compute  reads that and what never changes (weights), and writes to the scratch,
//   publish  copies a chunk's results to where the next stage reads them. It may read what it overwrites, but no other
//            chunk's publish nor any prepare of the stage touches that.
//
// The chunks of a redoable stage lie in regions, one for each thread. A member claims those of its own region from the
// front, so that it reads memory in one piece as far as possible, then those of the others from the back: decoding on
// two threads of a Zen 4 gains 1 to 5 %. Other stages are one region.
//
// A chunk that is computed for longer than it should take is computed again by a member that has nothing else to do.
// One compare-and-swap of the chunk's word decides who publishes; whoever comes too late has touched nothing but its
// own scratch. While a member prepares or publishes, the stage cannot become complete: it holds a chunk that is not
// counted yet, or a pin. These two are short. A member that computes or waits is "detached": the run may end without
// it.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/function_ref.h"

namespace galago {

class TeamMember;
class ThreadPool;

// A stage whose chunks can be done twice. All functions give the same results on every member.
struct RedoableStage {
  std::span<const int> regions;                              // where each ends, in chunks; at most Team::kMaxRegions
  FunctionRef<std::int64_t(int chunk)> work;                 // of a chunk, in bytes read
  FunctionRef<void(std::byte* scratch)> prepare;             // once a member, before its first chunk
  FunctionRef<void(std::byte* scratch, int chunk)> compute;  // may still run when the team's run has ended
  FunctionRef<void(std::byte* scratch, int chunk)> publish;

  int n_chunks() const { return regions.empty() ? 0 : regions.back(); }  // at most Team::kMaxRedoable
};

// What the members of a run share. It belongs to the pool and outlives every run, so that a member that was off its
// core for long can find out that it is late. Numbers only grow: no word of an earlier run or stage looks like a later
// one.
class Team {
 public:
  static constexpr int kMaxChunks = 1023;
  static constexpr int kMaxRedoable = 255;
  static constexpr int kMaxRegions = 48;
  static constexpr int kMaxStages = 1 << 16;
  static constexpr std::size_t kScratchBytes = 192 * 1024;  // of a member
  using Body = FunctionRef<void(TeamMember&)>;

 private:
  friend class TeamMember;
  friend class ThreadPool;
  enum class Claim { kChunk, kNoneLeft, kStageComplete };

  static std::byte* make_scratch();  // nullptr when there is no memory
  static void free_scratch(std::byte* scratch);

  // The caller's side.
  bool take();
  bool numbers_used_up() const;
  void open(int most_members, const Body* body, double rate);
  void close();
  std::uint64_t run() const;  // the open one's number
  void release() { taken_.store(false, std::memory_order_release); }

  // A worker's side: joins when the team is open and has room; the number of the run, and its own among the members.
  bool join(std::uint64_t* run, int* member);
  bool wants_members() const;
  void leave();                       // no longer at work
  bool come_back(std::uint64_t run);  // at work again, if the run goes on

  // The run has reached the stage. False: it has left it behind.
  bool reach(std::uint64_t stage);
  // Of a region with so many chunks, the first or the last that nobody has.
  Claim claim(int region, std::uint64_t stage, int n_chunks, bool from_back, int* chunk);
  bool complete(std::uint64_t stage, std::int64_t n_chunks) const;
  bool finish_chunk(std::uint64_t stage, std::int64_t n_chunks);  // returns whether that completed the stage
  bool pin(std::uint64_t stage, std::int64_t n_chunks);
  bool unpin(std::uint64_t stage, std::int64_t n_chunks);
  bool change_done(std::uint64_t stage, std::int64_t n_chunks, std::uint64_t by, bool subtract);

  alignas(64) std::atomic<bool> taken_{false};
  // run (28 bits) | open (1) | most members (10) | joined so far (10) | at work now, without the caller (10)
  alignas(64) std::atomic<std::uint64_t> entry_{0};
  // The stage that the run has reached. Numbers of stages are run (28) | stage (16).
  alignas(64) std::atomic<std::uint64_t> frontier_{0};
  // The stage that chunks were finished of last (44) | pins (10) | finished chunks (10)
  alignas(64) std::atomic<std::uint64_t> done_{0};
  std::atomic<int> sleepers_{0};
  // Of a region: the stage that claimed there last (44) | chunks claimed from its back (10) | from its front (10).
  struct alignas(64) Region {
    std::atomic<std::uint64_t> word{0};
  };
  std::array<Region, kMaxRegions> regions_{};
  // A chunk of a redoable stage, in a line of its own: only who computes it writes there, unless it is overdue.
  struct alignas(64) Chunk {
    std::atomic<std::uint64_t> word{0};  // stage (44) | in flight or taken
    std::atomic<std::int64_t> started_ns{0};
  };
  std::array<Chunk, kMaxRedoable> chunks_{};
  const Body* body_ = nullptr;  // of the open run
  double rate_ = 0.0;
  std::byte* scratch_ = nullptr;  // of the caller; made when the team is first taken
};

// One thread in one run of a team.
class TeamMember {
 public:
  // Calls task(chunk) once for every chunk, on any members; returns when the stage is complete, at once when it was
  // before. False: the run has ended without this member; it must return from the team's body and touch nothing of the
  // run any more. The caller of the team never gets false.
  [[nodiscard]] bool share(int stage, std::int64_t n_chunks, FunctionRef<void(std::int64_t chunk)> task);
  [[nodiscard]] bool share(int stage, const RedoableStage& work);

  // All stages before this one are complete.
  int frontier() const;
  // Bytes that the slowest of the team's cores reads in a nanosecond, as measured in earlier runs. The same for all
  // members during a run, so that they agree on the size of chunks.
  double rate() const { return rate_; }

 private:
  friend class ThreadPool;
  enum class Look { kFound, kSoon, kNothing };
  // `number` among the members; 0 is the caller's.
  TeamMember(ThreadPool& pool, Team& team, std::uint64_t run, int number, std::byte* scratch, int worker)
      : pool_(pool),
        team_(team),
        run_(run),
        number_(number),
        scratch_(scratch),
        worker_(worker),
        is_caller_(number == 0),
        rate_(team.rate_) {}

  std::uint64_t stage_number(int stage) const;
  void detach();
  bool attach();
  void wait(std::uint64_t stage, std::int64_t n_chunks, FunctionRef<Look(std::int64_t now_ns)> look);
  void finish(std::uint64_t stage, std::int64_t n_chunks);
  Team::Claim claim(std::uint64_t stage, std::span<const int> regions, int* passed, int* chunk);
  std::int64_t compute(std::uint64_t stage, const RedoableStage& work, int chunk, std::int64_t begin_ns);
  Look redo_overdue(std::uint64_t stage, const RedoableStage& work, std::int64_t now_ns, bool* prepared, int* from);

  ThreadPool& pool_;
  Team& team_;
  std::uint64_t run_;
  int number_;
  std::byte* scratch_;
  int worker_;
  bool is_caller_;
  bool attached_ = true;
  double rate_;
};

}  // namespace galago
