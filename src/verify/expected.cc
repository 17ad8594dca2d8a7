#include "verify/expected.h"

#include <cstring>
#include <limits>

#include "base/error.h"
#include "base/try.h"
#include "quant/codec.h"

namespace galago::verify {
namespace {

std::size_t element_count(const formats::StoredTensor& stage) {
  return stage.data.size() / static_cast<std::size_t>(info(stage.dtype).block_bytes);
}

template <class T>
std::int64_t load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return static_cast<std::int64_t>(value);
}

std::int64_t integer_at(const formats::StoredTensor& stage, std::size_t index) {
  const std::byte* at = stage.data.data() + index * static_cast<std::size_t>(info(stage.dtype).block_bytes);
  switch (stage.dtype) {
    case DType::kI64: return load<std::int64_t>(at);
    case DType::kI32: return load<std::int32_t>(at);
    case DType::kI16: return load<std::int16_t>(at);
    case DType::kI8: return load<std::int8_t>(at);
    default: return load<std::uint8_t>(at);
  }
}

Result<std::vector<std::int32_t>> integers(const formats::StoredTensor& stage, const std::filesystem::path& path) {
  std::vector<std::int32_t> values;
  for (std::size_t i = 0; i < element_count(stage); ++i) {
    const std::int64_t value = integer_at(stage, i);
    if (value < std::numeric_limits<std::int32_t>::min() || value > std::numeric_limits<std::int32_t>::max()) {
      return error(ErrorCode::kOutOfRange, "{}: \"{}\" holds {}, which is too large to be an id", path.string(),
                   stage.name, value);
    }
    values.push_back(static_cast<std::int32_t>(value));
  }
  return values;
}

}  // namespace

bool holds_integers(DType dtype) {
  switch (dtype) {
    case DType::kI64:
    case DType::kI32:
    case DType::kI16:
    case DType::kI8:
    case DType::kU8:
    case DType::kBool: return true;
    default: return false;
  }
}

Result<Expected> Expected::open(const std::filesystem::path& path) {
  Expected expected;
  expected.path_ = path;
  GALAGO_TRY(expected.file_, formats::open_safetensors(path));
  if (!expected.file_.unsupported.empty()) {
    const formats::UnsupportedTensor& stage = expected.file_.unsupported.front();
    return error(ErrorCode::kUnsupported, "{}: \"{}\" is of type {}, which cannot be compared", path.string(),
                 stage.name, stage.type);
  }
  if (expected.file_.tensors.empty()) {
    return error(ErrorCode::kCorrupt, "{}: holds no tensor to compare with", path.string());
  }
  return expected;
}

const formats::StoredTensor* Expected::find(std::string_view stage) const {
  for (const formats::StoredTensor& known : file_.tensors) {
    if (known.name == stage) return &known;
  }
  return nullptr;
}

Result<Tensor> Expected::tensor(std::string_view stage) const {
  const formats::StoredTensor* stored = find(stage);
  if (stored == nullptr) {
    std::vector<std::string_view> names;
    for (const formats::StoredTensor& known : file_.tensors) names.push_back(known.name);
    return error(ErrorCode::kNotFound, "{}: holds no \"{}\"; it holds {}", path_.string(), stage,
                 fmt::join(names, ", "));
  }
  Tensor tensor;
  if (holds_integers(stored->dtype)) {
    GALAGO_TRY(const std::vector<std::int32_t> values, integers(*stored, path_));
    tensor = Tensor::from(std::span<const std::int32_t>(values), Shape::of(stored->shape));
  } else {
    std::vector<float> values(element_count(*stored));
    quant::codec(stored->dtype)
        .decode_row(stored->data.data(), values.data(), static_cast<std::int64_t>(values.size()));
    tensor = Tensor::from(std::span<const float>(values), Shape::of(stored->shape));
  }
  if (!tensor.ok()) return tensor.error();
  return tensor;
}

Result<std::vector<std::int32_t>> Expected::ids(std::string_view stage) const {
  GALAGO_TRY(const Tensor all, tensor(stage));
  if (all.dtype() != DType::kI32) {
    return error(ErrorCode::kCorrupt, "{}: \"{}\" holds {}; integers are expected", path_.string(), stage,
                 all.type().to_string());
  }
  const bool one_row = all.shape().rank() == 1 || (all.shape().rank() == 2 && all.size(0) == 1);
  if (!one_row) {
    return error(ErrorCode::kCorrupt, "{}: \"{}\" has the shape {}; one row of ids is expected", path_.string(), stage,
                 all.shape().to_string());
  }
  return std::vector<std::int32_t>(all.ints().begin(), all.ints().end());
}

}  // namespace galago::verify
