// The default model's numbers: exact against transformers on the same file, fast against exact on a text.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "base/file.h"
#include "formats/safetensors.h"
#include "logits_reader.h"
#include "ops/kv_codec.h"

namespace galago::accuracy {
namespace {

namespace fs = std::filesystem;
const fs::path kData = GALAGO_SOURCE_DIR "/tests/data/smollm2";

constexpr double kMaxRelativeError = 1e-3;  // max |difference| / std
constexpr double kMinSameTop = 0.96;
constexpr double kMaxKl = 5e-3;
// llama.cpp's int8 path on the same file, text and windows (docs/accuracy.md). Another order of summation alone
// moves ours by 1.5 % (2.572e-3 with avx512_vnni, 2.497e-3 with avx2).
constexpr double kLlamaCppKl = 2.571e-3;
constexpr double kChance = 1.01;
// A fresh context every so many tokens.
constexpr std::size_t kWindow = 1024;

template <class T>
std::vector<T> read(const formats::SafetensorsCheckpoint& file, std::string_view name) {
  for (const formats::StoredTensor& tensor : file.tensors) {
    if (tensor.name != name) continue;
    std::vector<T> values(tensor.data.size() / sizeof(T));
    std::memcpy(values.data(), tensor.data.data(), tensor.data.size());
    return values;
  }
  ADD_FAILURE() << "expected.safetensors has no tensor " << name;
  return {};
}

// max |found - expected| / std(expected), as `galago verify` counts.
double relative_error(std::span<const float> found, std::span<const float> expected) {
  EXPECT_EQ(found.size(), expected.size());
  double sum = 0, squares = 0, largest = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    sum += expected[i];
    squares += static_cast<double>(expected[i]) * expected[i];
    const double difference = std::abs(static_cast<double>(found[i]) - expected[i]);
    if (!std::isfinite(difference)) return difference;
    largest = std::max(largest, difference);
  }
  const double n = static_cast<double>(expected.size());
  return largest / std::sqrt(squares / n - sum / n * (sum / n));
}

std::size_t top(std::span<const float> logits) {
  return static_cast<std::size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

// KL(softmax(p) || softmax(q)): the mean of p - q under softmax(p), and the difference of their log normalizers.
double kl_divergence(std::span<const float> p, std::span<const float> q) {
  const double p_most = p[top(p)], q_most = q[top(q)];
  double p_sum = 0, q_sum = 0, weighted = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    const double weight = std::exp(p[i] - p_most);
    p_sum += weight;
    q_sum += std::exp(q[i] - q_most);
    weighted += weight * (static_cast<double>(p[i]) - q[i]);
  }
  return weighted / p_sum + q_most + std::log(q_sum) - p_most - std::log(p_sum);
}

struct Agreement {
  std::size_t positions = 0, same_top = 0;
  double kl = 0;
  double top_fraction() const { return static_cast<double>(same_top) / static_cast<double>(positions); }
  double mean_kl() const { return kl / static_cast<double>(positions); }
};

class DefaultModel : public ::testing::Test {
 protected:
  void SetUp() override {
    auto found = find_model("");
    if (found.ok()) {
      path_ = *found;
      return;
    }
    const char* ci = std::getenv("CI");
    if (ci != nullptr && std::string_view(ci) == "true") FAIL() << found.error().message;
    GTEST_SKIP() << found.error().message;
  }

  std::unique_ptr<LogitsReader> open(Precision precision, std::size_t context,
                                     std::optional<KvType> kv = std::nullopt) const {
    auto reader = LogitsReader::open(path_, {.precision = precision, .kv = kv}, static_cast<std::int64_t>(context));
    EXPECT_TRUE(reader.ok()) << reader.error().message;
    return reader.ok() ? std::move(reader).value() : nullptr;
  }

  fs::path path_;
};

TEST_F(DefaultModel, ExactLogitsAreThoseOfTransformers) {
  auto file = formats::open_safetensors(kData / "expected.safetensors");
  ASSERT_TRUE(file.ok()) << file.error().message;
  const auto ids = read<std::int32_t>(*file, "input_ids"), rows = read<std::int32_t>(*file, "rows"),
             top_ids = read<std::int32_t>(*file, "top_ids");
  const auto expected_logits = read<float>(*file, "logits"), expected_hidden = read<float>(*file, "hidden_last");
  const auto reader = open(Precision::kExact, ids.size());
  ASSERT_NE(reader, nullptr);
  auto all = reader->hidden(ids);
  ASSERT_TRUE(all.ok()) << all.error().message;

  const auto width = static_cast<std::size_t>(reader->hidden_size());
  const auto vocab = static_cast<std::size_t>(reader->vocab_size());
  const std::size_t columns = expected_logits.size() / rows.size(), step = vocab / columns;
  const std::size_t best = top_ids.size() / rows.size();
  std::vector<float> hidden, logits;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const auto row = std::span(*all).subspan(static_cast<std::size_t>(rows[r]) * width, width);
    hidden.insert(hidden.end(), row.begin(), row.end());
    auto whole = reader->head(row);
    ASSERT_TRUE(whole.ok()) << whole.error().message;
    for (std::size_t c = 0; c < columns; ++c) logits.push_back((*whole)[c * step]);
    EXPECT_EQ(top(*whole), static_cast<std::size_t>(top_ids[r * best])) << "at position " << rows[r];
  }
  const double logits_error = relative_error(logits, expected_logits);
  const double hidden_error = relative_error(hidden, expected_hidden);
  std::printf("accuracy: exact against transformers, %zu of %zu positions: logits %.2e, hidden states %.2e (%s)\n",
              rows.size(), ids.size(), logits_error, hidden_error, reader->engine().description().isa.c_str());
  EXPECT_LT(logits_error, kMaxRelativeError);
  EXPECT_LT(hidden_error, kMaxRelativeError);
}

