// Tokens of a prompt that are read at once when nobody says how many.
#pragma once

#include <span>

#include "backends/cpu/kernel_table.h"
#include "formats/stored_tensor.h"
#include "galago/precision.h"

namespace galago::runtime {

// More of them where weights are expanded to bf16 for each chunk anew, which costs as much as multiplying some 150
// rows. Elsewhere a longer chunk gains nothing: its activations leave the second level cache.
int choose_prefill_chunk(const cpu::KernelTable& kernels, Precision precision,
                         std::span<const formats::StoredTensor> weights);

}  // namespace galago::runtime
