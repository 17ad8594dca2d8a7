#include "media/image_decode.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/error.h"
#include "base/try.h"
#include "media/codecs.h"

namespace galago::media {
namespace {

struct Signature {
  std::size_t offset;
  std::string_view bytes;
  std::string_view name;
};

// A literal's bytes, its zeros included.
template <std::size_t kSize>
constexpr std::string_view raw(const char (&literal)[kSize]) {
  return {literal, kSize - 1};
}

constexpr std::string_view kPng = raw("\x89PNG\r\n\x1a\n");
constexpr std::string_view kJpeg = raw("\xff\xd8\xff");

// Kinds that people do pass, so that the error can say what the file is.
constexpr std::array kForeign = {
    Signature{0, raw("GIF8"), "a GIF"},
    Signature{8, raw("WEBP"), "a WebP"},
    Signature{4, raw("ftypavi"), "an AVIF"},
    Signature{4, raw("ftyphei"), "an HEIC"},
    Signature{4, raw("ftyphev"), "an HEIC"},
    Signature{4, raw("ftypmif1"), "an HEIF"},
    Signature{4, raw("ftypmsf1"), "an HEIF"},
    Signature{4, raw("ftyp"), "an MP4 video or another ISO media file"},
    Signature{0, raw("BM"), "a BMP"},
    Signature{0, raw("II*\0"), "a TIFF"},
    Signature{0, raw("MM\0*"), "a TIFF"},
    Signature{0, raw("\0\0\0\x0cJXL "), "a JPEG XL"},
    Signature{0, raw("\xff\x0a"), "a JPEG XL"},
    Signature{0, raw("\0\0\0\x0cjP  "), "a JPEG 2000"},
    Signature{0, raw("\xff\x4f\xff\x51"), "a JPEG 2000"},
    Signature{0, raw("8BPS"), "a Photoshop file"},
    Signature{0, raw("%PDF"), "a PDF"},
    Signature{0, raw("<svg"), "an SVG"},
    Signature{0, raw("<?xml"), "an XML file (an SVG?)"},
    Signature{0, raw("<!DOCTYPE"), "an HTML page, not the picture it shows"},
    Signature{0, raw("<html"), "an HTML page, not the picture it shows"},
    Signature{0, raw("GGUF"), "a GGUF model"},
    Signature{0, raw("\0\0\1\0"), "an icon"},
};

bool matches(std::string_view text, std::size_t offset, std::string_view signature) {
  return text.size() >= offset && text.substr(offset).starts_with(signature);
}

Error unknown_format(std::string_view text, std::string_view source) {
  for (const Signature& known : kForeign) {
    if (!matches(text, known.offset, known.bytes)) continue;
    return error(ErrorCode::kUnsupported, "{}: this is {}; PNG and JPEG are read, so convert it to one of them", source,
                 known.name);
  }
  std::string first;
  for (const char c : text.substr(0, 8))
    first += fmt::format("{}{:02x}", first.empty() ? "" : " ", static_cast<unsigned char>(c));
  return error(ErrorCode::kUnsupported,
               "{}: not a picture that is known here: it begins with {}; PNG and JPEG are read", source, first);
}

}  // namespace

Result<Image> decode_image(Bytes file, std::string_view source, const DecodeOptions& options) {
  if (file.empty()) return error(ErrorCode::kCorrupt, "{}: the file is empty; a PNG or JPEG is expected", source);
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  const std::string_view start = text.substr(0, kPng.size());
  DecodedImage decoded;
  if (start == kPng) {
    GALAGO_TRY(decoded, read_png(file, source, options));
  } else if (start.starts_with(kJpeg)) {
    GALAGO_TRY(decoded, read_jpeg(file, source, options));
  } else if (start.size() == text.size() && (kPng.starts_with(start) || kJpeg.starts_with(start))) {
    return error(ErrorCode::kCorrupt, "{}: cut off after {} bytes, within the signature of a {}", source, file.size(),
                 kPng.starts_with(start) ? "PNG" : "JPEG");
  } else {
    return unknown_format(text, source);
  }
  if (!options.apply_orientation) return std::move(decoded.image);
  return turn_upright(std::move(decoded.image), decoded.orientation, source);
}

Result<Image> load_image(const std::filesystem::path& path, const DecodeOptions& options) {
  GALAGO_TRY(const auto mapping, Mapping::open(path));
  return decode_image(mapping->bytes(), path.string(), options);
}

}  // namespace galago::media
