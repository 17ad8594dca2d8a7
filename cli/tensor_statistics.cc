#include "cli/tensor_statistics.h"

#include <algorithm>
#include <cmath>

#include "quant/codec.h"

namespace galago::cli {
namespace {

// A whole number of blocks of every type.
constexpr std::int64_t kPiece = 4096;

// Mean and sum of squared deviations of a growing sample, without the cancellation of a sum of squares
// [Chan, Golub and LeVeque 1979].
class Moments {
 public:
  void add(double count, double mean, double squares) {
    const double total = count_ + count;
    const double delta = mean - mean_;
    mean_ += delta * count / total;
    squares_ += squares + delta * delta * count_ * count / total;
    count_ = total;
  }
  double mean() const { return mean_; }
  double deviation() const { return count_ > 0 ? std::sqrt(squares_ / count_) : 0; }

 private:
  double count_ = 0, mean_ = 0, squares_ = 0;
};

void add_piece(const std::vector<float>& values, std::int64_t n, TensorStatistics& out, Moments& moments) {
  double sum = 0;
  std::int64_t finite = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const float value = values[static_cast<std::size_t>(i)];
    out.nans += std::isnan(value);
    out.infinities += std::isinf(value);
    if (!std::isfinite(value)) continue;
    const bool is_first = out.finite + finite == 0;
    out.least = is_first ? value : std::min<double>(out.least, value);
    out.greatest = is_first ? value : std::max<double>(out.greatest, value);
    sum += value;
    ++finite;
  }
  if (finite == 0) return;
  const double mean = sum / static_cast<double>(finite);
  double squares = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const float value = values[static_cast<std::size_t>(i)];
    if (std::isfinite(value)) squares += (value - mean) * (value - mean);
  }
  moments.add(static_cast<double>(finite), mean, squares);
  out.finite += finite;
}

}  // namespace

TensorStatistics measure(const formats::StoredTensor& tensor, std::size_t n_first) {
  const DTypeInfo& type = info(tensor.dtype);
  const std::int64_t blocks = static_cast<std::int64_t>(tensor.data.size()) / type.block_bytes;
  TensorStatistics out;
  out.elements = blocks * type.block_elements;
  std::vector<float> values(static_cast<std::size_t>(kPiece));
  Moments moments;
  for (std::int64_t at = 0; at < out.elements; at += kPiece) {
    const std::int64_t n = std::min(kPiece, out.elements - at);
    const std::byte* bytes = tensor.data.data() + at / type.block_elements * type.block_bytes;
    quant::codec(tensor.dtype).decode_row(bytes, values.data(), n);
    for (std::int64_t i = 0; i < n && out.first.size() < n_first; ++i) {
      out.first.push_back(values[static_cast<std::size_t>(i)]);
    }
    add_piece(values, n, out, moments);
  }
  out.mean = moments.mean();
  out.deviation = moments.deviation();
  return out;
}

}  // namespace galago::cli
