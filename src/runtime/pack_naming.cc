#include "runtime/pack_naming.h"

#include <algorithm>
#include <cstring>
#include <functional>

#include "base/hash.h"

namespace galago::runtime {
namespace {

constexpr std::size_t kHeaderBytes = std::size_t{64} << 10;

template <class T>
std::uint64_t mix(std::uint64_t hash, const T& number) {
  return hash_bytes(std::as_bytes(std::span(&number, 1)), hash);
}

}  // namespace

PackNaming::PackNaming(const formats::Checkpoint& checkpoint) {
  for (const formats::StoredTensor& tensor : checkpoint.tensors()) {
    const Bytes bytes = tensor.data.empty() ? tensor.packed : tensor.data;
    if (!bytes.empty()) stored_.push_back({bytes.data(), bytes.data() + bytes.size(), &tensor.name});
  }
  std::ranges::sort(stored_, std::less<>(), &Stored::begin);
}

const PackNaming::Stored* PackNaming::find(const std::byte* at) const {
  const auto after = std::ranges::upper_bound(stored_, at, std::less<>(), &Stored::begin);
  if (after == stored_.begin()) return nullptr;
  const Stored& stored = *std::prev(after);
  return std::less<>()(at, stored.end) ? &stored : nullptr;
}

bool PackNaming::holds(const Tensor& matrix) const {
  if (!matrix.parts().empty()) {
    return std::ranges::all_of(matrix.parts(), [this](const Tensor& part) { return holds(part); });
  }
  if (!matrix.reader()) return find(matrix.data()) != nullptr;
  return std::ranges::all_of(matrix.reader()->sources(), [this](Bytes bytes) { return find(bytes.data()) != nullptr; });
}

const std::string* PackNaming::name_of(const Tensor& matrix) const {
  const Stored* stored = find(matrix.data());
  return stored != nullptr && holds(matrix) ? stored->name : nullptr;
}

std::uint64_t PackNaming::mix_place(std::uint64_t hash, const std::byte* at) const {
  const Stored& stored = *find(at);
  return mix(hash_bytes(std::as_bytes(std::span(*stored.name)), hash), static_cast<std::int64_t>(at - stored.begin));
}

// Which rows of which tensors, and where in them.
std::uint64_t PackNaming::mix_rows(std::uint64_t hash, const Tensor& matrix) const {
  hash = mix(mix(hash, matrix.shape().max_rows().value_or(0)), matrix.size(-1));
  if (matrix.row_order()) hash = hash_bytes(std::as_bytes(std::span(*matrix.row_order())), hash);
  for (const Tensor& part : matrix.parts()) hash = mix_rows(hash, part);
  if (!matrix.parts().empty()) return hash;
  if (!matrix.reader()) return mix_place(hash, matrix.data());
  const std::string_view kind = matrix.reader()->kind();
  hash = hash_bytes(std::as_bytes(std::span(kind.data(), kind.size())), hash);
  for (const Bytes bytes : matrix.reader()->sources()) hash = mix_place(hash, bytes.data());
  return hash;
}

// 0 for a stored tensor as it is, an odd number for one in another order of its rows, else an even number.
std::uint64_t PackNaming::order_of(const Tensor& matrix) const {
  const Stored* stored = find(matrix.data());
  if (stored == nullptr || !holds(matrix)) return 0;
  const auto size = static_cast<std::size_t>(stored->end - stored->begin);
  const bool whole = matrix.parts().empty() && !matrix.reader() && matrix.data() == stored->begin &&
                     (matrix.is_packed() || matrix.bytes().size() == size);
  if (!whole) return std::max<std::uint64_t>(mix_rows(0, matrix) & ~std::uint64_t{1}, 2);
  if (!matrix.row_order()) return 0;
  return hash_bytes(std::as_bytes(std::span(*matrix.row_order()))) | 1u;
}

formats::PackedTensor PackNaming::describe(const cpu::PackRequest& request) const {
  const std::string* name = name_of(request.matrix);
  const int rank = request.matrix.shape().rank();
  return {.name = name != nullptr ? *name : std::string(),
          .dtype = request.matrix.dtype(),
          .matrices = rank == 3 ? request.matrix.size(0) : 1,
          .rows = request.matrix.size(-2),
          .cols = request.matrix.size(-1),
          .order = order_of(request.matrix),
          .layout = request.layout,
          .group = request.group,
          .bytes = request.bytes};
}

PackedTensors::PackedTensors(const formats::PackIndex& index) {
  for (const formats::PackedTensor& tensor : index.tensors) by_name_.emplace(tensor.name, &tensor);
}

const formats::PackedTensor* PackedTensors::find(const formats::PackedTensor& wanted) const {
  const auto [first, last] = by_name_.equal_range(wanted.name);
  const auto found = std::find_if(first, last, [&](const auto& entry) {
    const formats::PackedTensor& tensor = *entry.second;
    return tensor.dtype == wanted.dtype && tensor.matrices == wanted.matrices && tensor.rows == wanted.rows &&
           tensor.cols == wanted.cols && tensor.order == wanted.order && tensor.layout == wanted.layout &&
           tensor.bytes == wanted.bytes;
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
