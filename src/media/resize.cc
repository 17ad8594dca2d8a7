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

// Scales rows: each is split into three planes of 16-bit pixels, so that a tap is one 16-bit multiply-add that every
// baseline instruction set has (pmaddwd, smlal) and compilers find by themselves.
class RowScaler {
 public:
  RowScaler(int in, int out, Filter filter, int first, int count)
      : weights_(make_weights(filter, in, out, first, count)) {
    first_ = weights_.taps.front().first;
    pixels_ = weights_.taps.back().first + weights_.taps.back().count - first_;
    // Zero weights read on past the last pixel.
    plane_ = static_cast<std::size_t>(pixels_) + static_cast<std::size_t>(weights_.stride);
    planes_.resize(3 * plane_);
    low_.resize(weights_.fixed.size());
    high_.resize(weights_.fixed.size());
    for (std::size_t i = 0; i < weights_.fixed.size(); ++i) {
      const std::int32_t high = (weights_.fixed[i] + (1 << (kLowBits - 1))) >> kLowBits;
      high_[i] = static_cast<std::int16_t>(high);
      low_[i] = static_cast<std::int16_t>(weights_.fixed[i] - high * (1 << kLowBits));
    }
  }

  // The pixels that a row must hold: first() .. first() + pixels() - 1.
  int first() const { return first_; }
  int pixels() const { return pixels_; }

  void scale(const std::uint8_t* row, std::uint8_t* to) {
    split_planes(row);
    for (std::size_t x = 0; x < weights_.taps.size(); ++x) {
      const Taps taps = weights_.taps[x];
      const std::size_t weight = x * static_cast<std::size_t>(weights_.stride);
      const int blocks = (taps.count + kTapBlock - 1) / kTapBlock;
      const std::int16_t* plane = planes_.data() + (taps.first - first_);
      for (int channel = 0; channel < 3; ++channel, plane += plane_) {
        *to++ = to_pixel(dot(plane, low_.data() + weight, high_.data() + weight, blocks));
      }
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
    std::int16_t* red = planes_.data();
    std::int16_t* green = red + plane_;
    std::int16_t* blue = green + plane_;
    for (int x = 0; x < pixels_; ++x, row += 3) {
      red[x] = row[0];
      green[x] = row[1];
      blue[x] = row[2];
    }
  }

  Weights weights_;
  std::vector<std::int16_t> low_, high_;
  int first_ = 0;
  int pixels_ = 0;
  std::size_t plane_ = 0;  // entries of a plane
  std::vector<std::int16_t> planes_;
};

// Rows of the canvas, scaled to the window's columns.
class CanvasRows {
 public:
  CanvasRows(const Canvas& canvas, int width, Filter filter, const Window& window)
      : canvas_(canvas), first_(window.x), pixels_(window.width) {
    if (width == canvas.width) return;
    scaler_.emplace(canvas.width, width, filter, window.x, window.width);
    first_ = scaler_->first();
    pixels_ = scaler_->pixels();
    row_.resize(3 * static_cast<std::size_t>(pixels_));
  }

  // The bytes of a row before it is scaled.
  std::size_t unscaled_bytes() const { return 3 * static_cast<std::size_t>(pixels_); }
  void read(int y, std::uint8_t* to) const { copy_row(canvas_, y, first_, pixels_, to); }
  // Scales a row that read() gave, or a blend of such rows.
  void scale(const std::uint8_t* row, std::uint8_t* to) {
    if (scaler_) {
      scaler_->scale(row, to);
    } else {
      std::copy_n(row, unscaled_bytes(), to);
    }
  }
  void read_scaled(int y, std::uint8_t* to) {
    if (!scaler_) return read(y, to);
    read(y, row_.data());
    scaler_->scale(row_.data(), to);
  }

 private:
  const Canvas& canvas_;
  std::optional<RowScaler> scaler_;
  int first_;
  int pixels_;
  std::vector<std::uint8_t> row_;
};

// The scaled rows first .. first + count - 1: those of the picture, and one that stands for all others.
class ScaledRows {
 public:
  ScaledRows(const Canvas& canvas, CanvasRows& rows, std::size_t row_bytes, int first, int count)
      : row_bytes_(row_bytes) {
    const int top = canvas.top;
    const int bottom = top + canvas.picture->height;
    begin_ = std::clamp(first, top, bottom);
    end_ = std::clamp(first + count, begin_, bottom);
    const bool has_background = first < begin_ || first + count > end_;
    bytes_.resize((static_cast<std::size_t>(end_ - begin_) + (has_background ? 1 : 0)) * row_bytes_);
    for (int y = begin_; y < end_; ++y) rows.read_scaled(y, bytes_.data() + offset(y));
    const int outside = top > 0 ? 0 : bottom;  // any row beyond the picture
    if (has_background) rows.read_scaled(outside, bytes_.data() + offset(end_));
  }

  const std::uint8_t* operator[](int y) const { return bytes_.data() + offset(y >= begin_ && y < end_ ? y : end_); }

 private:
  std::size_t offset(int y) const { return static_cast<std::size_t>(y - begin_) * row_bytes_; }

  std::size_t row_bytes_;
  int begin_ = 0;  // rows of the picture that are kept: begin_ .. end_ - 1, then the background's
  int end_ = 0;
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

void filter_window(const Canvas& canvas, int width, int height, Filter filter, const Window& window, Image& out) {
  const std::size_t row_bytes = 3 * static_cast<std::size_t>(window.width);
  CanvasRows rows(canvas, width, filter, window);
  const auto out_row = [&](int y) { return out.rgb.data() + static_cast<std::size_t>(y) * row_bytes; };
  if (height == canvas.height) {
    for (int y = 0; y < window.height; ++y) rows.read_scaled(window.y + y, out_row(y));
    return;
  }
  const Weights weights = make_weights(filter, canvas.height, height, window.y, window.height);
  if (rows_first(canvas, width, height)) {
    std::vector<std::uint8_t> row(rows.unscaled_bytes());
    RowBlender blender(row.size());
    for (int y = 0; y < window.height; ++y) {
      const Taps taps = weights.taps[static_cast<std::size_t>(y)];
      blender.start();
      for (int t = 0; t < taps.count; ++t) {
        rows.read(taps.first + t, row.data());
        blender.add(row.data(), weights.of(static_cast<std::size_t>(y))[t]);
      }
      blender.finish(row.data());
      rows.scale(row.data(), out_row(y));
    }
    return;
  }
  const int first = weights.taps.front().first;
  const ScaledRows scaled(canvas, rows, row_bytes, first,
                          weights.taps.back().first + weights.taps.back().count - first);
  RowBlender blender(row_bytes);
  for (int y = 0; y < window.height; ++y) {
    const Taps taps = weights.taps[static_cast<std::size_t>(y)];
    blender.start();
    for (int t = 0; t < taps.count; ++t)
      blender.add(scaled[taps.first + t], weights.of(static_cast<std::size_t>(y))[t]);
    blender.finish(out_row(y));
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
