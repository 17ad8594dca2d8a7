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

// A matrix that is to be packed.
struct PackRequest {
  Tensor matrix;
  std::uint64_t bytes = 0;   // packed
  std::uint64_t layout = 0;  // layout_fingerprint() of its type
};

// Takes the packed bytes of requests, in slices.
class PackSink {
 public:
  virtual ~PackSink() = default;
  // Slices of any request in any order, from any thread.
  virtual Status write(std::size_t request, std::uint64_t offset, Bytes packed) = 0;
  // After all slices: where the bytes of each request are from now on.
  virtual Result<std::vector<Bytes>> finish() = 0;
};

class PackStorage {
 public:
  virtual ~PackStorage() = default;
  // Whether the matrix is one that it can keep: weights of its model, not what was computed from them.
  virtual bool keeps(const Tensor& matrix) const = 0;
  // What follows is asked of such matrices alone. For each request the bytes as they were packed before; empty where
  // there are none. They stay as long as this.
  virtual std::vector<Bytes> find(std::span<const PackRequest> requests) = 0;
  // A place for the requests; nullptr when there is none, and they are packed into memory.
  virtual std::unique_ptr<PackSink> create(std::span<const PackRequest> requests) = 0;
  // The sink failed, and the requests are packed into memory instead.
  virtual void failed(const Error& error) = 0;
};

}  // namespace galago::cpu
