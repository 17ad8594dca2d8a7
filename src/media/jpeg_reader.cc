#include <cstddef>
#include <cstdio>
// jpeglib.h needs size_t and FILE from the headers above.
#include <jerror.h>
#include <jpeglib.h>

#include <csetjmp>
#include <new>
#include <vector>

#include "base/error.h"
#include "base/try.h"
#include "media/codecs.h"

namespace galago::media {
namespace {

// Real progressive files have about ten scans; each one of a hostile file costs a pass over the whole picture.
constexpr int kMaxScans = 128;

// libjpeg reports errors by a callback that must not return. As in PngReader: members outlive the jump, stages call
// setjmp and hold nothing with a destructor.
class JpegReader {
 public:
  explicit JpegReader(Bytes file) : file_(file) {}
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;
  ~JpegReader() { jpeg_destroy_decompress(&jpeg_); }

  // Each stage returns false after an error, which message() and truncated() then explain.
  bool read_header();
  // `cmyk_row` has 4 bytes a pixel; used when is_cmyk().
  bool read_rows(Image& image, std::uint8_t* cmyk_row);

  std::uint32_t width() const { return jpeg_.image_width; }
  std::uint32_t height() const { return jpeg_.image_height; }
  int components() const { return jpeg_.num_components; }
  bool is_cmyk() const { return jpeg_.num_components == 4; }
  std::uint64_t fewest_bits() const;
  Orientation orientation() const;
  bool truncated() const { return truncated_; }
  const char* message() const { return message_; }

 private:
  struct ErrorManager : jpeg_error_mgr {
    JpegReader* reader;
  };
  static void on_error(j_common_ptr jpeg);
  static void on_message(j_common_ptr) {}  // the library never prints
  static boolean on_end_of_data(j_decompress_ptr jpeg);
  static void on_progress(j_common_ptr jpeg);

