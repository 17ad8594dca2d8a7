#include "runtime/standalone_writer.h"

#include <unistd.h>

#include <algorithm>
#include <set>

#include "base/cpu_topology.h"
#include "base/error.h"
#include "base/try.h"
#include "formats/gguf_writer.h"
#include "graph/pipeline.h"
#include "models/model.h"
#include "runtime/greedy.h"
#include "runtime/pack_file_storage.h"
#include "runtime/pack_naming.h"
#include "runtime/pack_verify.h"

namespace galago::runtime {
namespace {

namespace fs = std::filesystem;

constexpr int kComparedTokens = 24;
constexpr std::string_view kAlignmentKey = "general.alignment", kPaddingKey = "galago.padding";

// Removes a file on every way out.
class TemporaryFile {
 public:
  explicit TemporaryFile(fs::path path) : path_(std::move(path)) {}
  ~TemporaryFile() {
    std::error_code ignored;
    fs::remove(path_, ignored);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

fs::path beside(const fs::path& path, std::string_view purpose) {
  return fs::path(fmt::format("{}.{}-{}.tmp", path.string(), ::getpid(), purpose));
}

// Calls visit(address) for each place in which the rows of a tensor begin.
template <class Visit>
void for_each_place(const Tensor& tensor, const Visit& visit) {
  for (const Tensor& part : tensor.parts()) for_each_place(part, visit);
  if (!tensor.parts().empty()) return;
  if (!tensor.reader()) return visit(tensor.data());
  for (const Bytes source : tensor.reader()->sources()) visit(source.data());
}

// Where the rows of weights begin which some program reads, embeddings and all that is not packed, or which are needed
// to know what was packed: parts of tensors.
Result<std::set<const std::byte*>> needed_rows(const Engine& engine) {
  std::set<const std::byte*> places;
  const PackNaming naming(engine.checkpoint());
  for (const models::Entry& entry : engine.model().entries(engine.limits())) {
    GALAGO_TRY(graph::Graph graph, models::trace_entry(engine.model(), entry, /*taps=*/false));
    GALAGO_TRY(graph, graph::run_passes(std::move(graph), asked(engine.backends())));
    for (const graph::Node& node : graph.nodes) {
      std::vector<graph::ValueId> weights;
      graph::for_each_weight(node, [&weights](graph::ValueId id) { weights.push_back(id); });
      for (const graph::ValueId id : node.inputs) {
        const graph::Value& value = graph.value(id);
        if (!value.is_constant()) continue;
        const bool packed = !value.layout.empty() && std::find(weights.begin(), weights.end(), id) != weights.end();
        if (packed && !naming.describe({value.constant}).is_part()) continue;
        for_each_place(value.constant, [&places](const std::byte* at) { places.insert(at); });
      }
    }
  }
  return places;
}

bool is_needed(const formats::StoredTensor& stored, const std::set<const std::byte*>& places) {
  const auto first = places.lower_bound(stored.data.data());
  return first != places.end() && *first < stored.data.data() + stored.data.size();
}

// Whether the packed bytes of an index stand for the whole stored tensor.
bool is_whole(const formats::StoredTensor& stored, const formats::PackIndex& index) {
  return std::ranges::any_of(index.tensors, [&](const formats::PackedTensor& packed) {
    return !packed.is_part() && packed.name == stored.name && packed.dtype == stored.dtype &&
           packed.shape() == stored.shape;
  });
}

void copy_metadata(const formats::Checkpoint& checkpoint, formats::GgufWriter& writer) {
  for (const formats::GgufMetadata::Entry& entry : checkpoint.metadata().entries()) {
    if (entry.key != kAlignmentKey && !entry.key.starts_with("split.")) writer.copy(entry.key, entry.value);
  }
  writer.set(kAlignmentKey, static_cast<std::uint32_t>(formats::kPackAlignment));
}

// The checkpoint's metadata and tensors, and the packed weights as one tensor of bytes.
Status assemble(const Engine& engine, const PackFileStorage& packed, const fs::path& path, StandaloneReport& report) {
  const formats::Checkpoint& checkpoint = engine.checkpoint();
  formats::GgufWriter writer;
  copy_metadata(checkpoint, writer);
  GALAGO_TRY(const std::vector<formats::SideFile> side_files, checkpoint.side_files());
  for (const formats::SideFile& file : side_files) {
    writer.set(std::string(formats::kSideFileKey) + file.name, std::string_view(file.text));
  }
  // First, and at the alignment of its groups.
  const Bytes bytes = packed.file()->bytes();
  writer.add({.name = std::string(formats::kPackedPart),
              .dtype = DType::kI8,
              .shape = {static_cast<std::int64_t>(bytes.size())},
              .data = bytes,
              .file = packed.file()});
  GALAGO_TRY(const std::set<const std::byte*> needed, needed_rows(engine));
  for (const formats::StoredTensor& tensor : checkpoint.tensors()) {
    if (!is_needed(tensor, needed) && is_whole(tensor, packed.index())) continue;
    writer.add(tensor);
    ++report.other_tensors;
  }
  writer.align_data(kPaddingKey, formats::kPackGroupAlignment);
  GALAGO_CHECK(writer.write(path));
  report.isa = packed.index().isa;
  report.packed_tensors = packed.index().tensors.size();
  report.packed_bytes = bytes.size();
  std::error_code ignored;
  report.file_bytes = fs::file_size(path, ignored);
  return {};
}

// Both files give the same packed bytes and the same text.
Status compare(const fs::path& in, const std::shared_ptr<const Engine>& original, const fs::path& out,
               const ModelOptions& options, StandaloneReport& report) {
  GALAGO_TRY(const auto engine, Engine::open(out, options));
  const formats::PackedPart& part = *engine->checkpoint().packed();
  GALAGO_CHECK(check_hashes(part.index, part.bytes, out, engine->n_threads()));
  GALAGO_CHECK(check_against_source(part.index, part.bytes, out, in, options));
  if (engine->model().info().vocab_size == 0) return {};  // an encoder writes nothing
  GALAGO_TRY(const GreedyRun expected, run_greedily(*original, kComparedTokens));
  GALAGO_TRY(const GreedyRun found, run_greedily(*engine, kComparedTokens));
  report.compared_tokens = kComparedTokens;
  if (found == expected) return {};
  return error(ErrorCode::kInternal, "{}: writes other tokens than {}; please report it", out.string(), in.string());
}

}  // namespace

Result<StandaloneReport> write_standalone(const fs::path& in, const fs::path& out, const ModelOptions& options) {
  ModelOptions plain = options;
  plain.pack_cache.enabled = false;
  const TemporaryFile packing(beside(out, "packing")), whole(beside(out, "model"));
  std::shared_ptr<PackFileStorage> packed;
  const auto make = [&](const std::shared_ptr<const formats::Checkpoint>& checkpoint,
                        const std::string& isa) -> Result<std::shared_ptr<cpu::PackStorage>> {
    if (checkpoint->packed() != nullptr) {
      return error(ErrorCode::kInvalidArgument, "{}: is packed already; pack the model that it was made from",
                   in.string());
    }
    const int n_threads = plain.n_threads > 0 ? plain.n_threads : default_threads();
    packed = std::make_shared<PackFileStorage>(
        checkpoint, PackFileStorage::Options{.path = packing.path(), .isa = isa, .n_threads = n_threads});
    return std::shared_ptr<cpu::PackStorage>(packed);
  };
  GALAGO_TRY(const auto engine, Engine::open(in, plain, make));
  if (packed->failure()) return *packed->failure();
  if (packed->file() == nullptr) {
    return error(ErrorCode::kUnsupported, "{}: none of its weights are packed, so there is nothing to gain",
                 in.string());
  }
  StandaloneReport report;
  GALAGO_CHECK(assemble(*engine, *packed, whole.path(), report));
  plain.progress = nullptr;
  GALAGO_CHECK(compare(in, engine, whole.path(), plain, report));
  std::error_code failed;
  fs::rename(whole.path(), out, failed);
  if (failed) return error(ErrorCode::kIo, "{}: cannot move the new file here: {}", out.string(), failed.message());
  return report;
}

}  // namespace galago::runtime
