#include "media/exif.h"

#include <array>

#include "base/try.h"
#include "media/image_buffer.h"

namespace galago::media {
namespace {

constexpr std::uint32_t kOrientationTag = 0x0112;

Orientation orientation_of(std::uint32_t number) {
  return number >= 1 && number <= 8 ? static_cast<Orientation>(number) : Orientation::kUpright;
}

// Numbers of a TIFF block in its own byte order; reads past the end are nothing.
class TiffReader {
 public:
  explicit TiffReader(Bytes bytes) : bytes_(bytes) {}

  bool open() {
    if (bytes_.size() < 8) return false;
    const auto mark = std::to_integer<char>(bytes_[0]);
    if (mark != std::to_integer<char>(bytes_[1]) || (mark != 'I' && mark != 'M')) return false;
    big_endian_ = mark == 'M';
    return number(2, 2) == 42u;
  }

  std::optional<std::uint32_t> number(std::uint64_t offset, int size) const {
    if (offset > bytes_.size() || bytes_.size() - offset < static_cast<std::uint64_t>(size)) return std::nullopt;
    std::uint32_t value = 0;
    for (int i = 0; i < size; ++i) {
      const auto at = offset + static_cast<std::uint64_t>(big_endian_ ? i : size - 1 - i);
      value = value << 8 | std::to_integer<std::uint32_t>(bytes_[at]);
    }
    return value;
  }

 private:
  Bytes bytes_;
  bool big_endian_ = false;
};

}  // namespace

std::optional<Orientation> exif_orientation(Bytes tiff) {
  TiffReader reader(tiff);
  if (!reader.open()) return std::nullopt;
  const auto directory = reader.number(4, 4);
  if (!directory) return std::nullopt;
  const auto entries = reader.number(*directory, 2);
  if (!entries) return std::nullopt;
  for (std::uint32_t i = 0; i < *entries; ++i) {
    // An entry: tag (2), type (2), count (4), value or its offset (4).
    const std::uint64_t entry = std::uint64_t{*directory} + 2 + std::uint64_t{12} * i;
    const auto tag = reader.number(entry, 2);
    const auto type = reader.number(entry + 2, 2);
    if (!tag || !type) return std::nullopt;
    if (*tag != kOrientationTag) continue;
    const int size = *type == 1 ? 1 : *type == 3 ? 2 : *type == 4 ? 4 : 0;  // BYTE, SHORT, LONG
    const auto value = size > 0 ? reader.number(entry + 8, size) : std::nullopt;
    if (!value) return std::nullopt;
    return orientation_of(*value);
  }
  return std::nullopt;
}

std::optional<Orientation> xmp_orientation(std::string_view xmp) {
  constexpr std::string_view kName = "tiff:Orientation";
  for (auto at = xmp.find(kName); at != std::string_view::npos; at = xmp.find(kName, at + 1)) {
    std::string_view rest = xmp.substr(at + kName.size());  // as an attribute, ="6", or an element, >6<
    if (rest.starts_with("=\"")) {
      rest.remove_prefix(2);
    } else if (rest.starts_with(">")) {
      rest.remove_prefix(1);
    } else {
      continue;
    }
    if (!rest.empty() && rest[0] >= '0' && rest[0] <= '9')
      return orientation_of(static_cast<std::uint32_t>(rest[0] - '0'));
  }
  return std::nullopt;
}

Result<Image> turn_upright(Image stored, Orientation orientation, std::string_view source) {
  if (orientation == Orientation::kUpright) return stored;
  const bool swaps_sides = orientation >= Orientation::kTransposed;
  const std::ptrdiff_t width = stored.width;
  const std::ptrdiff_t height = stored.height;
  GALAGO_TRY(Image upright, make_image(swaps_sides ? height : width, swaps_sides ? width : height, source,
                                       std::int64_t{width} * height));
  // Walking the upright picture in order, the stored pixel starts at `origin` and moves by `right` and `down`.
  struct Walk {
    std::ptrdiff_t origin, right, down;
  };
  const std::ptrdiff_t last_column = width - 1;
  const std::ptrdiff_t last_row = (height - 1) * width;
  const std::array<Walk, 9> walks = {{{0, 1, width},
                                      {0, 1, width},
                                      {last_column, -1, width},
                                      {last_row + last_column, -1, -width},
                                      {last_row, 1, -width},
                                      {0, width, 1},
                                      {last_row, -width, 1},
                                      {last_row + last_column, -width, -1},
                                      {last_column, width, -1}}};
  const Walk walk = walks[static_cast<std::size_t>(orientation)];
  std::uint8_t* to = upright.rgb.data();
  for (int y = 0; y < upright.height; ++y) {
    for (int x = 0; x < upright.width; ++x, to += 3) {
      const std::uint8_t* from = stored.rgb.data() + 3 * (walk.origin + x * walk.right + y * walk.down);
      to[0] = from[0], to[1] = from[1], to[2] = from[2];
    }
  }
  return upright;
}

}  // namespace galago::media