  Bytes file_;
  jpeg_decompress_struct jpeg_{};
  ErrorManager errors_{};
  jpeg_progress_mgr progress_{};
  bool truncated_ = false;
  char message_[JMSG_LENGTH_MAX] = "";
  std::jmp_buf jump_;
};

void JpegReader::on_error(j_common_ptr jpeg) {
  JpegReader* self = static_cast<ErrorManager*>(jpeg->err)->reader;
  jpeg->err->format_message(jpeg, self->message_);
  std::longjmp(self->jump_, 1);
}

// Without this the memory source would invent an end marker and the missing rest would be gray.
boolean JpegReader::on_end_of_data(j_decompress_ptr jpeg) {
  static_cast<ErrorManager*>(jpeg->err)->reader->truncated_ = true;
  ERREXIT(jpeg, JERR_INPUT_EOF);
  return FALSE;
}

void JpegReader::on_progress(j_common_ptr jpeg) {
  if (reinterpret_cast<j_decompress_ptr>(jpeg)->input_scan_number <= kMaxScans) return;
  JpegReader* self = static_cast<ErrorManager*>(jpeg->err)->reader;
  std::snprintf(self->message_, sizeof(self->message_), "more than %d scans", kMaxScans);
  std::longjmp(self->jump_, 1);
}

bool JpegReader::read_header() {
  jpeg_.err = jpeg_std_error(&errors_);
  errors_.reader = this;
  errors_.error_exit = on_error;
  errors_.output_message = on_message;
  if (setjmp(jump_) != 0) return false;
  jpeg_create_decompress(&jpeg_);
  jpeg_mem_src(&jpeg_, reinterpret_cast<const unsigned char*>(file_.data()), file_.size());
  jpeg_.src->fill_input_buffer = on_end_of_data;
  progress_.progress_monitor = on_progress;
  jpeg_.progress = &progress_;
  jpeg_save_markers(&jpeg_, JPEG_APP0 + 1, 0xFFFF);
  jpeg_read_header(&jpeg_, TRUE);
  return true;
}

// Every block costs at least one bit of Huffman code; an arithmetic coder can do with less.
std::uint64_t JpegReader::fewest_bits() const {
  if (jpeg_.arith_code) return 0;
  const std::uint64_t side_x = std::uint64_t{8} * static_cast<std::uint64_t>(jpeg_.max_h_samp_factor);
  const std::uint64_t side_y = std::uint64_t{8} * static_cast<std::uint64_t>(jpeg_.max_v_samp_factor);
  return ((width() + side_x - 1) / side_x) * ((height() + side_y - 1) / side_y);
}

// Pillow takes every four-channel JPEG for Adobe's inverted CMYK, and converts it without a profile.
void cmyk_to_rgb(const std::uint8_t* cmyk, std::uint32_t width, std::uint8_t* rgb) {
  for (std::uint32_t x = 0; x < width; ++x, cmyk += 4, rgb += 3) {
    const int light = cmyk[3];
    for (int channel = 0; channel < 3; ++channel) {
      const int product = (255 - cmyk[channel]) * light + 128;  // rounded division by 255
      const int ink = ((product >> 8) + product) >> 8;
      rgb[channel] = static_cast<std::uint8_t>(light > ink ? light - ink : 0);
    }
  }
}

bool JpegReader::read_rows(Image& image, std::uint8_t* cmyk_row) {
  if (setjmp(jump_) != 0) return false;
  jpeg_.out_color_space = is_cmyk() ? JCS_CMYK : JCS_RGB;
  jpeg_start_decompress(&jpeg_);
  while (jpeg_.output_scanline < jpeg_.output_height) {
    std::uint8_t* row = image.rgb.data() + std::size_t{3} * width() * jpeg_.output_scanline;
    JSAMPROW target = is_cmyk() ? cmyk_row : row;
    if (jpeg_read_scanlines(&jpeg_, &target, 1) != 1) ERREXIT(&jpeg_, JERR_INPUT_EOF);
    if (is_cmyk()) cmyk_to_rgb(cmyk_row, width(), row);
  }
  return true;
}

Orientation JpegReader::orientation() const {
  constexpr std::string_view kExif("Exif\0\0", 6);
  constexpr std::string_view kXmp("http://ns.adobe.com/xap/1.0/\0", 29);
  std::optional<Orientation> from_exif;
  std::optional<Orientation> from_xmp;
  for (auto* marker = jpeg_.marker_list; marker != nullptr; marker = marker->next) {
    const std::string_view data(reinterpret_cast<const char*>(marker->data), marker->data_length);
    if (data.starts_with(kExif) && !from_exif) {
      from_exif = exif_orientation(std::as_bytes(std::span(data)).subspan(kExif.size()));
    } else if (data.starts_with(kXmp)) {
      from_xmp = xmp_orientation(data);
    }
  }
  return from_exif.value_or(from_xmp.value_or(Orientation::kUpright));
}

Error damaged(const JpegReader& reader, Bytes file, std::string_view source) {
  if (reader.truncated()) {
    return error(ErrorCode::kCorrupt, "{}: the JPEG is cut off: it ends at byte {}, before its last pixel", source,
                 file.size());
  }
  return error(ErrorCode::kCorrupt, "{}: not a JPEG that can be read: {}", source, reader.message());
}

Status check_size(const JpegReader& reader, Bytes file, std::string_view source, const DecodeOptions& options) {
  const std::int64_t width = reader.width();
  const std::int64_t height = reader.height();
  if (const int components = reader.components(); components != 1 && components != 3 && components != 4) {
    return error(ErrorCode::kUnsupported, "{}: a JPEG with {} colour components; 1 (gray), 3 and 4 (CMYK) are read",
                 source, components);
  }
  if (width * height > options.max_pixels) {
    return error(ErrorCode::kOutOfRange, "{}: {}x{} are {} pixels, over the limit of {}; scale the picture down first",
                 source, width, height, width * height, options.max_pixels);
  }
  if (reader.fewest_bits() / 8 > file.size()) {
    return error(ErrorCode::kCorrupt, "{}: declares {}x{} pixels, which a JPEG of {} bytes cannot hold", source, width,
                 height, file.size());
  }
  return {};
}

}  // namespace

Result<DecodedImage> read_jpeg(Bytes file, std::string_view source, const DecodeOptions& options) {
  JpegReader reader(file);
  if (!reader.read_header()) return damaged(reader, file, source);
  GALAGO_CHECK(check_size(reader, file, source, options));
  DecodedImage decoded;
  GALAGO_TRY(decoded.image, make_image(reader.width(), reader.height(), source, options.max_pixels));
  std::vector<std::uint8_t> cmyk_row;
  try {
    if (reader.is_cmyk()) cmyk_row.resize(std::size_t{4} * reader.width());
  } catch (const std::bad_alloc&) {
    return error(ErrorCode::kOutOfMemory, "{}: no memory for a row of {} pixels", source, reader.width());
  }
  if (!reader.read_rows(decoded.image, cmyk_row.data())) return damaged(reader, file, source);
  decoded.orientation = reader.orientation();
  return decoded;
}

}  // namespace galago::media
