// Where packed weights are kept beyond the life of a process. The runtime implements it over files.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/file.h"
#include "galago/result.h"
#include "galago/tensor.h"

namespace galago::cpu {

// A matrix that is to be packed, or a stack of them.
struct PackRequest {
  Tensor matrix;
  std::uint64_t bytes = 0;   // packed, of all matrices
  std::uint64_t layout = 0;  // layout_fingerprint() of its type
  std::uint32_t group = 0;   // those that one node reads follow each other and have the same
};

// Where the packed matrices of a request are.
struct PackedPlace {
  const std::byte* data = nullptr;  // of the first; null: nowhere
  std::uint64_t stride = 0;         // from one to the next
};

// Takes the packed bytes of requests, in slices.
class PackSink {
 public:
  virtual ~PackSink() = default;
  // Slices of any request in any order, from any thread; offsets go on from one matrix of a stack to the next.
  virtual Status write(std::size_t request, std::uint64_t offset, Bytes packed) = 0;
  // After all slices: where each request is from now on.
  virtual Result<std::vector<PackedPlace>> finish() = 0;
};

class PackStorage {
 public:
  virtual ~PackStorage() = default;
  // Whether the matrix is one that it can keep: weights of its model, not what was computed from them.
  virtual bool keeps(const Tensor& matrix) const = 0;
  // What follows is asked of such matrices alone. For each request where it was packed before, for as long as this
  // lives.
  virtual std::vector<PackedPlace> find(std::span<const PackRequest> requests) = 0;
  // A place for the requests; nullptr when there is none, and they are packed into memory.
  virtual std::unique_ptr<PackSink> create(std::span<const PackRequest> requests) = 0;
  // The sink failed, and the requests are packed into memory instead.
  virtual void failed(const Error& error) = 0;
};

}  // namespace galago::cpu
