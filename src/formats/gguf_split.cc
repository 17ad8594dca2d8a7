#include "base/error.h"
#include "base/try.h"
#include "formats/gguf.h"
#include "formats/tensor_checks.h"

namespace galago::formats {
namespace {

constexpr std::uint64_t kMaxSplits = 99999;  // five digits in the names

struct SplitInfo {
  std::uint64_t index = 0;
  std::uint64_t count = 1;
  std::uint64_t n_tensors = 0;  // in all files together; 0 when the file does not say
};

Result<SplitInfo> split_info(const GgufMetadata& metadata) {
  SplitInfo split;
  GALAGO_TRY(split.count, metadata.get_u64("split.count", 1));
  GALAGO_TRY(split.index, metadata.get_u64("split.no", 0));
  GALAGO_TRY(split.n_tensors, metadata.get_u64("split.tensors.count", 0));
  if (split.count == 0) split.count = 1;  // some writers say 0 for a file that is whole
  if (split.count > kMaxSplits || split.index >= split.count) {
    return error(ErrorCode::kCorrupt, "{}: says it is file {} (split.no) of {} (split.count; at most {})",
                 metadata.source(), split.index, split.count, kMaxSplits);
  }
  return split;
}

Result<GgufFile> map_and_parse(const std::filesystem::path& path, GgufCheckpoint& checkpoint) {
  GALAGO_TRY(std::shared_ptr<const Mapping> mapping, Mapping::open(path));
  GALAGO_TRY(GgufFile file, parse_gguf(mapping->bytes(), path.string()));
  for (StoredTensor& tensor : file.tensors) tensor.file = mapping;
  checkpoint.files.push_back(std::move(mapping));
  return file;
}

void append(std::vector<StoredTensor>& all, std::vector<StoredTensor> more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

Error not_the_first(const std::filesystem::path& path, const SplitInfo& split) {
  return error(ErrorCode::kInvalidArgument,
               "{}: is file {} of a model split in {}; open the first (-00001-of-{:05}.gguf)", path.string(),
               split.index + 1, split.count, split.count);
}

// Brings in files 1 to count - 1, which must agree with the first about what they are part of.
Status open_rest(const std::filesystem::path& first, const SplitInfo& split, GgufCheckpoint& checkpoint) {
  for (std::uint64_t i = 1; i < split.count; ++i) {
    GALAGO_TRY(const std::filesystem::path path, gguf_split_path(first, i, split.count));
    GALAGO_TRY(GgufFile file, map_and_parse(path, checkpoint));
    GALAGO_TRY(const SplitInfo own, split_info(file.metadata));
    if (own.index != i || own.count != split.count) {
      return error(ErrorCode::kCorrupt, "{}: says it is file {} of {}, but its name says {} of {}", path.string(),
                   own.index + 1, own.count, i + 1, split.count);
    }
    append(checkpoint.tensors, std::move(file.tensors));
  }
  return {};
}

}  // namespace

Result<std::filesystem::path> gguf_split_path(const std::filesystem::path& first, std::uint64_t index,
                                              std::uint64_t count) {
  const std::string name = first.filename().string();
  const std::string suffix = fmt::format("-00001-of-{:05}.gguf", count);
  if (!name.ends_with(suffix)) {
    return error(ErrorCode::kInvalidArgument,
                 "{}: is the first of {} files of a split model, so its name must end in {}", first.string(), count,
                 suffix);
  }
  const std::string stem = name.substr(0, name.size() - suffix.size());
  return first.parent_path() / fmt::format("{}-{:05}-of-{:05}.gguf", stem, index + 1, count);
}

Result<GgufCheckpoint> open_gguf_files(const std::filesystem::path& path) {
  GgufCheckpoint checkpoint;
  GALAGO_TRY(GgufFile file, map_and_parse(path, checkpoint));
  GALAGO_TRY(const SplitInfo split, split_info(file.metadata));
  if (split.index != 0) return not_the_first(path, split);
  checkpoint.metadata = std::move(file.metadata);
  checkpoint.tensors = std::move(file.tensors);
  GALAGO_CHECK(open_rest(path, split, checkpoint));
  if (split.count > 1) GALAGO_CHECK(refuse_duplicate_names(checkpoint.tensors, path.string()));
  if (split.n_tensors != 0 && split.n_tensors != checkpoint.tensors.size()) {
    return error(ErrorCode::kCorrupt, "{}: its {} files hold {} tensors, but split.tensors.count is {}", path.string(),
                 split.count, checkpoint.tensors.size(), split.n_tensors);
  }
  return checkpoint;
}

}  // namespace galago::formats
