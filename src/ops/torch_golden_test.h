// The tensors of tests/data/ops/torch.txt, which tests/goldens/generate_ops.py wrote, and comparisons with them.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "galago/tensor.h"

namespace galago::ops {

// Fails the test and gives a failed tensor when the file has none of that name.
Tensor golden(const std::string& name);

// Same type, and every element within `tolerance` * max(1, |expected|).
::testing::AssertionResult is_close(const Tensor& actual, const Tensor& expected, double tolerance = 2e-6);

}  // namespace galago::ops
