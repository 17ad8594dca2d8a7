#include "media/resize.h"

#include <algorithm>
#include <new>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/try.h"
#include "media/image_buffer.h"
#include "media/resize_weights.h"

namespace galago::media {
namespace {

// A sum of pixel * weight as a pixel: rounded to nearest, clipped.
std::uint8_t to_pixel(std::int32_t sum) {
  const std::int32_t value = (sum + (1 << (kWeightBits - 1))) >> kWeightBits;
  return static_cast<std::uint8_t>(std::clamp(value, 0, 255));
}

void fill_pixels(std::uint8_t* rgb, int count, const Rgb& color) {
  for (int x = 0; x < count; ++x) std::copy(color.begin(), color.end(), rgb + 3 * static_cast<std::size_t>(x));
}

// The pixels first .. first + count - 1 of a row of the canvas.
void copy_row(const Canvas& canvas, int y, int first, int count, std::uint8_t* rgb) {
  const Image& picture = *canvas.picture;
  const bool inside = y >= canvas.top && y < canvas.top + picture.height;
  const int begin = inside ? std::clamp(canvas.left - first, 0, count) : count;
  const int end = inside ? std::clamp(canvas.left + picture.width - first, begin, count) : count;
  fill_pixels(rgb, begin, canvas.background);
  if (end > begin) {
    const std::size_t pixel = static_cast<std::size_t>(y - canvas.top) * static_cast<std::size_t>(picture.width) +
                              static_cast<std::size_t>(first + begin - canvas.left);
    std::copy_n(picture.rgb.data() + 3 * pixel, 3 * static_cast<std::size_t>(end - begin),
                rgb + 3 * static_cast<std::size_t>(begin));
  }
  fill_pixels(rgb + 3 * static_cast<std::size_t>(end), count - end, canvas.background);
}

// Columns begin .. end - 1.
struct Columns {
  int begin = 0;
  int end = 0;
  int count() const { return end - begin; }
};

// Scales rows that hold pixels in some columns and `background` in all others. A row costs what its pixels cost,
// however wide the background: sum(pixel * weight) = background * sum(weight) + sum((pixel - background) * weight). The
// differences of a row are split into three planes of 16 bits, so that a tap is one 16-bit multiply-add, which every
// baseline instruction set has (pmaddwd, smlal) and compilers find by themselves.
class RowScaler {
 public:
  // `present` are the columns with pixels; those that no output needs are left out of pixels().
  RowScaler(int in, int out, Filter filter, const Window& window, Columns present, const Rgb& background)
      : weights_(make_weights(filter, in, out, window.x, window.width)), background_(background) {
    pixels_.begin = std::max(weights_.taps.front().first, present.begin);
    pixels_.end =
        std::max(std::min(weights_.taps.back().first + weights_.taps.back().count, present.end), pixels_.begin);
    // Blocks of taps begin up to kTapBlock - 1 columns before the pixels, and zero weights read on past them.
    plane_ = static_cast<std::size_t>(kTapBlock + pixels_.count()) + static_cast<std::size_t>(weights_.stride);
    planes_.resize(3 * plane_);
    low_.resize(weights_.fixed.size());
    high_.resize(weights_.fixed.size());
    for (std::size_t i = 0; i < weights_.fixed.size(); ++i) {
      const std::int32_t high = (weights_.fixed[i] + (1 << (kLowBits - 1))) >> kLowBits;
      high_[i] = static_cast<std::int16_t>(high);
      low_[i] = static_cast<std::int16_t>(weights_.fixed[i] - high * (1 << kLowBits));
    }
    for (std::size_t x = 0; x < weights_.taps.size(); ++x) sums_.push_back(weights_.sum(x));
    const auto sees_pixels = [this](const Taps& taps) {
      return taps.first < pixels_.end && taps.first + taps.count > pixels_.begin;
    };
    const auto begin = weights_.taps.begin();
    const auto end = weights_.taps.end();
    const auto first_active = std::find_if(begin, end, sees_pixels);
    active_.begin = static_cast<int>(first_active - begin);
    active_.end = static_cast<int>(std::find_if_not(first_active, end, sees_pixels) - begin);
  }

