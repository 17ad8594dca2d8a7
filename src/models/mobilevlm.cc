// MobileVLM V2: MobileLLaMA that sees through CLIP and LDPv2, a projector that pools a picture to 144 rows.
#include <cmath>
#include <memory>

#include "base/error.h"
#include "base/try.h"
#include "models/registry.h"
#include "models/vision_language.h"
#include "nn/tap.h"

namespace galago::models {
namespace {

constexpr int kPooledSide = 12;  // LDPv2 always gives 12 x 12 rows

// Two linears, average pooling to 12 x 12, and a depthwise convolution around which the rows pass [MobileVLM V2,
// LDPv2].
struct LdpV2 : nn::Module {
  nn::Linear mlp_0, mlp_2;
  nn::Conv2d peg;
  std::int64_t side, hidden;
  LdpV2(std::int64_t in, std::int64_t out, std::int64_t n_patches)
      : mlp_0(add("mlp.mlp.0", nn::Linear(in, out))),
        mlp_2(add("mlp.mlp.2", nn::Linear(out, out))),
        peg(add("peg.peg.0",
                nn::Conv2d(out, out, 3, {.stride = 1, .padding = 1, .groups = static_cast<int>(out), .bias = true}))),
        side(std::lround(std::sqrt(static_cast<double>(n_patches)))),
        hidden(out) {}

  // x: (side * side, in)   y: (144, out)
  Tensor operator()(const Tensor& x) const {
    const Tensor rows = nn::tap("projector_mlp", mlp_2(gelu(mlp_0(x))));
    const Tensor averaged = adaptive_avg_pool2d(as_grid(rows, side), kPooledSide, kPooledSide);
    const Tensor pooled = as_grid(nn::tap("projector_pooled", as_rows(averaged)), kPooledSide);
    return as_rows(peg(pooled) + pooled);
  }

  // (n * n, hidden) to (hidden, n, n)
  Tensor as_grid(const Tensor& rows, std::int64_t n) const { return reshape(permute(rows, {1, 0}), {hidden, n, n}); }

  // (hidden, 12, 12) to (144, hidden)
  Tensor as_rows(const Tensor& grid) const {
    return permute(reshape(grid, {hidden, kPooledSide * kPooledSide}), {1, 0});
  }
};

struct MobileVlm : nn::Module {
  nn::CausalLm language_model;
  nn::VisionTransformer vision_model;
  LdpV2 projector;
  explicit MobileVlm(const VisionLanguageConfig& config)
      : language_model(add("", nn::CausalLm(config.decoder))),
        vision_model(add("model.vision_tower.vision_tower.vision_model", nn::VisionTransformer(config.vision))),
        projector(add("model.mm_projector", LdpV2(config.vision.encoder.hidden_size, config.decoder.hidden_size,
                                                  config.vision.n_patches()))) {}
};

Result<std::unique_ptr<Model>> build_mobilevlm(const ModelSource& source) {
  const ConfigReader reader(source.config, source.description());
  GALAGO_TRY(VisionLanguageConfig config, mm_config(source));
  GALAGO_TRY(const std::string type, reader.string("mm_projector_type", ""));
  if (type != "ldpnetv2") {
    return error(ErrorCode::kUnsupported, "{}: the projector \"{}\" (mm_projector_type) is not supported; ldpnetv2 is",
                 reader.source(), type);
  }
  if (config.keeps_class_token) {
    return error(ErrorCode::kUnsupported,
                 "{}: LDPv2 takes patches alone, and mm_vision_select_feature asks for cls_patch", reader.source());
  }
  config.rows_per_image = kPooledSide * kPooledSide;
  const MobileVlm root(config);
  auto model = std::make_unique<VisionLanguageModel>("mobilevlm", config, root, parts_of(root.language_model),
                                                     root.vision_model, root.projector);
  GALAGO_CHECK(model->load(*source.weights));
  return std::unique_ptr<Model>(std::move(model));
}

}  // namespace

const Architecture& mobilevlm_architecture() {
  static const Architecture kMobileVlm{.name = "mobilevlm", .model_types = {"mobilevlm"}, .build = build_mobilevlm};
  return kMobileVlm;
}

}  // namespace galago::models
