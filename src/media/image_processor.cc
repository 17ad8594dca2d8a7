#include "media/image_processor.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "base/try.h"
#include "media/image_buffer.h"

namespace galago::media {
namespace {

// No vision tower looks at more than a few thousand pixels; some configs count pixels under these keys.
constexpr std::int64_t kMaxConfigSize = 1 << 24;

class ConfigReader {
 public:
  ConfigReader(const Json& json, std::string_view source) : json_(json), source_(source) {}

  Status read(ImageProcessorConfig& config) const {
    GALAGO_TRY(config.type, get_string(json_, "feature_extractor_type", config.type, source_));
    GALAGO_TRY(config.type, get_string(json_, "image_processor_type", config.type, source_));
    GALAGO_TRY(config.do_resize, get_bool(json_, "do_resize", config.do_resize, source_));
    GALAGO_TRY(config.do_center_crop, get_bool(json_, "do_center_crop", config.do_center_crop, source_));
    GALAGO_TRY(config.do_rescale, get_bool(json_, "do_rescale", config.do_rescale, source_));
    GALAGO_TRY(config.do_normalize, get_bool(json_, "do_normalize", config.do_normalize, source_));
    GALAGO_CHECK(read_resample(config.resample));
    GALAGO_CHECK(read_size(config));
    GALAGO_CHECK(read_crop_size(config.crop_size));
    GALAGO_TRY(config.rescale_factor, get_number(json_, "rescale_factor", config.rescale_factor, source_));
    if (!std::isfinite(config.rescale_factor) || config.rescale_factor == 0.0) {
      return error(ErrorCode::kCorrupt, "{}: \"rescale_factor\" is {}; a number other than 0 is expected, like 1/255",
                   source_, config.rescale_factor);
    }
    GALAGO_CHECK(read_channels("image_mean", config.image_mean));
    GALAGO_CHECK(read_channels("image_std", config.image_std));
    for (const double deviation : config.image_std) {
      if (static_cast<float>(deviation) > 0.0f) continue;
      return error(ErrorCode::kCorrupt, "{}: \"image_std\" holds {}; pixels are divided by it, so it must be above 0",
                   source_, deviation);
    }
    return {};
  }

 private:
  Status read_resample(Filter& filter) const {
    const Json* value = find(json_, "resample");
    if (value == nullptr) return {};
    if (value->is_string()) {
      GALAGO_TRY(const std::string name, get_string(json_, "resample", "", source_));
      const auto named = filter_from_name(name);
      if (!named) {
        return error(ErrorCode::kCorrupt,
                     "{}: \"resample\" is \"{}\"; known are nearest, lanczos, bilinear, bicubic, box, hamming", source_,
                     name);
      }
      filter = *named;
      return {};
    }
    GALAGO_TRY(const std::int64_t number, get_int(json_, "resample", 0, source_));
    if (number < 0 || number > 5) {
      return error(ErrorCode::kCorrupt,
                   "{}: \"resample\" is {}; 0 (nearest) to 5 (hamming) are known, 2 being bilinear and 3 bicubic",
                   source_, number);
    }
    filter = static_cast<Filter>(number);
    return {};
  }

  // A side under `key` of `object`; 0 when it is absent. `path` names it in errors.
  Result<int> read_side(const Json& object, std::string_view key, std::string_view path) const {
    if (find(object, key) == nullptr) return 0;
    GALAGO_TRY(const std::int64_t side, get_int(object, key, 0, source_));
    if (side <= 0 || side > kMaxConfigSize) {
      return error(ErrorCode::kCorrupt, "{}: \"{}\" is {}; 1 to {} pixels are possible", source_, path, side,
                   kMaxConfigSize);
    }
    return static_cast<int>(side);
  }

  Status read_size(ImageProcessorConfig& config) const {
    const Json* value = find(json_, "size");
    if (value == nullptr) return {};
    TargetSize size;
    if (value->is_object()) {
      GALAGO_TRY(size.width, read_side(*value, "width", "size.width"));
      GALAGO_TRY(size.height, read_side(*value, "height", "size.height"));
      GALAGO_TRY(size.shortest_edge, read_side(*value, "shortest_edge", "size.shortest_edge"));
      GALAGO_TRY(size.longest_edge, read_side(*value, "longest_edge", "size.longest_edge"));
      if ((size.width == 0) != (size.height == 0)) {
        return error(ErrorCode::kCorrupt, "{}: \"size\" has a {} but no {}", source_, size.width ? "width" : "height",
                     size.width ? "height" : "width");
      }
    } else if (value->is_array()) {
      GALAGO_TRY(const Size pair, read_pair(*value, "size"));
      size = {.width = pair.width, .height = pair.height};
    } else {
      GALAGO_TRY(const int side, read_side(json_, "size", "size"));
      size = config.square_size ? TargetSize{.width = side, .height = side} : TargetSize{.shortest_edge = side};
    }
    config.size = size;
    return {};
  }

  Status read_crop_size(Size& crop_size) const {
    const Json* value = find(json_, "crop_size");
    if (value == nullptr) return {};
    if (value->is_array()) {
      GALAGO_TRY(crop_size, read_pair(*value, "crop_size"));
    } else if (value->is_object()) {
      GALAGO_TRY(const int width, read_side(*value, "width", "crop_size.width"));
      GALAGO_TRY(const int height, read_side(*value, "height", "crop_size.height"));
      if (width == 0 || height == 0) {
        return error(ErrorCode::kCorrupt, "{}: \"crop_size\" must be a number or have both width and height", source_);
      }
      crop_size = {width, height};
    } else {
      GALAGO_TRY(const int side, read_side(json_, "crop_size", "crop_size"));
      crop_size = {side, side};
    }
    return {};
  }

