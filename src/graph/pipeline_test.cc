#include "graph/pipeline.h"

#include <array>
#include <string>

#include "graph/graph_fixture_test.h"
#include "graph/printer.h"
#include "graph/rewrite.h"

namespace galago::graph {
namespace {

using ::testing::HasSubstr;

const AskedBackend kCpu("cpu");
const std::array<const Backend*, 1> kBackends = {&kCpu};

// The text without the padding before types.
std::string squeezed(const std::string& text) {
  std::string out;
  bool indentation = true;
  for (const char c : text) {
    if (c == ' ' && !indentation && out.back() == ' ') continue;
    indentation = c == '\n' || (indentation && c == ' ');
    out += c;
  }
  return out;
}

std::string text_after(std::string_view pass) {
  auto graph = run_passes(trace_block().value(), kBackends, pass);
  EXPECT_TRUE(graph.ok()) << graph.error().message;
  return squeezed(to_text(*graph));
}

constexpr std::string_view kTraced =
    R"(graph block(ids: i32 (tokens), positions: i32 (1, tokens)) {
  state 0 : paged(heads=2, k_dim=4, v_dim=4)
  %3 = embedding(%ids, @table) : f32 (tokens, 8)
  %4 = reshape(%3) {shape=(tokens, 8)} : f32 (tokens, 8)
  %6 = scale(@frequencies) {factor=0.5} : f32 (2)
  %8 = rms_norm(%4, @gain) {eps=1e-06, weight_plus_one=false} : f32 (tokens, 8)
  %10 = linear(%8, @q) : f32 (tokens, 8)
  %11 = reshape(%10) {shape=(tokens, 2, 4)} : f32 (tokens, 2, 4)
  %13 = linear(%8, @k) : f32 (tokens, 8)
  %14 = reshape(%13) {shape=(tokens, 2, 4)} : f32 (tokens, 2, 4)
  %16 = linear(%8, @v) : f32 (tokens, 8)
  %17 = reshape(%16) {shape=(tokens, 2, 4)} : f32 (tokens, 2, 4)
  %18 = rope(%11, %positions, %6) {interleaved=false, attention_factor=1, sections=[]} : f32 (tokens, 2, 4)
  %19 = rope(%14, %positions, %6) {interleaved=false, attention_factor=1, sections=[]} : f32 (tokens, 2, 4)
  kv_append(%19, %17) {state=0}
  %20 = paged_attention(%18) {state=0, kv_heads=2, v_dim=4, scale=0.5, window=0, soft_cap=0} : f32 (tokens, 2, 4)
  %21 = reshape(%20) {shape=(tokens, 8)} : f32 (tokens, 8)
  %23 = linear(%21, @o) : f32 (tokens, 8)
  %24 = add(%4, %23) : f32 (tokens, 8)
  %25 = rms_norm(%24, @gain) {eps=1e-06, weight_plus_one=false} : f32 (tokens, 8)
  %27 = linear(%25, @gate) : f32 (tokens, 12)
  %28 = unary(%27) {kind=silu} : f32 (tokens, 12)
  %30 = linear(%25, @up) : f32 (tokens, 12)
  %31 = mul(%28, %30) : f32 (tokens, 12)
  %33 = linear(%31, @down) : f32 (tokens, 8)
  %34 = add(%24, %33) : f32 (tokens, 8)
  %35 = unary(%34) {kind=silu} : f32 (tokens, 8)
  %36 = linear(%34, @table) : f32 (tokens, 10)
  return logits = %36 : f32 (tokens, 10)
}
)";

constexpr std::string_view kPacked =
    R"(graph block(ids: i32 (tokens), positions: i32 (1, tokens)) {
  state 0 : paged(heads=2, k_dim=4, v_dim=4)
  packed @table : f32 (10, 8) as cpu tiles
  packed @q : f32 (8, 8) as cpu tiles
  packed @k : f32 (8, 8) as cpu tiles
  packed @v : f32 (8, 8) as cpu tiles
  packed @o : f32 (8, 8) as cpu tiles
  packed @gate : f32 (12, 8) as cpu tiles
  packed @up : f32 (12, 8) as cpu tiles
  packed @down : f32 (8, 12) as cpu tiles
  %3 = embedding(%ids, @table) on cpu : f32 (tokens, 8)
  %7, %10, %13 = linears(%3, @gain, @q, @k, @v) on cpu : f32 (tokens, 8), f32 (tokens, 8), f32 (tokens, 8)
      %2 = rms_norm(%0, %gain) {eps=1e-06, weight_plus_one=false} on cpu : f32 (tokens, 8)
      %6 = linear(%2, %q) on cpu : f32 (tokens, 8)
      %7 = linear(%2, %k) on cpu : f32 (tokens, 8)
      %8 = linear(%2, %v) on cpu : f32 (tokens, 8)
  %8 = reshape(%7) {shape=(tokens, 2, 4)} on cpu : f32 (tokens, 2, 4)
  %11 = reshape(%10) {shape=(tokens, 2, 4)} on cpu : f32 (tokens, 2, 4)
  %14 = reshape(%13) {shape=(tokens, 2, 4)} on cpu : f32 (tokens, 2, 4)
  %15 = rope(%8, %positions, @33) {interleaved=false, attention_factor=1, sections=[]} on cpu : f32 (tokens, 2, 4)
  rope_append(%11, %positions, @33, %14) on cpu
      %3 = rope(%0, %positions, %2) {interleaved=false, attention_factor=1, sections=[]} on cpu : f32 (tokens, 2, 4)
      kv_append(%3, %4) {state=0} on cpu
  %17 = paged_attention(%15) {state=0, kv_heads=2, v_dim=4, scale=0.5, window=0, soft_cap=0} on cpu : f32 (tokens, 2, 4)
  %18 = reshape(%17) {shape=(tokens, 8)} on cpu : f32 (tokens, 8)
  %21 = linears(%18, @o, %3) on cpu : f32 (tokens, 8)
      %2 = linear(%0, %o) on cpu : f32 (tokens, 8)
      %4 = add(%3, %2) on cpu : f32 (tokens, 8)
  %31 = gated_linears(%21, @gain, @gate, @up, @down) on cpu : f32 (tokens, 8)
      %6 = rms_norm(%0, %gain) {eps=1e-06, weight_plus_one=false} on cpu : f32 (tokens, 8)
      %7 = linear(%6, %gate) on cpu : f32 (tokens, 12)
      %8 = linear(%6, %up) on cpu : f32 (tokens, 12)
      %9 = unary(%7) {kind=silu} on cpu : f32 (tokens, 12)
      %10 = mul(%9, %8) on cpu : f32 (tokens, 12)
      %5 = linear(%10, %down) on cpu : f32 (tokens, 8)
      %11 = add(%0, %5) on cpu : f32 (tokens, 8)
  %32 = linear(%31, @table) on cpu : f32 (tokens, 10)
  return logits = %32 : f32 (tokens, 10)
}
)";

