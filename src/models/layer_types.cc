#include "models/layer_types.h"

#include <algorithm>

#include "base/error.h"
#include "base/try.h"

namespace galago::models {

Result<std::vector<bool>> sliding_layers(const ConfigReader& reader, int n_layers,
                                         const std::function<bool(int layer)>& rule) {
  GALAGO_TRY(const std::vector<std::string> types, reader.strings("layer_types"));
  if (!types.empty() && types.size() != static_cast<std::size_t>(n_layers)) {
    return error(ErrorCode::kCorrupt, "{}: \"layer_types\" has {} elements; the model has {} layers", reader.source(),
                 types.size(), n_layers);
  }
  std::vector<bool> slides;
  for (int layer = 0; layer < n_layers; ++layer) {
    if (types.empty()) {
      slides.push_back(rule(layer));
      continue;
    }
    const std::string& type = types[static_cast<std::size_t>(layer)];
    if (type != "full_attention" && type != "sliding_attention") {
      return error(ErrorCode::kUnsupported,
                   "{}: \"layer_types\" has \"{}\"; full_attention and sliding_attention are known here",
                   reader.source(), type);
    }
    slides.push_back(type == "sliding_attention");
  }
  return slides;
}

Result<std::vector<int>> layer_windows(const ConfigReader& reader, const std::vector<bool>& slides) {
  const bool any = std::find(slides.begin(), slides.end(), true) != slides.end();
  std::vector<int> windows(slides.size(), 0);
  if (!any) return windows;
  GALAGO_TRY(const std::int64_t window, reader.size("sliding_window", 0));
  for (std::size_t layer = 0; layer < slides.size(); ++layer) {
    if (slides[layer]) windows[layer] = static_cast<int>(window);
  }
  return windows;
}

Result<std::vector<int>> qwen_windows(const ConfigReader& reader, int n_layers) {
  GALAGO_TRY(const bool asked, reader.boolean("use_sliding_window", false));
  GALAGO_TRY(const std::int64_t window, reader.integer("sliding_window", 0, 0, kMaxSize));
  const bool used = asked && window != 0;
  GALAGO_TRY(const std::int64_t first, reader.integer("max_window_layers", 28, 0, kMaxSize));
  GALAGO_TRY(const std::vector<bool> slides,
             sliding_layers(reader, n_layers, [&](int layer) { return used && layer >= first; }));
  if (!used && reader.has("layer_types") && std::find(slides.begin(), slides.end(), true) != slides.end()) {
    return error(ErrorCode::kCorrupt,
                 "{}: \"layer_types\" has sliding layers, which have no window without \"use_sliding_window\" and "
                 "\"sliding_window\"",
                 reader.source());
  }
  return layer_windows(reader, slides);
}

}  // namespace galago::models
