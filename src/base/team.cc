#include "base/team.h"

#include <algorithm>
#include <new>

#include "base/cpu_features.h"
#include "base/spin.h"
#include "base/thread_pool.h"

namespace galago {
namespace {

using TeamWord = std::uint64_t;

// The fields of Team::entry_.
constexpr int kRunShift = 31;
constexpr TeamWord kTeamOpen = TeamWord{1} << 30;
constexpr int kTeamLimitShift = 20;
constexpr int kTeamJoinedShift = 10;
constexpr TeamWord kCountMask = 1023;
constexpr TeamWord kLastRun = (TeamWord{1} << 28) - 1;
static_assert(ThreadPool::kMaxThreads <= static_cast<int>(kCountMask));
static_assert(Team::kMaxChunks <= static_cast<int>(kCountMask));

TeamWord run_of(TeamWord entry) { return entry >> kRunShift; }
TeamWord at_work(TeamWord entry) { return entry & kCountMask; }

// Of the number of a stage.
constexpr int kStageBits = 16;

// Of Team::done_.
constexpr int kDoneBits = 20;
constexpr TeamWord kOnePin = TeamWord{1} << 10;

// Of Team::Region::word.
constexpr int kClaimedBits = 20;
constexpr TeamWord kOneFromBack = TeamWord{1} << 10;

// Of Team::Chunk::word.
constexpr TeamWord kInFlight = 1;
constexpr TeamWord kTaken = 2;
TeamWord chunk_word(TeamWord stage, TeamWord state) { return stage << 2 | state; }

// A chunk is overdue when it takes twice as long as the slowest core needs, and this on top: what a look at it costs.
constexpr double kOverdue = 2.0;
constexpr std::int64_t kOverdueNs = 4'000;
// Between two looks: each takes the lines of unfinished chunks from the cores that compute them.
constexpr std::int64_t kLookNs = 1'000;

}  // namespace

std::byte* Team::make_scratch() {
  return static_cast<std::byte*>(::operator new(kScratchBytes, std::align_val_t{64}, std::nothrow));
}

void Team::free_scratch(std::byte* scratch) { ::operator delete(scratch, std::align_val_t{64}); }

bool Team::take() {
  if (taken_.load(std::memory_order_relaxed) || taken_.exchange(true, std::memory_order_acquire)) return false;
  if (scratch_ == nullptr) scratch_ = make_scratch();
  if (scratch_ != nullptr) return true;
  release();
  return false;
}

bool Team::numbers_used_up() const { return run_of(entry_.load(std::memory_order_relaxed)) == kLastRun; }

std::uint64_t Team::run() const { return run_of(entry_.load(std::memory_order_relaxed)); }

void Team::open(int most_members, const Body* body, double rate) {
  body_ = body;
  rate_ = rate;
  TeamWord run = run_of(entry_.load(std::memory_order_relaxed)) + 1;
  if (run > kLastRun) {  // no late member is left: the pool has waited for them
    run = 1;
    frontier_.store(0, std::memory_order_relaxed);
    done_.store(0, std::memory_order_relaxed);
    for (Region& region : regions_) region.word.store(0, std::memory_order_relaxed);
    for (Chunk& chunk : chunks_) chunk.word.store(0, std::memory_order_relaxed);
  }
  entry_.store(run << kRunShift | kTeamOpen | static_cast<TeamWord>(most_members) << kTeamLimitShift |
               TeamWord{1} << kTeamJoinedShift);
}

void Team::close() {
  TeamWord entry = entry_.fetch_and(~kTeamOpen, std::memory_order_acq_rel) & ~kTeamOpen;
  const auto all_left = [&] {
    entry = entry_.load(std::memory_order_acquire);
    return at_work(entry) == 0;
  };
  if (!all_left() && !spin_until(now_ns() + kSpinNs, all_left)) {
    while (!all_left()) entry_.wait(entry, std::memory_order_acquire);
  }
}

bool Team::wants_members() const {
  const TeamWord entry = entry_.load(std::memory_order_relaxed);
  return (entry & kTeamOpen) != 0 && (entry >> kTeamJoinedShift & kCountMask) < (entry >> kTeamLimitShift & kCountMask);
}

bool Team::join(TeamWord* run, int* member) {
  TeamWord entry = entry_.load(std::memory_order_relaxed);
  do {
    if ((entry & kTeamOpen) == 0) return false;
    if ((entry >> kTeamJoinedShift & kCountMask) >= (entry >> kTeamLimitShift & kCountMask)) return false;
  } while (
      !entry_.compare_exchange_weak(entry, entry + (TeamWord{1} << kTeamJoinedShift) + 1, std::memory_order_acq_rel));
  *run = run_of(entry);
  *member = static_cast<int>(entry >> kTeamJoinedShift & kCountMask);
  return true;
}

// Another run may have begun by the time of the notification: who waits looks again.
void Team::leave() {
  const TeamWord left = entry_.fetch_sub(1, std::memory_order_acq_rel) - 1;
  if ((left & kTeamOpen) == 0 && at_work(left) == 0) entry_.notify_all();
}

bool Team::come_back(TeamWord run) {
  TeamWord entry = entry_.load(std::memory_order_relaxed);
  do {
    if ((entry & kTeamOpen) == 0 || run_of(entry) != run) return false;
  } while (!entry_.compare_exchange_weak(entry, entry + 1, std::memory_order_acq_rel));
  return true;
}

bool Team::reach(TeamWord stage) {
  TeamWord frontier = frontier_.load(std::memory_order_acquire);
  while (frontier < stage) {
    if (frontier_.compare_exchange_weak(frontier, stage, std::memory_order_acq_rel)) return true;
  }
  return frontier == stage;
}

// Who claims in a stage knows that all earlier ones are complete, and a later stage that has claimed here that this is.
Team::Claim Team::claim(int region, TeamWord stage, int n_chunks, bool from_back, int* chunk) {
  std::atomic<TeamWord>& word = regions_[static_cast<std::size_t>(region)].word;
  TeamWord seen = word.load(std::memory_order_acquire);
  for (;;) {
    const TeamWord last = seen >> kClaimedBits;
    if (last > stage) return Claim::kStageComplete;
    const TeamWord claimed = last == stage ? seen : stage << kClaimedBits;
    const int front = static_cast<int>(claimed & kCountMask),
              back = static_cast<int>(claimed / kOneFromBack & kCountMask);
    if (front + back >= n_chunks) return Claim::kNoneLeft;
    if (word.compare_exchange_weak(seen, claimed + (from_back ? kOneFromBack : 1), std::memory_order_acq_rel,
                                   std::memory_order_acquire)) {
      *chunk = from_back ? n_chunks - 1 - back : front;
      return Claim::kChunk;
    }
  }
}

bool Team::complete(TeamWord stage, std::int64_t n_chunks) const {
  const TeamWord done = done_.load();
  const TeamWord last = done >> kDoneBits;
  return last > stage ||
         (last == stage && (done & (kOnePin * kCountMask + kCountMask)) == static_cast<TeamWord>(n_chunks));
}

// Adds to the pins or finished chunks of a stage that cannot become complete meanwhile, or fails because it is.
bool Team::change_done(TeamWord stage, std::int64_t n_chunks, TeamWord by, bool subtract) {
  TeamWord done = done_.load(std::memory_order_relaxed);
  TeamWord next = 0;
  do {
    const TeamWord last = done >> kDoneBits;
    if (last > stage) return false;
    if (last == stage && (done & (kOnePin * kCountMask + kCountMask)) == static_cast<TeamWord>(n_chunks)) return false;
    const TeamWord begin = last == stage ? done : stage << kDoneBits;
    next = subtract ? begin - by : begin + by;
  } while (!done_.compare_exchange_weak(done, next));
  return true;
}

bool Team::finish_chunk(TeamWord stage, std::int64_t n_chunks) {
  change_done(stage, n_chunks, 1, false);
  return complete(stage, n_chunks);
}

bool Team::pin(TeamWord stage, std::int64_t n_chunks) { return change_done(stage, n_chunks, kOnePin, false); }

bool Team::unpin(TeamWord stage, std::int64_t n_chunks) {
  change_done(stage, n_chunks, kOnePin, true);
  return complete(stage, n_chunks);
}

std::uint64_t TeamMember::stage_number(int stage) const { return run_ << kStageBits | static_cast<TeamWord>(stage); }

int TeamMember::frontier() const {
  const TeamWord open = team_.frontier_.load(std::memory_order_acquire);
  return open >> kStageBits == run_ ? static_cast<int>(open & (Team::kMaxStages - 1)) : 0;
}

// The caller owns the run: nobody waits for it.
void TeamMember::detach() {
  attached_ = false;
  if (is_caller_) return;
  pool_.away(worker_);
  team_.leave();
}

bool TeamMember::attach() {
  attached_ = is_caller_ || team_.come_back(run_);
  if (!is_caller_) pool_.away(worker_);
  return attached_;
}

void TeamMember::finish(TeamWord stage, std::int64_t n_chunks) {
  if (team_.finish_chunk(stage, n_chunks)) pool_.wake(team_.sleepers_);
}

bool TeamMember::share(int stage_index, std::int64_t n_chunks, FunctionRef<void(std::int64_t)> task) {
  if (n_chunks <= 0) return true;
  const TeamWord stage = stage_number(stage_index);
  if (!team_.reach(stage)) return true;
  const auto claims = static_cast<int>(std::min<std::int64_t>(n_chunks, Team::kMaxChunks));
  const std::array regions = {claims};
  int claimed = 0, passed = 0;
  Team::Claim got = claim(stage, regions, &passed, &claimed);
  for (; got == Team::Claim::kChunk; got = claim(stage, regions, &passed, &claimed)) {
    const std::int64_t last = n_chunks * (claimed + 1) / claims;
    for (std::int64_t chunk = n_chunks * claimed / claims; chunk < last; ++chunk) task(chunk);
    finish(stage, claims);
  }
  if (got == Team::Claim::kStageComplete) return true;
  detach();
  wait(stage, claims, [](std::int64_t) { return Look::kNothing; });
  return attach();
}

bool TeamMember::share(int stage_index, const RedoableStage& work) {
  if (work.n_chunks() <= 0) return true;
  const TeamWord stage = stage_number(stage_index);
  if (!team_.reach(stage)) return true;
  int chunk = 0, passed = 0;
  Team::Claim got = claim(stage, work.regions, &passed, &chunk);
  if (got == Team::Claim::kStageComplete) return true;
  bool prepared = got == Team::Claim::kChunk;
  if (prepared) work.prepare(scratch_);  // the chunk, which is not counted yet, keeps the stage from its end
  detach();
  std::int64_t now = now_ns();
  for (; got == Team::Claim::kChunk; got = claim(stage, work.regions, &passed, &chunk)) {
    Team::Chunk& claimed = team_.chunks_[static_cast<std::size_t>(chunk)];
    claimed.started_ns.store(now, std::memory_order_relaxed);
    claimed.word.store(chunk_word(stage, kInFlight), std::memory_order_release);
    now = compute(stage, work, chunk, now);
  }
  int from = 0;
  wait(stage, work.n_chunks(), [&](std::int64_t at) { return redo_overdue(stage, work, at, &prepared, &from); });
  return attach();
}

// `passed`: regions, counted from its own, where nothing was left.
Team::Claim TeamMember::claim(TeamWord stage, std::span<const int> regions, int* passed, int* chunk) {
  const int n_regions = static_cast<int>(regions.size());
  for (; *passed < n_regions; ++*passed) {
    const int region = (number_ + *passed) % n_regions;
    const int begin = region == 0 ? 0 : regions[static_cast<std::size_t>(region - 1)];
    const int size = regions[static_cast<std::size_t>(region)] - begin;
    const Team::Claim got = team_.claim(region, stage, size, *passed > 0, chunk);
    if (got == Team::Claim::kChunk) *chunk += begin;
    if (got != Team::Claim::kNoneLeft) return got;
  }
  return team_.complete(stage, regions.back()) ? Team::Claim::kStageComplete : Team::Claim::kNoneLeft;
}

// Returns when the computation ended.
std::int64_t TeamMember::compute(TeamWord stage, const RedoableStage& work, int chunk, std::int64_t begin_ns) {
  work.compute(scratch_, chunk);
  const std::int64_t end = now_ns();
  pool_.measured(worker_, work.work(chunk), end - begin_ns);
  TeamWord expected = chunk_word(stage, kInFlight);
  std::atomic<TeamWord>& word = team_.chunks_[static_cast<std::size_t>(chunk)].word;
  if (word.compare_exchange_strong(expected, chunk_word(stage, kTaken), std::memory_order_acq_rel)) {
    work.publish(scratch_, chunk);
    finish(stage, work.n_chunks());
  }
  return end;
}

// Chunks before `from` are known to be published or about to be.
TeamMember::Look TeamMember::redo_overdue(TeamWord stage, const RedoableStage& work, std::int64_t now, bool* prepared,
                                          int* from) {
  const auto word = [&](int chunk) {
    return team_.chunks_[static_cast<std::size_t>(chunk)].word.load(std::memory_order_acquire);
  };
  while (*from < work.n_chunks() && word(*from) == chunk_word(stage, kTaken)) ++*from;
  Look look = Look::kNothing;
  for (int chunk = *from; chunk < work.n_chunks(); ++chunk) {
    if (word(chunk) != chunk_word(stage, kInFlight)) continue;
    look = Look::kSoon;
    auto& started = team_.chunks_[static_cast<std::size_t>(chunk)].started_ns;
    std::int64_t begin = started.load(std::memory_order_relaxed);
    const auto expected = static_cast<std::int64_t>(kOverdue * static_cast<double>(work.work(chunk)) / rate_);
    if (now - begin < expected + kOverdueNs) continue;
    // Others look at the time of this try from now on.
    if (!started.compare_exchange_strong(begin, now, std::memory_order_relaxed)) continue;
    if (!*prepared) {
      if (!team_.pin(stage, work.n_chunks())) return Look::kNothing;
      work.prepare(scratch_);
      *prepared = true;
      if (team_.unpin(stage, work.n_chunks())) pool_.wake(team_.sleepers_);
    }
    compute(stage, work, chunk, now_ns());
    pool_.count_redone();
    return Look::kFound;
  }
  return look;
}

// Most waits are over before the first look, and touch nothing but the word that says so.
void TeamMember::wait(TeamWord stage, std::int64_t n_chunks, FunctionRef<Look(std::int64_t)> look) {
  if (team_.complete(stage, n_chunks)) return;
  std::int64_t last = now_ns(), deadline = last + kSpinNs, next_look = last + kLookNs;
  std::uint32_t seen = 0;
  bool counted = false, stolen = false;
  while (!team_.complete(stage, n_chunks)) {
    cpu_relax();
    const std::int64_t now = now_ns();
    stolen |= now - last > kStolenNs;
    last = now;
    if (now < next_look) continue;
    if (!counted) seen = pool_.begin_spinning();
    counted = true;
    const Look found = look(now);
    if (found == Look::kFound || pool_.help_if_called(&seen)) {
      deadline = now_ns() + kSpinNs;
    } else if (found == Look::kNothing && (now >= deadline || stolen)) {
      pool_.sleep(team_.sleepers_, seen, [&] { return team_.complete(stage, n_chunks); });
      deadline = now_ns() + kSpinNs;
    }
    last = now_ns();
    next_look = last + kLookNs;
    stolen = false;
  }
  if (counted) pool_.end_spinning();
}

}  // namespace galago
