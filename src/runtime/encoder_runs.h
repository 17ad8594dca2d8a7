// Runs entries without state, such as encoders, on tensors: for sessions, for verify, for tests.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "models/processor.h"
#include "runtime/entry_executor.h"

namespace galago::runtime {

// Runs an entry on the tensors of these names, which tell its symbols, and gives its number. An error names an input
// that is missing, unknown, or of another type or size.
Result<int> run_entry(EntryExecutor& executor, std::string_view entry, std::span<const graph::NamedTensor> inputs);

// The rows that the encoders give, one after the other, as PreparedPrompt::splice_index counts them. Fails where a run
// gives another number of rows than it promised.
Result<std::vector<float>> encode(EntryExecutor& executor, std::span<const models::EncoderRun> runs);

}  // namespace galago::runtime
