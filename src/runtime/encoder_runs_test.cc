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
      return {{"image_embeds", gather_rows(linear(rows, weight), in["order"])},
              {"deepstack_0", silu(rows)},
              {"patches", silu(in["pixels"])}};
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
    const auto rows = encode(*executor_, run);
    return rows.ok() ? "" : rows.error().message;
  }

  ToyModel model_{{.architecture = "toy"}, entries()};
  ToyExecutors executors_{model_};
  std::unique_ptr<EntryExecutor> executor_ = executors_.compiled();
};

TEST_F(EncoderRuns, EveryPictureHasItsOwnNumberOfPatches) {
  const std::vector<models::EncoderRun> runs = {picture(2, 7), picture(5, 8), picture(1, 9)};
  const std::unique_ptr<EntryExecutor> eager = executors_.eager();
  for (const models::EncoderRun& run : runs) {
    const EncodedRows encoded = encode(*executor_, run).value(), expected = encode(*eager, run).value();
    const auto n = static_cast<std::size_t>(run.rows);
    ASSERT_EQ(encoded.rows.size(), n * 6);
    ASSERT_EQ(expected.rows.size(), n * 6);
    for (std::size_t i = 0; i < encoded.rows.size(); ++i) EXPECT_NEAR(encoded.rows[i], expected.rows[i], 1e-4f) << i;
    ASSERT_EQ(encoded.further.size(), 1u) << "an output of other rows is none of the picture's";
    EXPECT_EQ(encoded.further[0].name, "deepstack_0");
    ASSERT_EQ(encoded.further[0].rows.size(), n * 48);
    for (std::size_t i = 0; i < n * 48; ++i) {
      EXPECT_NEAR(encoded.further[0].rows[i], expected.further[0].rows[i], 1e-5f) << i;
    }
  }
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
