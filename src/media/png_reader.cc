#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <optional>

#include "base/error.h"
#include "base/try.h"
#include "media/codecs.h"

namespace galago::media {
namespace {

// libpng's own default, and far above any picture within kMaxPixels that has two sides worth seeing.
constexpr std::uint32_t kMaxPngSide = 1'000'000;

// libpng reports errors by longjmp. Everything that outlives a jump is a member, each stage is a function that calls
// setjmp and holds nothing with a destructor, and the structures are freed by ours, which no jump passes.
class PngReader {
 public:
  explicit PngReader(Bytes file) : file_(file) {}
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }

  // Each stage returns false after an error, which message() and truncated() then explain.
  bool read_header();
  bool read_rows(Image& image);

  std::uint32_t width() const { return png_get_image_width(png_, info_); }
  std::uint32_t height() const { return png_get_image_height(png_, info_); }
  // Bytes of all rows as stored, filter bytes included; interlacing only adds to it.
  std::uint64_t stored_bytes() const { return (std::uint64_t{png_get_rowbytes(png_, info_)} + 1) * height(); }
  bool truncated() const { return truncated_; }
  const char* message() const { return message_; }
  std::size_t position() const { return position_; }

 private:
  static void on_error(png_structp png, png_const_charp message);
  static void on_warning(png_structp, png_const_charp) {}  // Pillow shows none either; the library never prints
  static void on_read(png_structp png, png_bytep to, std::size_t size);
  void request_rgb();

  Bytes file_;
  std::size_t position_ = 0;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  bool gray16_ = false;
  bool truncated_ = false;
  char message_[128] = "no memory";
  std::jmp_buf jump_;
};

void PngReader::on_error(png_structp png, png_const_charp message) {
  auto* self = static_cast<PngReader*>(png_get_error_ptr(png));
  std::snprintf(self->message_, sizeof(self->message_), "%s", message);
  std::longjmp(self->jump_, 1);
}

void PngReader::on_read(png_structp png, png_bytep to, std::size_t size) {
  auto* self = static_cast<PngReader*>(png_get_io_ptr(png));
  if (self->file_.size() - self->position_ < size) {
    self->truncated_ = true;
    png_error(png, "unexpected end");
  }
  std::memcpy(to, self->file_.data() + self->position_, size);
  self->position_ += size;
}

bool PngReader::read_header() {
  if (setjmp(jump_) != 0) return false;
  png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error, on_warning);
  if (png_ == nullptr) return false;
  info_ = png_create_info_struct(png_);
  if (info_ == nullptr) return false;
  png_set_read_fn(png_, this, on_read);
  // The caller names the limit; libpng would only say that there is one.
  png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  // No ancillary chunk changes the pixels (Pillow ignores gamma, profiles and transparency here), and unread ones
  // cannot inflate. A negative count stands for libpng's list of them, which lacks tRNS.
  png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, reinterpret_cast<png_const_bytep>("tRNS"), 1);
  png_set_chunk_malloc_max(png_, 0);
  png_read_info(png_, info_);
  return true;
}

void PngReader::request_rgb() {
  const int type = png_get_color_type(png_, info_);
  const int depth = png_get_bit_depth(png_, info_);
  // Pillow has no 8-bit reading of 16-bit gray: its mode I;16 becomes RGB by clipping at 255. Alpha beside it changes
  // that: then, as with colour, the high byte counts.
  gray16_ = type == PNG_COLOR_TYPE_GRAY && depth == 16;
  if (gray16_) return;
  if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png_);
  if ((type & PNG_COLOR_MASK_COLOR) == 0) {
    if (depth < 8) png_set_expand_gray_1_2_4_to_8(png_);
    png_set_gray_to_rgb(png_);
  }
  if (depth == 16) png_set_strip_16(png_);
  if ((type & PNG_COLOR_MASK_ALPHA) != 0) png_set_strip_alpha(png_);
}