  // The columns that a row given to scale() must hold.
  Columns pixels() const { return pixels_; }
  // The outputs that see any of them, counted within the window; the others are the same in every row.
  Columns active() const { return active_; }

  // Computes the active outputs.
  void scale(const std::uint8_t* row, std::uint8_t* to) {
    split_planes(row);
    for (auto x = static_cast<std::size_t>(active_.begin); x < static_cast<std::size_t>(active_.end); ++x) {
      const Taps taps = weights_.taps[x];
      const int skipped = std::max(pixels_.begin - taps.first, 0) / kTapBlock * kTapBlock;
      const int count = std::min(taps.first + taps.count, pixels_.end) - (taps.first + skipped);
      const int blocks = count > 0 ? (count + kTapBlock - 1) / kTapBlock : 0;
      const std::size_t weight = x * static_cast<std::size_t>(weights_.stride) + static_cast<std::size_t>(skipped);
      const std::ptrdiff_t column = blocks > 0 ? taps.first + skipped - pixels_.begin + kTapBlock : 0;
      for (std::size_t channel = 0; channel < 3; ++channel) {
        const std::int16_t* plane = planes_.data() + channel * plane_ + column;
        const std::int32_t sum = dot(plane, low_.data() + weight, high_.data() + weight, blocks);
        *to++ = to_pixel(background_[channel] * sums_[x] + sum);
      }
    }
  }

  // All outputs of a row of nothing but background.
  void scale_background(std::uint8_t* to) const {
    for (const std::int32_t sum : sums_) {
      for (const std::uint8_t value : background_) *to++ = to_pixel(value * sum);
    }
  }

 private:
  static std::int32_t dot(const std::int16_t* pixels, const std::int16_t* low, const std::int16_t* high, int blocks) {
    std::int32_t low_sum = 0;
    std::int32_t high_sum = 0;
    for (int i = 0; i < blocks * kTapBlock; ++i) {
      low_sum += pixels[i] * low[i];
      high_sum += pixels[i] * high[i];
    }
    return high_sum * (1 << kLowBits) + low_sum;
  }

  void split_planes(const std::uint8_t* row) {
    std::int16_t* red = planes_.data() + kTapBlock;
    std::int16_t* green = red + plane_;
    std::int16_t* blue = green + plane_;
    const auto [r, g, b] = background_;
    for (int x = 0; x < pixels_.count(); ++x, row += 3) {
      red[x] = static_cast<std::int16_t>(row[0] - r);
      green[x] = static_cast<std::int16_t>(row[1] - g);
      blue[x] = static_cast<std::int16_t>(row[2] - b);
    }
  }

  Weights weights_;
  Rgb background_;
  std::vector<std::int16_t> low_, high_;
  std::vector<std::int32_t> sums_;  // of the weights of an output
  Columns pixels_;
  Columns active_;
  std::size_t plane_ = 0;  // entries of a plane
  std::vector<std::int16_t> planes_;
};

// Rows of the canvas, scaled to the window's columns.
class CanvasRows {
 public:
  // `rows_first`: what will be scaled are not rows of the canvas but blends of them, background included.
  CanvasRows(const Canvas& canvas, int width, Filter filter, const Window& window, bool rows_first)
      : canvas_(canvas), pixels_{window.x, window.x + window.width}, active_{0, window.width} {
    if (width == canvas.width) return;
    const Columns picture{canvas.left, canvas.left + canvas.picture->width};
    const Columns all{0, canvas.width};
    scaler_.emplace(canvas.width, width, filter, window, rows_first ? all : picture,
                    rows_first ? Rgb{} : canvas.background);
    pixels_ = scaler_->pixels();
    active_ = scaler_->active();
    row_.resize(unscaled_bytes());
  }

