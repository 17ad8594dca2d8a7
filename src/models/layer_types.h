// Which layers look back on a window only.
#pragma once

#include <functional>
#include <vector>

#include "models/config_reader.h"

namespace galago::models {

// For each layer whether it slides: by the list "layer_types" ("full_attention", "sliding_attention") where there is
// one, else by `rule`.
Result<std::vector<bool>> sliding_layers(const ConfigReader& reader, int n_layers,
                                         const std::function<bool(int layer)>& rule);

// The windows ("sliding_window") of layers, 0 for those that do not slide. Fails where a layer slides and there is no
// window.
Result<std::vector<int>> layer_windows(const ConfigReader& reader, const std::vector<bool>& slides);

// Qwen's rule: none without use_sliding_window; with it, "layer_types", or the layers from max_window_layers on. Empty:
// no layer slides.
Result<std::vector<int>> qwen_windows(const ConfigReader& reader, int n_layers);

}  // namespace galago::models
