#include "formats/packed_part.h"

#include <algorithm>
#include <unordered_set>

#include "base/error.h"
#include "base/try.h"
#include "formats/quote.h"

namespace galago::formats {

Result<std::optional<PackedPart>> take_packed_part(std::vector<StoredTensor>& tensors, std::string_view source) {
  const auto found = std::ranges::find(tensors, kPackedPart, &StoredTensor::name);
  if (found == tensors.end()) return std::optional<PackedPart>();
  const StoredTensor part = *found;
  tensors.erase(found);
  if (reinterpret_cast<std::uintptr_t>(part.data.data()) % kPackAlignment != 0) {
    return error(ErrorCode::kCorrupt, "{}: tensor {} is not aligned to {} bytes", source, quote(kPackedPart),
                 kPackAlignment);
  }
  GALAGO_TRY(PackIndex index, parse_pack_index(part.data, source));
  std::unordered_set<std::string_view> names;
  for (const StoredTensor& tensor : tensors) names.insert(tensor.name);
  std::vector<StoredTensor> only_packed;
  for (const PackedTensor& tensor : index.tensors) {
    if (tensor.is_part() || !names.insert(tensor.name).second)
      continue;  // its rows are there, too, or it is packed in several orders
    const std::uint64_t end = tensor.place(tensor.matrices - 1) + tensor.matrix_bytes();
    only_packed.push_back({.name = tensor.name,
                           .dtype = tensor.dtype,
                           .shape = tensor.shape(),
                           .file = part.file,
                           .packed = part.data.subspan(tensor.offset, end - tensor.offset)});
  }
  std::ranges::move(only_packed, std::back_inserter(tensors));
  return std::optional<PackedPart>({std::move(index), part.data});
}

}  // namespace galago::formats
