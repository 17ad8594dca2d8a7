// The file of expected values that `galago verify` compares with: stages of the original implementation by name.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "formats/safetensors.h"
#include "galago/tensor.h"

namespace galago::verify {

class Expected {
 public:
  static Result<Expected> open(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  const std::vector<formats::StoredTensor>& stages() const { return file_.tensors; }
  // nullptr when the file does not hold the stage.
  const formats::StoredTensor* find(std::string_view stage) const;

  // The stage as f32, or as i32 when it holds integers. Fails when it is absent, or an integer does not fit.
  Result<Tensor> tensor(std::string_view stage) const;
  // A stage of integers as one row.
  Result<std::vector<std::int32_t>> ids(std::string_view stage) const;

 private:
  std::filesystem::path path_;
  formats::SafetensorsCheckpoint file_;
};

bool holds_integers(DType dtype);

}  // namespace galago::verify
