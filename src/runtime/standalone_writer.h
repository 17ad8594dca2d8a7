// Writes a model with packed weights as one file, for shipping.
#pragma once

#include <filesystem>
#include <string>

#include "galago/session.h"

namespace galago::runtime {

struct StandaloneReport {
  std::string isa;
  std::size_t packed_tensors = 0, other_tensors = 0;
  std::uint64_t packed_bytes = 0, file_bytes = 0;
  int compared_tokens = 0;  // which both files write, with the same logits; 0 where the model writes none
};

// A GGUF file with all that `in` holds: its metadata (of a Hugging Face folder its text files, as metadata), its
// tensors, and the packed weights as one more tensor; rows that nothing but a packed weight would read are left out.
// It is compared with `in`, every packed byte and the tokens it writes, before it appears at `out`.
Result<StandaloneReport> write_standalone(const std::filesystem::path& in, const std::filesystem::path& out,
                                          const ModelOptions& options);

}  // namespace galago::runtime
