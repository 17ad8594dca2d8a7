#include "models/stage_table.h"

#include <algorithm>

#include "base/try.h"

namespace galago::models {

const Tensor* find_given(const EncodeRequest& request, std::string_view stage) {
  for (const graph::NamedTensor& given : request.given) {
    if (given.name == stage) return &given.tensor;
  }
  return nullptr;
}

Tensor stacked(const std::vector<std::vector<std::int32_t>>& rows) {
  std::vector<std::int32_t> all;
  for (const auto& row : rows) all.insert(all.end(), row.begin(), row.end());
  const auto n = static_cast<std::int64_t>(rows.size());
  return Tensor::from(std::span<const std::int32_t>(all), {n, n == 0 ? 0 : static_cast<std::int64_t>(rows[0].size())});
}

std::vector<std::vector<std::int32_t>> unstacked(const Tensor& table) {
  std::vector<std::vector<std::int32_t>> rows;
  const auto values = table.ints();
  const auto width = static_cast<std::size_t>(table.size(-1));
  for (std::size_t at = 0; width > 0 && at + width <= values.size(); at += width) {
    rows.emplace_back(values.begin() + static_cast<std::ptrdiff_t>(at),
                      values.begin() + static_cast<std::ptrdiff_t>(at + width));
  }
  return rows;
}

Tensor joined(const std::vector<Tensor>& parts) {
  if (parts.empty()) return Tensor::zeros({0});
  std::vector<float> all;
  for (const Tensor& part : parts) all.insert(all.end(), part.floats().begin(), part.floats().end());
  std::vector<Dim> dims = parts[0].shape().dims();
  if (dims.size() == 2 && dims[0] == Dim(1)) dims.erase(dims.begin());
  dims.insert(dims.begin(), static_cast<std::int64_t>(parts.size()));
  return Tensor::from(std::span<const float>(all), Shape(dims));
}

Result<std::vector<Tensor>> pictures_of(const EncodeRequest& request, const Processor& processor,
                                        const Shape& picture) {
  std::vector<Tensor> pixels;
  if (const Tensor* given = find_given(request, "pixel_values")) {
    const auto values = given->floats();
    const auto one = static_cast<std::size_t>(*picture.max_elements());
    for (std::size_t at = 0; at + one <= values.size(); at += one) {
      pixels.push_back(Tensor::from(values.subspan(at, one), picture));
    }
    return pixels;
  }
  for (const Image& image : request.images) {
    GALAGO_TRY(Tensor one, processor.pixels(image));
    pixels.push_back(std::move(one));
  }
  return pixels;
}

void StageTable::add(const std::vector<graph::NamedTensor>& outputs) {
  for (const graph::NamedTensor& output : outputs) {
    const auto same = [&output](const auto& known) { return known.first == output.name; };
    auto found = std::find_if(stages_.begin(), stages_.end(), same);
    if (found == stages_.end()) found = stages_.insert(stages_.end(), {output.name, {}});
    found->second.push_back(output.tensor);
  }
}

void StageTable::append_to(std::vector<graph::NamedTensor>& out) const {
  for (const auto& [name, parts] : stages_) out.push_back({name, joined(parts)});
}

Tensor StageTable::find(std::string_view name) const {
  for (const auto& [known, parts] : stages_) {
    if (known == name) return joined(parts);
  }
  return {};
}

}  // namespace galago::models
