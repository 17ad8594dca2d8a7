// The codecs of a build with GALAGO_MEDIA off.
#include "base/error.h"
#include "media/codecs.h"
#include "media/image_encode.h"

namespace galago::media {
namespace {

Error left_out(std::string_view source, std::string_view what) {
  return error(ErrorCode::kUnsupported,
               "{}: this build cannot {}; configure it with -DGALAGO_MEDIA=ON, or pass raw RGB pixels", source, what);
}

}  // namespace

Result<DecodedImage> read_png(Bytes, std::string_view source, const DecodeOptions&) {
  return left_out(source, "read PNG");
}
Result<DecodedImage> read_jpeg(Bytes, std::string_view source, const DecodeOptions&) {
  return left_out(source, "read JPEG");
}
Result<std::vector<std::byte>> encode_png(const Image&, std::string_view source) {
  return left_out(source, "write PNG");
}
Status save_png(const std::filesystem::path& path, const Image&) { return left_out(path.string(), "write PNG"); }

}  // namespace galago::media
