#include "media/image_decode.h"

#include <gmock/gmock.h>

#include "media/exif.h"
#include "media/image_encode.h"
#include "media/media_test_data.h"

namespace galago::media {
namespace {

using ::testing::HasSubstr;

Bytes bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }
std::string contents(const std::string& name) { return read_text(media_data(name)).value(); }

int largest_difference(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b) {
  int largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

TEST(ImageDecodeTest, GivesPillowsPixels) {
  const std::string blob = contents("decoded.bin");
  ASSERT_GE(expected_media()["decode"].size(), 50u);
  for (const Json& row : expected_media()["decode"]) {
    const auto name = row["file"].get<std::string>();
    const auto image = load_image(media_data(name));
    ASSERT_TRUE(image.ok()) << image.error().message;
    ASSERT_EQ(image->width, row["width"].get<int>()) << name;
    ASSERT_EQ(image->height, row["height"].get<int>()) << name;
    const auto* expected = reinterpret_cast<const std::uint8_t*>(blob.data()) + row["offset"].get<std::size_t>();
    // JPEG's standard leaves a decoder freedom; another libjpeg may differ by one grey level. PNG's leaves none.
    const int allowed = name.ends_with(".jpg") ? 1 : 0;
    EXPECT_LE(largest_difference(image->rgb, {expected, image->rgb.size()}), allowed) << name;
  }
}

TEST(ImageDecodeTest, LeavesPicturesAsStoredWhenAsked) {
  for (const Json& row : expected_media()["decode"]) {
    const auto name = row["file"].get<std::string>();
    if (!name.ends_with(".png")) continue;
    const auto image = load_image(media_data(name), {.apply_orientation = false});
    ASSERT_TRUE(image.ok()) << image.error().message;
    EXPECT_EQ(image->width, row["stored_width"].get<int>()) << name;
    EXPECT_EQ(fnv1a_of(image->rgb), row["stored_fnv"].get<std::string>()) << name;
  }
  EXPECT_EQ(load_image(media_data("exif_6.jpg"), {.apply_orientation = false})->width, 11);
  EXPECT_EQ(load_image(media_data("exif_6.jpg"))->width, 6);
}

class HostileTest : public ::testing::TestWithParam<std::string> {};

// Cut anywhere, a file is an error, unless every pixel was there.
TEST_P(HostileTest, SurvivesEveryTruncation) {
  const std::string whole = contents(GetParam());
  const Image expected = decode_image(bytes_of(whole), "whole").value();
  std::size_t accepted = 0;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::string part = whole.substr(0, size);
    const auto image = decode_image(bytes_of(part), "cut.img");
    if (image.ok()) {
      ++accepted;
      EXPECT_EQ(image->rgb, expected.rgb) << "cut at " << size << " of " << whole.size();
    } else {
      EXPECT_THAT(image.error().message, HasSubstr("cut.img: ")) << size;
      EXPECT_EQ(image.error().message.find('\n'), std::string::npos);
    }
  }
  EXPECT_LE(accepted, 12u) << "only an end marker can be spared: 12 bytes of IEND, 2 of EOI";
}

TEST_P(HostileTest, SurvivesEveryCorruptByte) {
  const std::string whole = contents(GetParam());
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const int value :
         {0x00, 0xFF, 0x80 ^ static_cast<unsigned char>(whole[at]), 1 ^ static_cast<unsigned char>(whole[at])}) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(value);
      const auto image = decode_image(bytes_of(damaged), "damaged", {.max_pixels = 1 << 16});
      if (image.ok()) {
        EXPECT_EQ(image->rgb.size(), 3u * static_cast<unsigned>(image->width) * static_cast<unsigned>(image->height));
      } else {
        EXPECT_THAT(image.error().message, HasSubstr("damaged: "));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Files, HostileTest,
                         ::testing::Values("rgb8.png", "palette4_interlaced.png", "gray16.png", "rgba16_interlaced.png",
                                           "exif_6.png", "xmp_8.png", "one_pixel.jpg", "exif_6.jpg", "gray.jpg",
                                           "ycck.jpg", "color_420_progressive.jpg"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

// The CRC of a PNG's IHDR (bytes 12 to 28, CRC at 29), so that only the size is wrong.
std::string with_png_size(std::string png, std::uint32_t width, std::uint32_t height) {
  const auto put = [&png](std::size_t at, std::uint32_t value) {
    for (std::size_t i = 0; i < 4; ++i) png[at + i] = static_cast<char>(value >> (24 - 8 * i));
  };
  put(16, width);
  put(20, height);
  std::uint32_t crc = 0xFFFFFFFFu;
  for (std::size_t i = 12; i < 29; ++i) {
    crc ^= static_cast<unsigned char>(png[i]);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
  }
  put(29, ~crc);
  return png;
}

TEST(ImageDecodeTest, RefusesBombsBeforeDecoding) {
  const std::string png = contents("rgb8.png");
  const auto message = [&png](std::uint32_t width, std::uint32_t height) {
    const auto image = decode_image(bytes_of(with_png_size(png, width, height)), "bomb.png");
    return image.ok() ? std::string("(accepted)") : image.error().message;
  };
  EXPECT_THAT(message(30'000, 30'000), HasSubstr("bomb.png: 30000x30000 are 900000000 pixels, over the limit"));
  EXPECT_THAT(message(0x7FFFFFFF, 0x7FFFFFFF), HasSubstr("a PNG's side may have at most"));
  EXPECT_THAT(message(8'000, 8'000), HasSubstr("cannot hold"));
  EXPECT_THAT(message(0, 7), HasSubstr("bomb.png: not a valid PNG"));
  EXPECT_THAT(message(0xFFFFFFFF, 7), HasSubstr("bomb.png: not a valid PNG"));
  EXPECT_THAT(message(19, 14), HasSubstr("bomb.png: "));

  std::string jpeg = contents("gray.jpg");
  const std::size_t frame = jpeg.find("\xFF\xC0");
  ASSERT_NE(frame, std::string::npos);
  const auto sized = [&jpeg, frame](std::string_view height_width) {
    std::string bomb = jpeg;
    bomb.replace(frame + 5, 4, height_width);
    const auto image = decode_image(bytes_of(bomb), "bomb.jpg");
    return image.ok() ? std::string("(accepted)") : image.error().message;
  };
  EXPECT_THAT(sized("\xFD\xE8\xFD\xE8"), HasSubstr("bomb.jpg: 65000x65000 are 4225000000 pixels"));
  EXPECT_THAT(sized("\x1F\x40\x1F\x40"), HasSubstr("cannot hold"));
  EXPECT_THAT(sized(std::string_view("\x00\x00\x00\x10", 4)), HasSubstr("bomb.jpg: "));
  EXPECT_THAT(sized(std::string_view("\x00\x10\x00\x00", 4)), HasSubstr("bomb.jpg: "));
}

TEST(ImageDecodeTest, SaysWhatAForeignFileIs) {
  const auto message = [](std::string_view bytes) {
    return decode_image(std::as_bytes(std::span(bytes)), "x").error().message;
  };
  EXPECT_THAT(message(""), HasSubstr("x: the file is empty"));
  EXPECT_THAT(message("\x89PN"), HasSubstr("cut off after 3 bytes, within the signature of a PNG"));
  EXPECT_THAT(message("\xFF\xD8"), HasSubstr("within the signature of a JPEG"));
  EXPECT_THAT(message("GIF89a.."), HasSubstr("this is a GIF; PNG and JPEG are read"));
  EXPECT_THAT(message("RIFF\1\2\3\4WEBPVP8 "), HasSubstr("a WebP"));
  EXPECT_THAT(message("BM\1\2\3\4"), HasSubstr("a BMP"));
  EXPECT_THAT(message(std::string_view("\0\0\0\x18"
                                       "ftypheic\0\0",
                                       14)),
              HasSubstr("an HEIC"));
  EXPECT_THAT(message(std::string_view("\0\0\0\x18"
                                       "ftypavif\0\0",
                                       14)),
              HasSubstr("an AVIF"));
  EXPECT_THAT(message(std::string_view("II*\0", 4)), HasSubstr("a TIFF"));
  EXPECT_THAT(message("<!DOCTYPE html>"), HasSubstr("an HTML page"));
  EXPECT_THAT(message("hello, picture"), HasSubstr("it begins with 68 65 6c 6c 6f 2c 20 70; PNG and JPEG are read"));
  EXPECT_EQ(load_image(media_data("absent.png")).error().code, ErrorCode::kNotFound);
}

// The third component leaves the frame and the scan: 3 bytes in one (length 17 to 14), 2 in the other (12 to 10).
TEST(ImageDecodeTest, RefusesTwoComponents) {
  std::string jpeg = contents("color_444.jpg");
  const std::size_t frame = jpeg.find("\xFF\xC0");
  const std::size_t scan = jpeg.find("\xFF\xDA");
  ASSERT_TRUE(frame < scan && scan != std::string::npos);
  jpeg[scan + 3] = 10, jpeg[scan + 4] = 2;
  jpeg.erase(scan + 9, 2);
  jpeg[frame + 3] = 14, jpeg[frame + 9] = 2;
  jpeg.erase(frame + 16, 3);
  EXPECT_THAT(decode_image(bytes_of(jpeg), "two.jpg").error().message,
              HasSubstr("two.jpg: a JPEG with 2 colour components"));
}

TEST(ExifTest, ReadsDamagedBlocksWithoutHarm) {
  const std::string tiff("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0", 22);
  EXPECT_EQ(exif_orientation(bytes_of(tiff)), Orientation::kTurnRight);
  for (std::size_t size = 0; size < 20; ++size) EXPECT_EQ(exif_orientation(bytes_of(tiff).first(size)), std::nullopt);
  std::string far = tiff;
  far.replace(4, 4, "\xFF\xFF\xFF\xFF");
  EXPECT_EQ(exif_orientation(bytes_of(far)), std::nullopt);
  EXPECT_EQ(xmp_orientation("<tiff:Orientation>3</tiff:Orientation>"), Orientation::kUpsideDown);
  EXPECT_EQ(xmp_orientation("tiff:Orientation='3' tiff:Orientation"), std::nullopt);
}

}  // namespace
}  // namespace galago::media
