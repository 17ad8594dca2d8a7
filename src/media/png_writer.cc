#include <png.h>

#include <csetjmp>
#include <cstdio>
#include <new>

#include "base/error.h"
#include "base/file.h"
#include "base/try.h"
#include "media/image_buffer.h"
#include "media/image_encode.h"

namespace galago::media {
namespace {

// See PngReader for the rules that longjmp imposes.
class PngWriter {
 public:
  PngWriter() = default;
  PngWriter(const PngWriter&) = delete;
  PngWriter& operator=(const PngWriter&) = delete;
  ~PngWriter() { png_destroy_write_struct(&png_, &info_); }

  bool write(const Image& image);
  const char* message() const { return message_; }
  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  static void on_error(png_structp png, png_const_charp message) {
    auto* self = static_cast<PngWriter*>(png_get_error_ptr(png));
    std::snprintf(self->message_, sizeof(self->message_), "%s", message);
    std::longjmp(self->jump_, 1);
  }
  static void on_warning(png_structp, png_const_charp) {}
  static void on_write(png_structp png, png_bytep data, std::size_t size) {
    auto* self = static_cast<PngWriter*>(png_get_io_ptr(png));
    if (!self->append(data, size)) png_error(png, "no memory");
  }
  static void on_flush(png_structp) {}
  bool append(const png_byte* data, std::size_t size) {
    try {
      const auto* first = reinterpret_cast<const std::byte*>(data);
      bytes_.insert(bytes_.end(), first, first + size);
      return true;
    } catch (const std::bad_alloc&) {
      return false;
    }
  }

  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  std::vector<std::byte> bytes_;
  char message_[128] = "no memory";
  std::jmp_buf jump_;
};

bool PngWriter::write(const Image& image) {
  if (setjmp(jump_) != 0) return false;
  png_ = png_create_write_struct(PNG_LIBPNG_VER_STRING, this, on_error, on_warning);
  if (png_ == nullptr) return false;
  info_ = png_create_info_struct(png_);
  if (info_ == nullptr) return false;
  png_set_write_fn(png_, this, on_write, on_flush);
  png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_set_IHDR(png_, info_, static_cast<png_uint_32>(image.width), static_cast<png_uint_32>(image.height), 8,
               PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png_, info_);
  const std::size_t row_bytes = std::size_t{3} * static_cast<std::size_t>(image.width);
  for (int y = 0; y < image.height; ++y)
    png_write_row(png_, image.rgb.data() + static_cast<std::size_t>(y) * row_bytes);
  png_write_end(png_, info_);
  return true;
}

}  // namespace

Result<std::vector<std::byte>> encode_png(const Image& image, std::string_view source) {
  GALAGO_CHECK(check_image(image, source));
  PngWriter writer;
  if (!writer.write(image)) return error(ErrorCode::kOutOfMemory, "{}: writing the PNG: {}", source, writer.message());
  return writer.take();
}

Status save_png(const std::filesystem::path& path, const Image& image) {
  GALAGO_TRY(const auto bytes, encode_png(image, path.string()));
  return write_atomically(path, Bytes(bytes));
}

}  // namespace galago::media
