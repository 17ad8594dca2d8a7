#include "ops/torch_golden_test.h"

#include <cmath>
#include <fstream>
#include <map>
#include <sstream>

namespace galago::ops {
namespace {

template <class T>
Tensor read_values(const std::string& line, Shape shape) {
  std::istringstream words(line);
  std::vector<T> values;
  for (std::string word; words >> word;) values.push_back(static_cast<T>(std::stod(word)));
  return Tensor::from(std::span<const T>(values), std::move(shape));
}

std::map<std::string, Tensor> read_goldens() {
  std::ifstream file(GALAGO_SOURCE_DIR "/tests/data/ops/torch.txt");
  std::map<std::string, Tensor> tensors;
  for (std::string header, line; std::getline(file, header) && std::getline(file, line);) {
    std::istringstream words(header);
    std::string name, dtype;
    words >> name >> dtype;
    std::vector<std::int64_t> sizes;
    for (std::int64_t size = 0; words >> size;) sizes.push_back(size);
    tensors[name] =
        dtype == "i32" ? read_values<std::int32_t>(line, Shape::of(sizes)) : read_values<float>(line, Shape::of(sizes));
  }
  return tensors;
}

}  // namespace

Tensor golden(const std::string& name) {
  static const std::map<std::string, Tensor> tensors = read_goldens();
  const auto found = tensors.find(name);
  if (found != tensors.end()) return found->second;
  ADD_FAILURE() << "tests/data/ops/torch.txt has no " << name;
  return {};
}

::testing::AssertionResult is_close(const Tensor& actual, const Tensor& expected, double tolerance) {
  if (!actual.ok()) return ::testing::AssertionFailure() << actual.error().message;
  if (actual.type() != expected.type() || actual.floats().size() != expected.floats().size()) {
    return ::testing::AssertionFailure() << actual.type().to_string() << " instead of " << expected.type().to_string();
  }
  for (std::size_t i = 0; i < actual.floats().size(); ++i) {
    const double found = actual.floats()[i], wanted = expected.floats()[i];
    if (!(std::abs(found - wanted) <= tolerance * std::max(1.0, std::abs(wanted)))) {
      return ::testing::AssertionFailure() << "element " << i << " is " << found << " instead of " << wanted;
    }
  }
  return ::testing::AssertionSuccess();
}

}  // namespace galago::ops
