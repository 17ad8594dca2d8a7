// What a program is made of: instructions over operands, with sizes that are known when it runs.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backends/cpu/kernel_functions.h"
#include "base/buffer.h"
#include "base/function_ref.h"
#include "base/thread_pool.h"
#include "galago/result.h"
#include "galago/shape.h"
#include "ops/step.h"

namespace galago::cpu {

// A product of dims: constants, and symbols whose values a run brings.
class Size {
 public:
  Size(std::int64_t constant = 1) : constant_(constant) {}  // NOLINT(google-explicit-constructor)
  // Multiplies by `dim`, whose symbol has the index `symbol` in a run's values (ignored for constants).
  void multiply(const Dim& dim, int symbol);

  std::int64_t at(std::span<const std::int64_t> symbols) const;
  std::int64_t bound() const;
  bool is_constant() const { return factors_.empty(); }
  std::string to_string() const;  // "12 * tokens"

 private:
  struct Factor {
    Dim dim;
    int symbol;
  };
  std::int64_t constant_;
  std::vector<Factor> factors_;
};

// Where the bytes of a value are while a program runs.
struct Operand {
  enum class Place : std::uint8_t { kNone, kArena, kInput, kConstant };
  Place place = Place::kNone;
  std::int64_t index = 0;               // byte offset in the arena, or number of the input
  const std::byte* constant = nullptr;  // belongs to the program or to its weights

  explicit operator bool() const { return place != Place::kNone; }
  static Operand arena(std::int64_t offset) { return {Place::kArena, offset, nullptr}; }
};

// Where the members of a team put what went wrong. They stop after the stage in which it did.
struct RunFailure {
  std::atomic<bool> failed{false};
  Status status;  // written by one member, before `failed`
};

// A run as instructions see it.
struct Run {
  const KernelTable& kernels;
  std::span<const std::int64_t> symbols;
  std::span<const BufferView> inputs;
  std::byte* arena;
  const ops::StepView* step;
  int n_threads;
  // Of a run by a team, in Instruction::run_in_team(): this thread, and the instruction's first stage.
  TeamMember* member = nullptr;
  int first_stage = 0;
  RunFailure* failure = nullptr;

  std::int64_t at(const Size& size) const { return size.at(symbols); }
  // nullptr for an operand that is not there.
  const std::byte* read(const Operand& operand) const;
  const float* floats(const Operand& operand) const { return reinterpret_cast<const float*>(read(operand)); }
  const std::int32_t* ints(const Operand& operand) const {
    return reinterpret_cast<const std::int32_t*>(read(operand));
  }
  // Only what lies in the arena is written.
  std::byte* write(const Operand& operand) const { return operand ? arena + operand.index : nullptr; }
  float* out(const Operand& operand) const { return reinterpret_cast<float*>(write(operand)); }

  // Calls task(first, last) for consecutive parts of [0, n). Each part is at least `grain` long, which says how many of
  // them are worth a thread's while.
  void parallel(std::int64_t n, std::int64_t grain, FunctionRef<void(std::int64_t, std::int64_t)> task) const;
  // A stage of the instruction: calls task(chunk) for each chunk, as a member of the team if this is one. False: the
  // member has left.
  [[nodiscard]] bool share(int stage, std::int64_t n_chunks, FunctionRef<void(std::int64_t chunk)> task) const;
};

// Parts of this many floats are worth handing to another thread: some 5 us of work against 1 us of handing over.
inline constexpr std::int64_t kParallelFloats = 8192;

// Rows of `cols` floats that make a part.
inline std::int64_t row_grain(std::int64_t cols) {
  return std::max<std::int64_t>(1, kParallelFloats / std::max<std::int64_t>(1, cols));
}

// Chunks that a thread gets of weights in common work: enough for a slower core to take fewer of them.
inline constexpr std::int64_t kChunksPerThread = 12;
// Weights of a chunk times its rows, in bytes: some 2 us at 8 GB/s, and long enough for the hardware prefetcher.
inline constexpr std::int64_t kMinChunkBytes = 16 * 1024;

// Into how many chunks to divide what reads so many bytes of weights times rows.
inline std::int64_t chunks_wanted(int n_threads, std::int64_t per_thread, std::int64_t bytes) {
  const std::int64_t wanted = n_threads > 1 ? n_threads * per_thread : 1;
  return std::min(wanted, std::max<std::int64_t>(1, bytes / kMinChunkBytes));
}

// Members of a team begin each thing in their scratch with a cache line.
inline std::int64_t aligned_to_line(std::int64_t bytes) { return (bytes + 63) / 64 * 64; }

// One step of a program. Immutable, and run() allocates nothing.
class Instruction {
 public:
  virtual ~Instruction() = default;
  virtual Status run(const Run& run) const = 0;
  // The same as a member of a team, in up to kStages stages. Every member calls it, at its own time, so outside of
  // stages it only reads. False: this member has left, and may not even read `run` any more (see TeamMember::share()).
  // Unless overridden, one member does it all, and the others help with the calls of parallel() in it.
  static constexpr int kStages = 2;
  virtual bool run_in_team(const Run& run) const;
  // The kernel, its sizes and bytes, in one line.
  virtual std::string to_string() const = 0;
};

using InstructionPtr = std::unique_ptr<const Instruction>;

}  // namespace galago::cpu