Status compare_window(LogitsReader& exact, LogitsReader& fast, std::span<const std::int32_t> ids, Agreement& result) {
  auto exact_hidden = exact.hidden(ids), fast_hidden = fast.hidden(ids);
  if (!exact_hidden.ok()) return exact_hidden.error();
  if (!fast_hidden.ok()) return fast_hidden.error();
  const auto width = static_cast<std::size_t>(exact.hidden_size());
  const auto vocab = static_cast<std::size_t>(exact.vocab_size());
  const auto at_once = static_cast<std::size_t>(std::min(exact.head_rows(), fast.head_rows()));
  for (std::size_t at = 0; at < ids.size(); at += at_once) {
    const std::size_t rows = std::min(at_once, ids.size() - at);
    auto p = exact.head(std::span(*exact_hidden).subspan(at * width, rows * width));
    auto q = fast.head(std::span(*fast_hidden).subspan(at * width, rows * width));
    if (!p.ok()) return p.error();
    if (!q.ok()) return q.error();
    for (std::size_t r = 0; r < rows; ++r) {
      const auto p_row = p->subspan(r * vocab, vocab), q_row = q->subspan(r * vocab, vocab);
      result.kl += kl_divergence(p_row, q_row);
      result.same_top += top(p_row) == top(q_row) ? 1 : 0;
      ++result.positions;
    }
  }
  return {};
}

TEST_F(DefaultModel, FastFollowsExact) {
  const auto text = read_text(kData / "text.txt");
  ASSERT_TRUE(text.ok()) << text.error().message;
  const auto exact = open(Precision::kExact, kWindow), fast = open(Precision::kFast, kWindow);
  ASSERT_TRUE(exact != nullptr && fast != nullptr);
  const auto tokenizer = exact->engine().tokenizer();
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  const auto encoded = (*tokenizer)->encode(*text);
  ASSERT_TRUE(encoded.ok()) << encoded.error().message;
  const std::span<const std::int32_t> ids = *encoded;
  ASSERT_GE(ids.size(), 4000u);

  Agreement agreement;
  for (std::size_t at = 0; at < ids.size(); at += kWindow) {
    const auto window = ids.subspan(at, std::min(kWindow, ids.size() - at));
    const Status status = compare_window(*exact, *fast, window, agreement);
    ASSERT_TRUE(status.ok()) << status.error().message;
  }
  std::printf("accuracy: fast against exact, %zu positions: same top token %.2f %%, mean KL %.3e (%s)\n",
              agreement.positions, 100 * agreement.top_fraction(), agreement.mean_kl(),
              fast->engine().description().isa.c_str());
  EXPECT_GE(agreement.top_fraction(), kMinSameTop);
  EXPECT_LT(agreement.mean_kl(), kMaxKl);
  EXPECT_LE(agreement.mean_kl(), kLlamaCppKl * kChance);
  // Equal engines would prove nothing.
  EXPECT_GT(agreement.mean_kl(), 0.0);
}

// What the type of keys and values adds to f16's result: everything else is the same.
TEST_F(DefaultModel, NarrowKeysAndValuesFollowF16) {
  const auto text = read_text(kData / "text.txt");
  ASSERT_TRUE(text.ok()) << text.error().message;
  const auto base = open(Precision::kFast, kWindow, KvType::kF16);
  ASSERT_NE(base, nullptr);
  const auto encoded = base->engine().tokenizer().value()->encode(*text);
  ASSERT_TRUE(encoded.ok()) << encoded.error().message;
  // All of the text where the numbers are wanted, some of it for the bounds.
  const char* wanted = std::getenv("GALAGO_WHOLE_TEXT");
  const std::span<const std::int32_t> ids = std::span(*encoded).first(wanted != nullptr ? encoded->size() : kWindow);
  struct Bound {
    KvType type;
    double kl;
  };
  // A quarter above what was found (docs/accuracy.md): the bounds are there to notice a broken codec.
  for (const auto& [type, bound] : {Bound{KvType::kQ8, 4.3e-3}, Bound{KvType::kQ4, 5e-2}, Bound{KvType::kBF16, 4e-3}}) {
    const auto narrow = open(Precision::kFast, kWindow, type);
    ASSERT_NE(narrow, nullptr);
    Agreement agreement;
    for (std::size_t at = 0; at < ids.size(); at += kWindow) {
      const auto window = ids.subspan(at, std::min(kWindow, ids.size() - at));
      const Status status = compare_window(*base, *narrow, window, agreement);
      ASSERT_TRUE(status.ok()) << status.error().message;
    }
    std::printf("accuracy: %s keys and values against f16, %zu positions: same top token %.2f %%, mean KL %.3e (%s)\n",
                std::string(ops::name(type)).c_str(), agreement.positions, 100 * agreement.top_fraction(),
                agreement.mean_kl(), base->engine().description().isa.c_str());
    EXPECT_LT(agreement.mean_kl(), bound) << ops::name(type);
    EXPECT_GT(agreement.mean_kl(), 0.0);
  }
}

}  // namespace
}  // namespace galago::accuracy