bool PngReader::read_rows(Image& image) {
  if (setjmp(jump_) != 0) return false;
  request_rgb();
  const int passes = png_set_interlace_handling(png_);
  png_read_update_info(png_, info_);
  const std::size_t row_bytes = std::size_t{3} * width();
  if (png_get_rowbytes(png_, info_) != (gray16_ ? std::size_t{2} * width() : row_bytes))
    png_error(png_, "unexpected row size");
  // 16-bit rows are read into the last two thirds of their RGB row and widened from the left, never overtaking.
  const std::size_t offset = gray16_ ? width() : 0;
  for (int pass = 0; pass < passes; ++pass) {
    for (std::uint32_t y = 0; y < height(); ++y) png_read_row(png_, image.rgb.data() + y * row_bytes + offset, nullptr);
  }
  if (!gray16_) return true;
  for (std::uint32_t y = 0; y < height(); ++y) {
    std::uint8_t* row = image.rgb.data() + y * row_bytes;
    for (std::size_t x = 0; x < width(); ++x) {
      const std::uint8_t value = row[offset + 2 * x] != 0 ? 255 : row[offset + 2 * x + 1];
      row[3 * x] = row[3 * x + 1] = row[3 * x + 2] = value;
    }
  }
  return true;
}

Error damaged(const PngReader& reader, std::string_view source) {
  if (reader.truncated()) {
    return error(ErrorCode::kCorrupt, "{}: the PNG is cut off: it ends at byte {}, before its last pixel", source,
                 reader.position());
  }
  return error(ErrorCode::kCorrupt, "{}: not a valid PNG, at byte {}: {}", source, reader.position(), reader.message());
}

// Proves the declared size against the limits and against the file, before memory is taken for it.
Status check_size(const PngReader& reader, Bytes file, std::string_view source, const DecodeOptions& options) {
  const std::uint32_t width = reader.width();
  const std::uint32_t height = reader.height();
  if (width > kMaxPngSide || height > kMaxPngSide) {
    return error(ErrorCode::kOutOfRange, "{}: {}x{} pixels; a PNG's side may have at most {}", source, width, height,
                 kMaxPngSide);
  }
  if (std::int64_t{width} * height > options.max_pixels) {
    return error(ErrorCode::kOutOfRange, "{}: {}x{} are {} pixels, over the limit of {}; scale the picture down first",
                 source, width, height, std::int64_t{width} * height, options.max_pixels);
  }
  // Deflate's densest code is a bit for a match of 258 bytes and a bit for its distance: 1032 to 1.
  if (reader.stored_bytes() / 1032 > file.size()) {
    return error(ErrorCode::kCorrupt, "{}: declares {}x{} pixels, which a PNG of {} bytes cannot hold", source, width,
                 height, file.size());
  }
  return {};
}

// Chunks are a length (4, big endian), a type (4), the data and a CRC (4). eXIf holds a TIFF block; iTXt holds
// XMP under its keyword, then compression flag and method, a language and a translated keyword. (Packets that are
// compressed, and ImageMagick's old "Raw profile type exif" texts, are not looked into.)
Orientation find_orientation(Bytes file) {
  std::optional<Orientation> from_exif;
  std::optional<Orientation> from_xmp;
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  std::uint64_t at = 8;
  while (at + 12 <= file.size()) {
    std::uint64_t length = 0;
    for (int i = 0; i < 4; ++i)
      length = length << 8 | static_cast<unsigned char>(text[at + static_cast<std::uint64_t>(i)]);
    if (length > file.size() - at - 12) break;
    const std::string_view type = text.substr(at + 4, 4);
    const std::string_view data = text.substr(at + 8, length);
    if (type == "eXIf") {
      from_exif = exif_orientation(file.subspan(at + 8, length));
    } else if (constexpr std::string_view kXmp = "XML:com.adobe.xmp"; type == "iTXt" && data.starts_with(kXmp)) {
      const bool plain = data.size() > kXmp.size() + 2 && data[kXmp.size()] == 0 && data[kXmp.size() + 1] == 0;
      if (plain) from_xmp = xmp_orientation(data);
    }
    at += length + 12;
  }
  return from_exif.value_or(from_xmp.value_or(Orientation::kUpright));
}

}  // namespace

Result<DecodedImage> read_png(Bytes file, std::string_view source, const DecodeOptions& options) {
  PngReader reader(file);
  if (!reader.read_header()) return damaged(reader, source);
  GALAGO_CHECK(check_size(reader, file, source, options));
  DecodedImage decoded;
  GALAGO_TRY(decoded.image, make_image(reader.width(), reader.height(), source, options.max_pixels));
  if (!reader.read_rows(decoded.image)) return damaged(reader, source);
  decoded.orientation = find_orientation(file);
  return decoded;
}

}  // namespace galago::media
