#include "galago/dtype.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>
#include <string>
#include <vector>

namespace galago {
namespace {

const std::vector<DType> kAll = {
#define GALAGO_DTYPE(enumerator, name, ggml_id, block_elements, block_bytes) DType::enumerator,
#include "galago/formats.def"
#undef GALAGO_DTYPE
};

TEST(DTypeTest, NamesAndNumbersLeadBack) {
  std::set<std::string> names;
  std::set<int> ids;
  for (const DType dtype : kAll) {
    const DTypeInfo& type = info(dtype);
    EXPECT_EQ(type.dtype, dtype);
    EXPECT_EQ(dtype_from_name(type.name), dtype);
    EXPECT_TRUE(names.insert(std::string(type.name)).second) << type.name;
    EXPECT_EQ(is_block_format(dtype), type.block_elements > 1);
    EXPECT_GT(type.block_bytes, 0);
    if (type.ggml_id < 0) continue;
    EXPECT_EQ(dtype_from_ggml(static_cast<std::uint32_t>(type.ggml_id)), dtype);
    EXPECT_TRUE(ids.insert(type.ggml_id).second) << type.name;
  }
}

TEST(DTypeTest, KnowsGgmlsNumbers) {  // ggml_type in ggml.h
  EXPECT_EQ(dtype_from_ggml(0), DType::kF32);
  EXPECT_EQ(dtype_from_ggml(3), DType::kQ4_1);
  EXPECT_EQ(dtype_from_ggml(12), DType::kQ4_K);
  EXPECT_EQ(dtype_from_ggml(23), DType::kIQ4_XS);
  EXPECT_EQ(dtype_from_ggml(30), DType::kBF16);
  EXPECT_EQ(dtype_from_ggml(42), DType::kQ2_0);
}

TEST(DTypeTest, RefusesWhatIsUnknown) {
  for (const std::uint32_t id : {4u, 5u, 9u, 15u, 31u, 38u, 43u, 1000u, 0xffffffffu}) {
    EXPECT_EQ(dtype_from_ggml(id), std::nullopt) << id;
  }
  for (const char* name : {"", "q4", "Q4_0", "f32 ", "q4_0x"}) EXPECT_EQ(dtype_from_name(name), std::nullopt) << name;
}

TEST(DTypeTest, RowBytes) {
  EXPECT_EQ(row_bytes(DType::kF32, 5), 20u);
  EXPECT_EQ(row_bytes(DType::kQ4_1, 64), 40u);
  EXPECT_EQ(row_bytes(DType::kQ6_K, 512), 420u);
  EXPECT_EQ(row_bytes(DType::kQ4_1, 0), 0u);
  EXPECT_EQ(row_bytes(DType::kQ4_1, 33), std::nullopt);
  EXPECT_EQ(row_bytes(DType::kQ6_K, 128), std::nullopt);
  const std::uint64_t largest = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(row_bytes(DType::kF32, largest / 4), largest / 4 * 4);
  EXPECT_EQ(row_bytes(DType::kF32, largest / 4 + 1), std::nullopt);
  EXPECT_EQ(row_bytes(DType::kBF16, largest), std::nullopt);
}

}  // namespace
}  // namespace galago
