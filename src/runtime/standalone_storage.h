// The packed weights of a file that `galago pack` wrote.
#pragma once

#include <memory>
#include <string>

#include "backends/cpu/pack_storage.h"
#include "formats/checkpoint.h"

namespace galago::runtime {

// Fails when this program, with the kernels of `isa`, lays weights out otherwise than the file.
Result<std::shared_ptr<cpu::PackStorage>> open_standalone(std::shared_ptr<const formats::Checkpoint> checkpoint,
                                                          std::string_view isa);

}  // namespace galago::runtime
