// How many tokens of a prompt are read at once.
#pragma once

#include <span>

#include "backends/cpu/kernel_table.h"
#include "formats/stored_tensor.h"
#include "galago/precision.h"

namespace galago::runtime {

// What was asked for, unless that is 0. More of them where weights are expanded to bf16 for each chunk anew, which
// costs as much as multiplying some 150 rows. Elsewhere a longer chunk gains nothing: its activations leave the second
// level cache.
int choose_prefill_chunk(int asked, const cpu::KernelTable& kernels, Precision precision,
                         std::span<const formats::StoredTensor> weights);

}  // namespace galago::runtime