  // The bytes of a row before it is scaled.
  std::size_t unscaled_bytes() const { return 3 * static_cast<std::size_t>(pixels_.count()); }
  // The outputs that scale() gives; all when the rows are blends.
  Columns active() const { return active_; }

  void read(int y, std::uint8_t* to) const { copy_row(canvas_, y, pixels_.begin, pixels_.count(), to); }
  void read_background(std::uint8_t* to) const { fill_pixels(to, pixels_.count(), canvas_.background); }
  // Scales a row that read() gave, or a blend of such rows.
  void scale(const std::uint8_t* row, std::uint8_t* to) {
    if (scaler_) {
      scaler_->scale(row, to);
    } else {
      std::copy_n(row, unscaled_bytes(), to);
    }
  }
  // The active outputs of a row of the picture.
  void read_scaled(int y, std::uint8_t* to) {
    if (!scaler_) return read(y, to);
    read(y, row_.data());
    scaler_->scale(row_.data(), to);
  }
  // All outputs of a row beyond the picture.
  void scaled_background(std::uint8_t* to) const {
    if (scaler_) {
      scaler_->scale_background(to);
    } else {
      read_background(to);
    }
  }

 private:
  const Canvas& canvas_;
  std::optional<RowScaler> scaler_;
  Columns pixels_;
  Columns active_;
  std::vector<std::uint8_t> row_;
};

// The rows of the picture among first .. first + count - 1, scaled.
class ScaledRows {
 public:
  ScaledRows(const Canvas& canvas, CanvasRows& rows, std::size_t row_bytes, int first, int count)
      : row_bytes_(row_bytes) {
    begin_ = std::max(first, canvas.top);
    const int end = std::max(std::min(first + count, canvas.top + canvas.picture->height), begin_);
    bytes_.resize(static_cast<std::size_t>(end - begin_) * row_bytes_);
    for (int y = begin_; y < end; ++y) rows.read_scaled(y, bytes_.data() + offset(y));
  }

  const std::uint8_t* operator[](int y) const { return bytes_.data() + offset(y); }

 private:
  std::size_t offset(int y) const { return static_cast<std::size_t>(y - begin_) * row_bytes_; }

  std::size_t row_bytes_;
  int begin_ = 0;
  std::vector<std::uint8_t> bytes_;
};

// Weighted sums of whole rows.
class RowBlender {
 public:
  explicit RowBlender(std::size_t row_bytes) : sums_(row_bytes) {}
  void start() { std::fill(sums_.begin(), sums_.end(), 0); }
  void add(const std::uint8_t* row, std::int32_t weight) {
    std::int32_t* sums = sums_.data();
    for (std::size_t x = 0, end = sums_.size(); x < end; ++x) sums[x] += row[x] * weight;
  }
  void finish(std::uint8_t* to) const {
    for (std::size_t x = 0; x < sums_.size(); ++x) to[x] = to_pixel(sums_[x]);
  }

