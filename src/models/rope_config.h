// Rope's keys of Hugging Face's configurations.
#pragma once

#include <string_view>

#include "models/config_reader.h"
#include "nn/rotary.h"

namespace galago::models {

// rope_theta beside rope_scaling {rope_type or type, ...}, or both in rope_parameters (transformers 5), where each kind
// of layer may have its own: `layer_type` ("full_attention") chooses. The part of a head that turns is
// partial_rotary_factor or rotary_dim. `sequence_length` as of nn::RopeConfig.
Result<nn::RopeConfig> rope_config(const ConfigReader& reader, std::int64_t head_dim, std::int64_t sequence_length,
                                   std::string_view layer_type = "");

}  // namespace galago::models
