// What a checkpoint's weights and files are called in an index of packed weights.
#pragma once

#include <string_view>
#include <unordered_map>
#include <vector>

#include "backends/cpu/pack_storage.h"
#include "formats/checkpoint.h"
#include "formats/pack_index.h"

namespace galago::runtime {

// Finds the checkpoint's name of a matrix by where its rows are: a model may call it otherwise, and may have made it of
// several tensors or of parts of them. It then has the name of the first.
class PackNaming {
 public:
  explicit PackNaming(const formats::Checkpoint& checkpoint);
  // nullptr unless all its rows are of the checkpoint.
  const std::string* name_of(const Tensor& matrix) const;
  // What the index says of a request; offset and hash are not known yet.
  formats::PackedTensor describe(const cpu::PackRequest& request) const;

 private:
  struct Stored {
    const std::byte *begin, *end;
    const std::string* name;
  };
  const Stored* find(const std::byte* at) const;
  bool holds(const Tensor& matrix) const;
  std::uint64_t order_of(const Tensor& matrix) const;
  std::uint64_t mix_rows(std::uint64_t hash, const Tensor& matrix) const;
  std::uint64_t mix_place(std::uint64_t hash, const std::byte* at) const;

  std::vector<Stored> stored_;  // by address
};

// Looks up packed tensors by name and order of rows.
class PackedTensors {
 public:
  explicit PackedTensors(const formats::PackIndex& index);
  // nullptr unless there is one that is exactly what `wanted` describes.
  const formats::PackedTensor* find(const formats::PackedTensor& wanted) const;

 private:
  std::unordered_multimap<std::string_view, const formats::PackedTensor*> by_name_;
};

// Changes with every file of the checkpoint: inode, size, time of change, the first bytes; and with its tensors' names,
// types, shapes and places.
std::uint64_t identity_of(const formats::Checkpoint& checkpoint);

}  // namespace galago::runtime
