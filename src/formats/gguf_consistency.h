// Checks between metadata keys that parsing alone cannot see: arrays that must be as long as the vocabulary, and sizes
// of vision towers that would divide by zero further up.
#pragma once

#include "formats/gguf_metadata.h"

namespace galago::formats {

Status check_gguf_metadata(const GgufMetadata& metadata);

}  // namespace galago::formats
