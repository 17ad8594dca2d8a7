// A tensor as it lies in a checkpoint's file: name, type, shape and the mapped bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "galago/dtype.h"

namespace galago::formats {

struct StoredTensor {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;      // row-major, outermost first, as PyTorch has it (GGUF stores the reverse)
  Bytes data;                           // exactly the bytes of dtype x shape; may be unaligned in safetensors files
  std::shared_ptr<const Mapping> file;  // keeps `data` alive; null when parsed from memory
  Bytes packed{};                       // in a file of `galago pack`: `data` in a backend's order, instead of `data`

  std::uint64_t stored_bytes() const { return data.empty() ? packed.size() : data.size(); }
};

// A tensor whose element type the engine cannot read (float8, u16, ...): listed, refused when used.
struct UnsupportedTensor {
  std::string name;
  std::string type;  // as the file spells it: "F8_E4M3"
  std::vector<std::int64_t> shape;
  std::uint64_t bytes = 0;
};

}  // namespace galago::formats
