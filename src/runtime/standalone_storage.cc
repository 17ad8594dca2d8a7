#include "runtime/standalone_storage.h"

#include "backends/cpu/layout_fingerprint.h"
#include "base/error.h"
#include "runtime/pack_naming.h"

namespace galago::runtime {
namespace {

class StandaloneStorage : public cpu::PackStorage {
 public:
  explicit StandaloneStorage(std::shared_ptr<const formats::Checkpoint> checkpoint)
      : checkpoint_(std::move(checkpoint)), naming_(*checkpoint_), tensors_(checkpoint_->packed()->index) {}

  bool keeps(const Tensor& matrix) const override { return naming_.name_of(matrix) != nullptr; }

  std::vector<cpu::PackedPlace> find(std::span<const cpu::PackRequest> requests) override {
    std::vector<cpu::PackedPlace> places;
    const std::byte* const file = checkpoint_->packed()->bytes.data();
    for (const cpu::PackRequest& request : requests) {
      const formats::PackedTensor* found = tensors_.find(naming_.describe(request));
      places.push_back(found == nullptr ? cpu::PackedPlace() : cpu::PackedPlace{file + found->offset, found->stride});
    }
    return places;
  }

  std::unique_ptr<cpu::PackSink> create(std::span<const cpu::PackRequest>) override { return nullptr; }
  void failed(const Error&) override {}

 private:
  std::shared_ptr<const formats::Checkpoint> checkpoint_;
  PackNaming naming_;
  PackedTensors tensors_;
};

}  // namespace

Result<std::shared_ptr<cpu::PackStorage>> open_standalone(std::shared_ptr<const formats::Checkpoint> checkpoint,
                                                          std::string_view isa) {
  const formats::PackIndex& index = checkpoint->packed()->index;
  for (const formats::PackedTensor& tensor : index.tensors) {
    if (cpu::layout_fingerprint(tensor.dtype) == tensor.layout) continue;
    return error(ErrorCode::kUnsupported,
                 "{}: its {} weights are packed for {} in a layout that {} here does not have; pack the original model "
                 "again with this program",
                 checkpoint->path().string(), name(tensor.dtype), index.isa, isa);
  }
  Mapping::prefer_huge_pages(checkpoint->packed()->bytes);
  return std::shared_ptr<cpu::PackStorage>(std::make_shared<StandaloneStorage>(std::move(checkpoint)));
}

}  // namespace galago::runtime
