#include "runtime/pack_naming.h"

#include <algorithm>
#include <cstring>

#include "base/hash.h"

namespace galago::runtime {
namespace {

constexpr std::size_t kHeaderBytes = std::size_t{64} << 10;

template <class T>
std::uint64_t mix(std::uint64_t hash, const T& number) {
  return hash_bytes(std::as_bytes(std::span(&number, 1)), hash);
}

std::uint64_t order_hash(const Tensor& matrix) {
  if (!matrix.row_order()) return 0;
  return hash_bytes(std::as_bytes(std::span(*matrix.row_order()))) | 1u;  // never 0
}

}  // namespace

PackNaming::PackNaming(const formats::Checkpoint& checkpoint) {
  for (const formats::StoredTensor& tensor : checkpoint.tensors()) {
    const Bytes bytes = tensor.data.empty() ? tensor.packed : tensor.data;
    if (!bytes.empty()) names_.emplace(bytes.data(), &tensor.name);
  }
}

const std::string* PackNaming::name_of(const Tensor& matrix) const {
  const auto found = names_.find(matrix.data());
  return found == names_.end() ? nullptr : found->second;
}

formats::PackedTensor PackNaming::describe(const cpu::PackRequest& request) const {
  const std::string* name = name_of(request.matrix);
  const int rank = request.matrix.shape().rank();
  return {.name = name != nullptr ? *name : std::string(),
          .dtype = request.matrix.dtype(),
          .rows = request.matrix.size(-2) * (rank == 3 ? request.matrix.size(0) : 1),  // of all matrices of a stack
          .cols = request.matrix.size(-1),
          .order = order_hash(request.matrix),
          .layout = request.layout,
          .bytes = request.bytes};
}

PackedTensors::PackedTensors(const formats::PackIndex& index) {
  for (const formats::PackedTensor& tensor : index.tensors) by_name_.emplace(tensor.name, &tensor);
}

const formats::PackedTensor* PackedTensors::find(const formats::PackedTensor& wanted) const {
  const auto [first, last] = by_name_.equal_range(wanted.name);
  const auto found = std::find_if(first, last, [&](const auto& entry) {
    const formats::PackedTensor& tensor = *entry.second;
    return tensor.dtype == wanted.dtype && tensor.rows == wanted.rows && tensor.cols == wanted.cols &&
           tensor.order == wanted.order && tensor.layout == wanted.layout && tensor.bytes == wanted.bytes;
  });
  return found == last ? nullptr : found->second;
}

std::uint64_t identity_of(const formats::Checkpoint& checkpoint) {
  std::uint64_t hash = 0;
  std::unordered_map<const Mapping*, const std::byte*> starts;
  for (const auto& file : checkpoint.files()) {
    const FileIdentity& identity = file->identity();
    hash = mix(mix(mix(hash, identity.inode), identity.size), identity.changed_ns);
    hash = hash_bytes(file->bytes().first(std::min(kHeaderBytes, file->bytes().size())), hash);
    starts.emplace(file.get(), file->bytes().data());
  }
  for (const formats::StoredTensor& tensor : checkpoint.tensors()) {
    hash = hash_bytes(std::as_bytes(std::span(tensor.name)), hash);
    hash = mix(hash, static_cast<std::uint64_t>(info(tensor.dtype).ggml_id));
    for (const std::int64_t size : tensor.shape) hash = mix(hash, size);
    const auto start = starts.find(tensor.file.get());
    if (start != starts.end()) hash = mix(hash, static_cast<std::int64_t>(tensor.data.data() - start->second));
  }
  return hash;
}

}  // namespace galago::runtime