TEST(Pipeline, PrintsTheTrace) { EXPECT_EQ(text_after("trace"), kTraced); }

TEST(Pipeline, FoldsConstantsAndDropsWhatNobodyReads) {
  const std::string text = text_after("fold");
  EXPECT_THAT(text, HasSubstr("%3 = embedding(%ids, @table) : f32 (tokens, 8)\n  %5 = rms_norm(%3, @gain)"))
      << "a reshape to the same shape is dropped";
  EXPECT_THAT(text, Not(HasSubstr("scale(")));
  EXPECT_THAT(text, HasSubstr("rope(%8, %positions, @33)"));
  EXPECT_THAT(text, HasSubstr("unary(%24) {kind=silu} : f32 (tokens, 12)"));
  EXPECT_THAT(text, Not(HasSubstr("{kind=silu} : f32 (tokens, 8)"))) << "nobody reads it";
}

TEST(Pipeline, FoldedConstantsHaveTheReferencesValues) {
  const Graph graph = run_passes(trace_block().value(), kBackends, "fold").value();
  const Value& folded = graph.values.back();
  ASSERT_TRUE(folded.is_constant());
  const Tensor frequencies = Tensor::random({2});
  EXPECT_EQ(folded.constant.floats()[1], frequencies.floats()[1] * 0.5f);
}

TEST(Pipeline, GroupsLinearsOfOneInput) {
  const std::string text = text_after("group");
  EXPECT_THAT(text, HasSubstr("%7, %10, %13 = linears(%5, @q, @k, @v) on cpu"));
  EXPECT_THAT(text, HasSubstr("%24, %27 = linears(%22, @gate, @up) on cpu"));
  EXPECT_THAT(text, HasSubstr("= linear(%18, @o) on cpu"));
}

TEST(Pipeline, FusesNormsGatesResidualsAndAppends) { EXPECT_EQ(text_after("pack"), kPacked); }

TEST(Pipeline, NamesUnknownPasses) {
  const auto graph = run_passes(trace_block().value(), kBackends, "polish");
  ASSERT_FALSE(graph.ok());
  EXPECT_EQ(graph.error().message, "\"polish\" is no pass; there are trace, fold, place, copies, group, fuse, pack");
}

TEST(Place, TakesTheFirstBackendThatDoesNotRefuse) {
  const AskedBackend picky("picky", [](const Node& node) -> std::optional<std::string> {
    if (node.as<ops::Linear>() != nullptr) return std::nullopt;
    return "knows linears only";
  });
  const std::array<const Backend*, 2> both = {&picky, &kCpu};
  const Graph graph = run_passes(trace_block().value(), both, "pack").value();
  for (const Node& node : graph.nodes) {
    if (node.copy() != nullptr) continue;
    EXPECT_EQ(node.backend, node.as<ops::Linear>() != nullptr || name(node) == "linears" ? "picky" : "cpu")
        << "nodes of two backends are not fused: " << name(node);
  }
  EXPECT_THAT(to_text(graph), HasSubstr("as picky tiles"));
  const std::array<const Backend*, 1> alone = {&picky};
  const auto refused = run_passes(trace_block().value(), alone, "place");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message, "block: no backend runs embedding; picky: knows linears only");
}

// x → a, x → append → b: a node with state may not change places with another.
TEST(Rewrite, KeepsTheOrderOfStateAndOfValues) {
  const Graph graph = run_passes(trace_block().value(), kBackends, "fold").value();
  const auto find = [&graph](std::string_view wanted, int skip = 0) {
    for (std::size_t n = 0; n < graph.nodes.size(); ++n) {
      if (name(graph.nodes[n]) == wanted && skip-- == 0) return static_cast<int>(n);
    }
    return -1;
  };
  const int rope = find("rope", 1), append = find("kv_append"), attention = find("paged_attention");
  EXPECT_TRUE(can_fuse(graph, Uses(graph), std::array{rope, append}, false));
  EXPECT_TRUE(can_fuse(graph, Uses(graph), std::array{append, attention}, false));
  EXPECT_FALSE(can_fuse(graph, Uses(graph), std::array{rope, attention}, false))
      << "the append between them would come too early";
  const int first = find("linear"), last = find("linear", 3);
  EXPECT_FALSE(can_fuse(graph, Uses(graph), std::array{first, last}, true)) << "the last reads what is computed later";
}

}  // namespace
}  // namespace galago::graph
