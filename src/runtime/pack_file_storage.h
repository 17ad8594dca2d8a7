// Packed weights of one checkpoint in one file: mapped when it is there and fits, else written while packing.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "backends/cpu/pack_storage.h"
#include "formats/pack_writer.h"
#include "runtime/pack_naming.h"

namespace galago::runtime {

class PackFileStorage : public cpu::PackStorage {
 public:
  struct Options {
    std::filesystem::path path;
    std::string isa;
    int n_threads = 1;  // for hashing
    // Called before a file of that size, with so many packed bytes, is written: makes room, or says why not; false: it
    // is not worth a file.
    std::function<Result<bool>(std::uint64_t file_bytes, std::uint64_t packed_bytes)> make_room;
  };
  PackFileStorage(std::shared_ptr<const formats::Checkpoint> checkpoint, Options options);

  bool keeps(const Tensor& matrix) const override { return naming_.name_of(matrix) != nullptr; }
  // All or, when one of them is not in the file, none.
  std::vector<cpu::PackedPlace> find(std::span<const cpu::PackRequest> requests) override;
  // Only for those that find() was first asked for: later ones are few, and the file holds the first.
  std::unique_ptr<cpu::PackSink> create(std::span<const cpu::PackRequest> requests) override;
  void failed(const Error& error) override { failure_ = error; }

  enum class Outcome : std::uint8_t { kUnused, kMapped, kWritten, kFailed };
  Outcome outcome() const;
  // Why nothing is kept, when the outcome is kFailed.
  const std::optional<Error>& failure() const { return failure_; }
  const std::filesystem::path& path() const { return options_.path; }
  const formats::PackIndex& index() const { return index_; }
  const std::shared_ptr<const Mapping>& file() const { return file_; }

 private:
  class Sink;
  Status open();

  std::shared_ptr<const formats::Checkpoint> checkpoint_;
  Options options_;
  PackNaming naming_;
  std::uint64_t identity_;
  formats::PackIndex index_;
  std::shared_ptr<const Mapping> file_;  // null: none
  bool asked_ = false, may_write_ = false, written_ = false;
  std::optional<Error> failure_;
};

}  // namespace galago::runtime
