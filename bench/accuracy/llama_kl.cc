// Measures llama.cpp as tests/accuracy measures galago: KL(base || candidate) and equal top tokens over every position
// of a text, in windows with a fresh context. Not part of the build: it needs llama.cpp. docs/accuracy.md has the
// commands.
//
//   llama_kl BASE.gguf CANDIDATE.gguf TEXT [WINDOW]
//
// The base (the candidate's weights as F32) is computed without any rounding that llama.cpp offers to leave out: f32
// keys and values, no flash attention. The candidate runs with the defaults, then with f32 keys and values. Then the
// candidate with narrow keys and values against itself with f16.
#include <llama.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace {

struct Free {
  void operator()(llama_model* model) const { llama_model_free(model); }
  void operator()(llama_context* context) const { llama_free(context); }
};
using Model = std::unique_ptr<llama_model, Free>;
using Context = std::unique_ptr<llama_context, Free>;

struct Agreement {
  std::size_t positions = 0, same_top = 0;
  double kl = 0;
};

Model load(const char* path) {
  llama_model_params params = llama_model_default_params();
  params.n_gpu_layers = 0;
  return Model(llama_model_load_from_file(path, params));
}

Context make_context(llama_model* model, std::uint32_t window, ggml_type kv) {
  llama_context_params params = llama_context_default_params();
  params.n_ctx = params.n_batch = params.n_ubatch = window;
  params.n_threads = params.n_threads_batch = 2;
  params.type_k = params.type_v = kv;
  if (kv == GGML_TYPE_F32) params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
  return Context(llama_init_from_model(model, params));
}

std::vector<llama_token> tokenize(const llama_vocab* vocab, const std::string& text) {
  std::vector<llama_token> ids(text.size() + 1);
  const int n = llama_tokenize(vocab, text.data(), static_cast<int>(text.size()), ids.data(),
                               static_cast<int>(ids.size()), /*add_special=*/false, /*parse_special=*/false);
  ids.resize(static_cast<std::size_t>(std::max(n, 0)));
  return ids;
}

bool run(llama_context* context, std::span<llama_token> ids) {
  llama_memory_clear(llama_get_memory(context), true);
  llama_batch batch = llama_batch_init(static_cast<int>(ids.size()), 0, 1);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    batch.token[i] = ids[i];
    batch.pos[i] = static_cast<llama_pos>(i);
    batch.n_seq_id[i] = 1;
    batch.seq_id[i][0] = 0;
    batch.logits[i] = 1;
  }
  batch.n_tokens = static_cast<int>(ids.size());
  const bool ok = llama_decode(context, batch) == 0;
  llama_batch_free(batch);
  return ok;
}

// Mean of p - q under softmax(p), and the difference of the log normalizers.
void compare(std::span<const float> p, std::span<const float> q, Agreement& result) {
  const auto p_top = std::max_element(p.begin(), p.end()), q_top = std::max_element(q.begin(), q.end());
  double p_sum = 0, q_sum = 0, weighted = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    const double weight = std::exp(static_cast<double>(p[i]) - *p_top);
    p_sum += weight;
    q_sum += std::exp(static_cast<double>(q[i]) - *q_top);
    weighted += weight * (static_cast<double>(p[i]) - q[i]);
  }
  result.kl += weighted / p_sum + *q_top + std::log(q_sum) - *p_top - std::log(p_sum);
  result.same_top += p_top - p.begin() == q_top - q.begin() ? 1 : 0;
  ++result.positions;
}

int measure(llama_context* base, llama_context* candidate, std::span<llama_token> ids, std::size_t window,
            const std::string& label) {
  const auto vocab = static_cast<std::size_t>(llama_vocab_n_tokens(llama_model_get_vocab(llama_get_model(base))));
  Agreement all;
  for (std::size_t at = 0; at < ids.size(); at += window) {
    const auto part = ids.subspan(at, std::min(window, ids.size() - at));
    if (!run(base, part) || !run(candidate, part)) return 1;
    for (std::size_t i = 0; i < part.size(); ++i) {
      compare({llama_get_logits_ith(base, static_cast<int>(i)), vocab},
              {llama_get_logits_ith(candidate, static_cast<int>(i)), vocab}, all);
    }
  }
  const auto n = static_cast<double>(all.positions);
  std::printf("%s: %zu positions, same top token %.2f %%, mean KL %.3e\n", label.c_str(), all.positions,
              100 * static_cast<double>(all.same_top) / n, all.kl / n);
  std::fflush(stdout);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: llama_kl BASE.gguf CANDIDATE.gguf TEXT [WINDOW]\n");
    return 2;
  }
  const unsigned long window = argc > 4 ? std::stoul(argv[4]) : 1024;
  std::ifstream file(argv[3], std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  llama_backend_init();
  const Model base_model = load(argv[1]), candidate_model = load(argv[2]);
  if (!base_model || !candidate_model || text.empty()) {
    std::fprintf(stderr, "llama_kl: a model or the text cannot be read\n");
    return 1;
  }
  auto ids = tokenize(llama_model_get_vocab(candidate_model.get()), text);
  const auto context = static_cast<std::uint32_t>(window);
  const Context base = make_context(base_model.get(), context, GGML_TYPE_F32);
  const Context usual = make_context(candidate_model.get(), context, GGML_TYPE_F16);
  const Context wide = make_context(candidate_model.get(), context, GGML_TYPE_F32);
  if (!base || !usual || !wide) return 1;
  int status = measure(base.get(), usual.get(), ids, window, "defaults") |
               measure(base.get(), wide.get(), ids, window, "f32 keys and values");
  for (const ggml_type type : {GGML_TYPE_Q8_0, GGML_TYPE_Q4_0, GGML_TYPE_BF16}) {
    const Context narrow = make_context(candidate_model.get(), context, type);
    if (!narrow) return 1;
    status |= measure(usual.get(), narrow.get(), ids, window, std::string(ggml_type_name(type)) + " against f16");
  }
  return status;
}
