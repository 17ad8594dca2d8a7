// Stages of several runs of an encoder, gathered by name and put one after the other.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/model.h"

namespace galago::models {

// The stage that a request gives, or nullptr.
const Tensor* find_given(const EncodeRequest& request, std::string_view stage);

// Rows of equal length as one i32 table, and back.
Tensor stacked(const std::vector<std::vector<std::int32_t>>& rows);
std::vector<std::vector<std::int32_t>> unstacked(const Tensor& table);

// The same stage of several runs along a new first dim; a stage of a single row keeps its rank.
Tensor joined(const std::vector<Tensor>& parts);

// The pixels of each picture (f32, of shape `picture`): the request's stage "pixel_values", or its pictures
// preprocessed.
Result<std::vector<Tensor>> pictures_of(const EncodeRequest& request, const Processor& processor, const Shape& picture);

// Collects the outputs of runs of one entry by stage.
class StageTable {
 public:
  void add(const std::vector<graph::NamedTensor>& outputs);
  void append_to(std::vector<graph::NamedTensor>& out) const;
  Tensor find(std::string_view name) const;

 private:
  std::vector<std::pair<std::string, std::vector<Tensor>>> stages_;
};

}  // namespace galago::models
