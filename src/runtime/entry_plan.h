// How an entry that was split over backends runs: its parts in order, and what is copied between them, to where.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "graph/backend.h"
#include "graph/partition.h"

namespace galago::runtime {

// One thing to begin, and to be waited for before the next.
struct EntryAction {
  enum class Kind : std::uint8_t {
    kRun,      // the part
    kMove,     // `from` to `offset` in the transfer memory of `device`
    kStage,    // `from` to the host, where neither side is its memory
    kUnstage,  // what was staged to `offset` in the transfer memory of `device`
    kFetch,    // `from` to `offset` in the host's memory of outputs
  };
  Kind kind = Kind::kRun;
  int part = 0;
  graph::ValueSource from;
  int device = 0;
  std::int64_t offset = 0;
};

// Where a part reads an input.
struct InputPlace {
  graph::ValueSource from;
  std::int64_t offset = -1;  // in transfer memory; -1: an input of the entry, where the host has it
};

// Everything for the bounds of all symbols.
struct EntryPlan {
  std::vector<EntryAction> actions;
  std::vector<std::vector<InputPlace>> inputs;  // of each part
  std::vector<std::int64_t> transfer_bytes;     // of each device
  std::vector<std::int64_t> output_offsets;     // of each output in the host's memory; -1: it is an input as it is
  std::int64_t output_bytes = 0;                // of all of them
  std::int64_t staging_bytes = 0;
};

// `devices`: the number of each part's backend in `backends`. `inputs`: the types of the entry's inputs. Parts of one
// backend share an arena, so what is read after a part has run is moved out of it.
Result<EntryPlan> plan_entry(const graph::Partition& partition, std::span<const int> devices,
                             std::span<const std::shared_ptr<graph::Backend>> backends,
                             std::span<const TensorType> inputs);

}  // namespace galago::runtime
