// What encoders made of pictures, kept while somebody refers to it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "models/processor.h"
#include "runtime/encoder_runs.h"
#include "runtime/entry_executor.h"

namespace galago::runtime {

// The rows of one picture.
struct EncodedMedia {
  std::uint64_t mark = 0;  // of what the encoder was given: the processed pixels, and the entry's name
  std::int64_t n_rows = 0;
  std::vector<float> rows;             // (n_rows, hidden_size)
  std::vector<EncodedOutput> further;  // of the encoder's other outputs (n_rows, ...)
};
using EncodedMediaPtr = std::shared_ptr<const EncodedMedia>;

// Knows pictures by their marks, so that one which stands in a prompt again is not encoded again.
class MediaCache {
 public:
  // The rows of each run, in their order. Runs an encoder for those alone that nobody holds.
  Result<std::vector<EncodedMediaPtr>> encode(std::span<const models::EncoderRun> runs, EntryExecutor& executor);
  // How many times an encoder ran.
  std::int64_t n_runs() const { return n_runs_; }

 private:
  std::map<std::uint64_t, std::weak_ptr<const EncodedMedia>> known_;
  std::int64_t n_runs_ = 0;
};

}  // namespace galago::runtime
