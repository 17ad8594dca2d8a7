// An encoder whose number of patches is known when a picture is there, run as sessions run it.
#include "runtime/encoder_runs.h"

#include <gtest/gtest.h>

#include "galago/ops.h"
#include "runtime/toy_model_test.h"

namespace galago::runtime {
namespace {

// Patches in groups of 4, each group a row, in an order that comes from outside.
class EncoderRuns : public testing::Test {
 protected:
  static std::vector<models::Entry> entries() {
    const Dim groups = Dim::symbol("groups", 5);
    const Tensor weight = Tensor::random({6, 48}, 1);
    models::Entry encode{.name = "encode_image",
                         .inputs = {{"pixels", {DType::kF32, {groups * 4, 12}}}, {"order", {DType::kI32, {groups}}}}};
    encode.forward = [weight](const graph::TracedInputs& in) -> std::vector<graph::NamedTensor> {
      const Tensor rows = reshape(in["pixels"], {in["order"].shape().dim(0), 48});
      return {{"image_embeds", gather_rows(linear(rows, weight), in["order"])}};
    };
    return {encode};
  }

  static models::EncoderRun picture(std::int64_t groups, std::uint64_t seed) {
    std::vector<std::int32_t> order;
    for (std::int64_t i = groups; i-- > 0;) order.push_back(static_cast<std::int32_t>(i));
    return {"encode_image",
            {{"order", Tensor::from(order, {groups})}, {"pixels", Tensor::random({groups * 4, 12}, seed)}},
            groups};
  }

  std::string error_of(models::EncoderRun run) {
    const auto rows = encode(*executor_, std::span(&run, 1));
    return rows.ok() ? "" : rows.error().message;
  }

  ToyModel model_{{.architecture = "toy"}, entries()};
  ToyExecutors executors_{model_};
  std::unique_ptr<EntryExecutor> executor_ = executors_.compiled();
};

TEST_F(EncoderRuns, EveryPictureHasItsOwnNumberOfPatches) {
  const std::vector<models::EncoderRun> runs = {picture(2, 7), picture(5, 8), picture(1, 9)};
  const std::unique_ptr<EntryExecutor> eager = executors_.eager();
  const std::vector<float> rows = encode(*executor_, runs).value();
  const std::vector<float> expected = encode(*eager, runs).value();
  ASSERT_EQ(rows.size(), 8u * 6u);
  ASSERT_EQ(expected.size(), rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_NEAR(rows[i], expected[i], 1e-4f) << i;
  // The rows of a picture are its own, whatever was encoded before it.
  const std::vector<float> last = encode(*executor_, std::span(runs).last(1)).value();
  EXPECT_EQ(last, std::vector<float>(rows.end() - 6, rows.end()));
}

TEST_F(EncoderRuns, SayWhatDoesNotFit) {
  models::EncoderRun run = picture(2, 7);
  run.rows = 3;
  EXPECT_EQ(error_of(run), "encode_image: \"image_embeds\" is (2, 6); the prompt has places for 3 rows");
  run = picture(2, 7);
  run.inputs.pop_back();
  EXPECT_EQ(error_of(run), "encode_image: the input \"pixels\" is missing; given were: \"order\"");
  run = picture(2, 7);
  run.inputs.push_back({"grid", Tensor::zeros({3})});
  EXPECT_EQ(error_of(run), "encode_image: there is no input \"grid\"; there are: \"pixels\", \"order\"");
  run = picture(2, 7);
  run.inputs[1].tensor = Tensor::random({7, 12}, 1);
  EXPECT_EQ(error_of(run),
            "encode_image: the input \"pixels\" is (7, 12); (groups * 4, 12) is expected, (20, 12) at most");
  run.inputs[1].tensor = Tensor::random({4, 12}, 1);
  EXPECT_EQ(error_of(run), "encode_image: \"groups\" is 1 by the input \"pixels\" and 2 by \"order\"");
  EXPECT_NE(error_of(picture(6, 7)), "") << "beyond the bound";
  run.entry = "encode_sound";
  EXPECT_EQ(error_of(run), "the model has no entry \"encode_sound\"");
}

}  // namespace
}  // namespace galago::runtime
