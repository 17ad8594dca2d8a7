// A checkpoint folder that brings pictures and the prompt that goes with them.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "galago/image.h"
#include "galago/result.h"

namespace galago::verify {

struct MediaFolder {
  std::vector<Image> images;         // image_0.png, image_1.jpg, ... in the order of their numbers
  std::vector<std::string> prompts;  // manifest.json's "prompt": one, or a list for encoders

  // Nothing when `folder` is none or has no pictures. Fails when pictures or manifest cannot be read, and on options
  // ("runtime") that nothing here knows.
  static Result<std::optional<MediaFolder>> read(const std::filesystem::path& folder);
};

}  // namespace galago::verify