  // [height, width], the order of transformers' lists.
  Result<Size> read_pair(const Json& array, std::string_view key) const {
    if (array.size() != 2) {
      return error(ErrorCode::kCorrupt, "{}: \"{}\" lists {} numbers; [height, width] is expected", source_, key,
                   array.size());
    }
    const Json named = {{"height", array[0]}, {"width", array[1]}};
    GALAGO_TRY(const int height, read_side(named, "height", key));
    GALAGO_TRY(const int width, read_side(named, "width", key));
    if (width == 0 || height == 0) return error(ErrorCode::kCorrupt, "{}: \"{}\" lists a null", source_, key);
    return Size{width, height};
  }

  // One number for all channels, or one for each.
  Status read_channels(std::string_view key, std::array<double, 3>& channels) const {
    const Json* value = find(json_, key);
    if (value == nullptr) return {};
    if (value->is_number()) {
      channels.fill(value->get<double>());
    } else if (!value->is_array() || value->size() != 3) {
      return error(ErrorCode::kCorrupt,
                   "{}: \"{}\" must be a number or a list of 3, one for each of red, green and blue; it is {} of {}",
                   source_, key, value->type_name(), value->size());
    } else {
      for (std::size_t i = 0; i < 3; ++i) {
        const Json& entry = (*value)[i];
        if (!entry.is_number()) {
          return error(ErrorCode::kCorrupt, "{}: \"{}\"[{}] is {} where a number is expected", source_, key, i,
                       entry.type_name());
        }
        channels[i] = entry.get<double>();
      }
    }
    for (const double channel : channels) {
      if (!std::isfinite(static_cast<float>(channel))) {
        return error(ErrorCode::kCorrupt, "{}: \"{}\" holds {}, which is no finite float", source_, key, channel);
      }
    }
    return {};
  }

  const Json& json_;
  std::string_view source_;
};

// int(mean * 255), as LLaVA and MobileVLM fill.
Rgb mean_color(const ImageProcessorConfig& config) {
  Rgb color;
  for (std::size_t i = 0; i < 3; ++i)
    color[i] = static_cast<std::uint8_t>(std::clamp(config.image_mean[i] * 255.0, 0.0, 255.0));
  return color;
}

Result<Size> resized_size(Size from, const ImageProcessorConfig& config) {
  if (!config.do_resize) return from;
  const TargetSize& size = config.size;
  if (size.longest_edge == 0 && size.shortest_edge > 0) return shortest_edge_size(from, size.shortest_edge);
  if (size.longest_edge == 0 && size.width > 0 && size.height > 0) return Size{size.width, size.height};
  return error(ErrorCode::kUnsupported,
               "image processor {}: a size of width {}, height {}, shortest edge {}, longest edge {}; either width and "
               "height or the shortest edge alone is expected",
               config.type, size.width, size.height, size.shortest_edge, size.longest_edge);
}

}  // namespace

Result<ImageProcessorConfig> parse_image_processor(std::string_view json, std::string_view source,
                                                   const ImageProcessorConfig& defaults) {
  GALAGO_TRY(const Json document, parse_json(json, source));
  if (!document.is_object()) {
    return error(ErrorCode::kCorrupt, "{}: an object with the image processor's settings is expected, not {}", source,
                 document.type_name());
  }
  const Json* nested = find(document, "image_processor");
  const Json& settings = nested != nullptr && nested->is_object() ? *nested : document;
  ImageProcessorConfig config = defaults;
  GALAGO_CHECK(ConfigReader(settings, source).read(config));
  return config;
}

Result<Image> process_pixels(const Image& image, const ImageProcessorConfig& config, bool pad_to_square) {
  GALAGO_CHECK(check_image(image, "image"));
  Canvas canvas = canvas_of(image);
  if (pad_to_square) {
    GALAGO_TRY(canvas, square_canvas(image, mean_color(config)));
  }
  GALAGO_TRY(const Size scaled, resized_size({canvas.width, canvas.height}, config));
  if (!config.do_center_crop) {
    return resize_window(canvas, scaled.width, scaled.height, config.resample, {0, 0, scaled.width, scaled.height});
  }
  // Only what the crop keeps is computed: a panorama scaled by its short side may be enormous.
  const CenterCrop kept = center_crop_of(scaled, config.crop_size);
  GALAGO_TRY(Image part, resize_window(canvas, scaled.width, scaled.height, config.resample, kept.part));
  if (kept.part.width == config.crop_size.width && kept.part.height == config.crop_size.height) return part;
  return center_crop(part, config.crop_size);
}

Result<PixelValues> process(const Image& image, const ImageProcessorConfig& config, bool pad_to_square) {
  GALAGO_TRY(const Image pixels, process_pixels(image, config, pad_to_square));
  PixelValues result{3, pixels.height, pixels.width, {}};
  GALAGO_TRY(result.values, to_planes(pixels, {config.do_rescale, config.rescale_factor, config.do_normalize,
                                               config.image_mean, config.image_std}));
  return result;
}

}  // namespace galago::media
