// Runs entries without state, such as encoders, on tensors: for sessions, for verify, for tests.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/processor.h"
#include "runtime/entry_executor.h"

namespace galago::runtime {

// Runs an entry on the tensors of these names, which tell its symbols, and gives its number. An error names an input
// that is missing, unknown, or of another type or size.
Result<int> run_entry(EntryExecutor& executor, std::string_view entry, std::span<const graph::NamedTensor> inputs);

// The rows of one picture: of the encoder's first output, and of each other that has as many.
struct EncodedOutput {
  std::string name;
  std::vector<float> rows;
};
struct EncodedRows {
  std::vector<float> rows;
  std::vector<EncodedOutput> further;
};

// Fails where the run gives another number of rows than it promised.
Result<EncodedRows> encode(EntryExecutor& executor, const models::EncoderRun& run);

}  // namespace galago::runtime
