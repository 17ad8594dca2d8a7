// The packed weights inside a GGUF file that `galago pack` wrote: one tensor of bytes that is a whole file of packed
// weights. Tensors whose rows are there only packed appear in the checkpoint under their names, with `packed` bytes.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "formats/pack_index.h"
#include "formats/stored_tensor.h"

namespace galago::formats {

inline constexpr std::string_view kPackedPart = "galago.packed";

struct PackedPart {
  PackIndex index;
  Bytes bytes;
};

// Takes the part out of the tensors of a file, and puts those in that are only packed. Nothing when there is none.
Result<std::optional<PackedPart>> take_packed_part(std::vector<StoredTensor>& tensors, std::string_view source);

}  // namespace galago::formats