 private:
  std::vector<std::int32_t> sums_;
};

// Pillow scales columns first until version 12; from 13 on, rows first when the height loses more than twice the pixels
// that the width loses. The order shows: the first pass is rounded to 8 bits. We follow 13.
bool rows_first(const Canvas& canvas, int width, int height) {
  const std::int64_t lost_rows = canvas.height - height;
  const std::int64_t lost_columns = canvas.width - width;
  return lost_rows > 0 && lost_rows > 2 * lost_columns;
}

// Blends the rows of the canvas that output row `y` of the window needs. All rows beyond the picture are `background`,
// which is added once, with the sum of their weights. `row_of(y)` gives a row of the picture.
template <class RowOf>
void blend(const Canvas& canvas, const Weights& weights, int y, const std::uint8_t* background, const RowOf& row_of,
           RowBlender& blender) {
  const Taps taps = weights.taps[static_cast<std::size_t>(y)];
  const std::int32_t* weight = weights.of(static_cast<std::size_t>(y));
  std::int32_t background_weight = 0;
  blender.start();
  for (int t = 0; t < taps.count; ++t) {
    const int row = taps.first + t;
    if (row >= canvas.top && row < canvas.top + canvas.picture->height) {
      blender.add(row_of(row), weight[t]);
    } else {
      background_weight += weight[t];
    }
  }
  if (background_weight != 0) blender.add(background, background_weight);
}

void filter_rows_first(const Canvas& canvas, const Weights& weights, CanvasRows& rows, std::size_t row_bytes,
                       Image& out) {
  std::vector<std::uint8_t> row(rows.unscaled_bytes());
  std::vector<std::uint8_t> background(row.size());
  rows.read_background(background.data());
  RowBlender blender(row.size());
  const auto row_of = [&](int y) {
    rows.read(y, row.data());
    return row.data();
  };
  for (int y = 0; y < out.height; ++y) {
    blend(canvas, weights, y, background.data(), row_of, blender);
    blender.finish(row.data());
    rows.scale(row.data(), out.rgb.data() + static_cast<std::size_t>(y) * row_bytes);
  }
}

void filter_columns_first(const Canvas& canvas, const Weights& weights, CanvasRows& rows, std::size_t row_bytes,
                          Image& out) {
  const Columns active = rows.active();
  const std::size_t active_begin = 3 * static_cast<std::size_t>(active.begin);
  const std::size_t active_bytes = 3 * static_cast<std::size_t>(active.count());
  const int first = weights.taps.front().first;
  const int count = weights.taps.back().first + weights.taps.back().count - first;
  const ScaledRows scaled(canvas, rows, active_bytes, first, count);
  std::vector<std::uint8_t> background(row_bytes);
  rows.scaled_background(background.data());
  RowBlender blender(active_bytes);
  for (int y = 0; y < out.height; ++y) {
    std::uint8_t* to = out.rgb.data() + static_cast<std::size_t>(y) * row_bytes;
    const std::int32_t sum = weights.sum(static_cast<std::size_t>(y));
    for (std::size_t x = 0; x < active_begin; ++x) to[x] = to_pixel(background[x] * sum);
    blend(canvas, weights, y, background.data() + active_begin, [&](int row) { return scaled[row]; }, blender);
    blender.finish(to + active_begin);
    for (std::size_t x = active_begin + active_bytes; x < row_bytes; ++x) to[x] = to_pixel(background[x] * sum);
  }
}

void filter_columns_only(const Canvas& canvas, const Window& window, CanvasRows& rows, std::size_t row_bytes,
                         Image& out) {
  std::vector<std::uint8_t> background(row_bytes);
  rows.scaled_background(background.data());
  for (int y = 0; y < window.height; ++y) {
    std::uint8_t* to = out.rgb.data() + static_cast<std::size_t>(y) * row_bytes;
    const int row = window.y + y;
    std::copy_n(background.data(), row_bytes, to);
    const bool inside = row >= canvas.top && row < canvas.top + canvas.picture->height;
    if (inside) rows.read_scaled(row, to + 3 * static_cast<std::size_t>(rows.active().begin));
  }
}

void filter_window(const Canvas& canvas, int width, int height, Filter filter, const Window& window, Image& out) {
  const std::size_t row_bytes = 3 * static_cast<std::size_t>(window.width);
  const bool by_rows = rows_first(canvas, width, height);
  CanvasRows rows(canvas, width, filter, window, by_rows);
  if (height == canvas.height) return filter_columns_only(canvas, window, rows, row_bytes, out);
  const Weights weights = make_weights(filter, canvas.height, height, window.y, window.height);
  if (by_rows) {
    filter_rows_first(canvas, weights, rows, row_bytes, out);
  } else {
    filter_columns_first(canvas, weights, rows, row_bytes, out);
  }
}

// Input coordinates of the outputs first .. first + count - 1. Pillow adds up the step instead of multiplying, so the
// sum starts at output 0 here too; a coordinate that rounding carried past the end is -1 (black there).
std::vector<int> nearest_coordinates(int in, int out, int first, int count) {
  const double step = static_cast<double>(in) / out;
  double at = step * 0.5;
  for (int i = 0; i < first; ++i) at += step;
  std::vector<int> coordinates(static_cast<std::size_t>(count));
  for (int& coordinate : coordinates) {
    coordinate = at < in ? static_cast<int>(at) : -1;
    at += step;
  }
  return coordinates;
}

void pick_window(const Canvas& canvas, int width, int height, const Window& window, Image& out) {
  const auto columns = nearest_coordinates(canvas.width, width, window.x, window.width);
  const auto rows = nearest_coordinates(canvas.height, height, window.y, window.height);
  std::uint8_t* to = out.rgb.data();
  for (const int y : rows) {
    for (const int x : columns) {
      if (x >= 0 && y >= 0) copy_row(canvas, y, x, 1, to);
      to += 3;
    }
  }
}

Status check_canvas(const Canvas& canvas, int width, int height, const Window& window) {
  GALAGO_CHECK(check_image(*canvas.picture, "resize"));
  const auto fits = [](int offset, int part, int whole) { return offset >= 0 && part > 0 && part <= whole - offset; };
  const Image& picture = *canvas.picture;
  if (std::max({canvas.width, canvas.height, width, height}) > kMaxSide) {
    return error(ErrorCode::kOutOfRange, "resize: {}x{} to {}x{} pixels; a side may have at most {}", canvas.width,
                 canvas.height, width, height, kMaxSide);
  }
  if (!fits(canvas.left, picture.width, canvas.width) || !fits(canvas.top, picture.height, canvas.height)) {
    return error(ErrorCode::kInvalidArgument, "resize: a picture of {}x{} at ({}, {}) is not within its {}x{} canvas",
                 picture.width, picture.height, canvas.left, canvas.top, canvas.width, canvas.height);
  }
  if (!fits(window.x, window.width, width) || !fits(window.y, window.height, height)) {
    return error(ErrorCode::kInvalidArgument, "resize: a window of {}x{} at ({}, {}) is not within {}x{} pixels",
                 window.width, window.height, window.x, window.y, width, height);
  }
  return {};
}

}  // namespace

std::optional<Filter> filter_from_name(std::string_view name) {
  constexpr std::array<std::string_view, 6> kNames = {"nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"};
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<Filter>(found - kNames.begin());
}

Canvas canvas_of(const Image& picture) { return {&picture, picture.width, picture.height, 0, 0, {}}; }

Result<Image> resize(const Image& image, int width, int height, Filter filter) {
  return resize_window(canvas_of(image), width, height, filter, {0, 0, width, height});
}

Result<Image> resize_window(const Canvas& canvas, int width, int height, Filter filter, const Window& window) {
  GALAGO_CHECK(check_canvas(canvas, width, height, window));
  GALAGO_TRY(Image out, make_image(window.width, window.height, "resize"));
  try {
    if (width == canvas.width && height == canvas.height) {
      const std::size_t row_bytes = 3 * static_cast<std::size_t>(window.width);
      for (int y = 0; y < window.height; ++y) {
        copy_row(canvas, window.y + y, window.x, window.width,
                 out.rgb.data() + static_cast<std::size_t>(y) * row_bytes);
      }
    } else if (filter == Filter::kNearest) {
      pick_window(canvas, width, height, window, out);
    } else {
      filter_window(canvas, width, height, filter, window, out);
    }
  } catch (const std::bad_alloc&) {
    return error(ErrorCode::kOutOfMemory, "resize: no memory to scale {}x{} to {}x{}", canvas.width, canvas.height,
                 width, height);
  }
  return out;
}

}  // namespace galago::media
