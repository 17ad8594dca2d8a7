#include "runtime/generation_driver.h"

#include <algorithm>

#include "base/clock.h"

namespace galago::runtime {
namespace {

void add_seconds(std::span<Generation* const> generations, Clock::time_point begun) {
  const double seconds = seconds_since(begun);
  for (Generation* generation : generations) generation->add_seconds(seconds);
}

}  // namespace

void GenerationDriver::step(std::span<Generation* const> generations) {
  // Whoever reads the end of a prompt in this step decodes in the next, so that
  // all get on by one token at most.
  decoding_.clear();
  for (Generation* generation : generations) {
    if (!generation->done() && generation->decodes()) decoding_.push_back(generation);
  }
  prefill(generations);
  const auto most = static_cast<std::size_t>(stepper_->max_decode_rows());
  for (std::size_t at = 0; at < decoding_.size(); at += most) {
    decode(std::span<Generation* const>(decoding_).subspan(at, std::min(most, decoding_.size() - at)));
  }
}

void GenerationDriver::decode(std::span<Generation* const> generations) {
  parts_.clear();
  owners_.clear();
  for (Generation* generation : generations) {
    if (auto part = generation->next_rows(1, stepper_->decode_rows())) {
      parts_.push_back(*part);
      owners_.push_back(generation);
    }
  }
  if (parts_.empty()) return;
  const auto begun = Clock::now();
  const auto logits = stepper_->decode(parts_);
  add_seconds(owners_, begun);
  if (!logits.ok()) return fail(owners_, logits.error());
  give_logits(owners_, *logits);
}

void GenerationDriver::prefill(std::span<Generation* const> generations) {
  parts_.clear();
  owners_.clear();
  std::int64_t left = stepper_->max_prefill_rows();
  for (Generation* generation : generations) {
    if (left == 0) break;
    if (generation->done() || generation->decodes()) continue;
    if (auto part = generation->next_rows(left, stepper_->prefill_rows())) {
      left -= static_cast<std::int64_t>(part->ids.size());
      parts_.push_back(*part);
      owners_.push_back(generation);
    }
  }
  if (parts_.empty()) return;
  auto begun = Clock::now();
  const auto hidden = stepper_->prefill(parts_);
  add_seconds(owners_, begun);
  if (!hidden.ok()) return fail(owners_, hidden.error());

  at_end_.clear();
  hidden_.clear();
  const auto width = static_cast<std::size_t>(stepper_->hidden_size());
  for (std::size_t i = 0; i < owners_.size(); ++i) {
    if (!owners_[i]->wants_logits()) continue;
    at_end_.push_back(owners_[i]);
    const auto row = hidden->subspan(i * width, width);
    hidden_.insert(hidden_.end(), row.begin(), row.end());
  }
  const auto most = static_cast<std::size_t>(stepper_->max_decode_rows());
  for (std::size_t at = 0; at < at_end_.size(); at += most) {
    const std::size_t n = std::min(most, at_end_.size() - at);
    const auto owners = std::span<Generation* const>(at_end_).subspan(at, n);
    begun = Clock::now();
    const auto logits = stepper_->head(std::span<const float>(hidden_).subspan(at * width, n * width));
    add_seconds(owners, begun);
    if (!logits.ok()) {
      fail(owners, logits.error());
      continue;
    }
    give_logits(owners, *logits);
  }
}

void GenerationDriver::give_logits(std::span<Generation* const> generations, std::span<const float> logits) {
  const auto n = static_cast<std::size_t>(stepper_->vocab_size());
  for (std::size_t i = 0; i < generations.size(); ++i) generations[i]->accept(logits.subspan(i * n, n));
}

void GenerationDriver::fail(std::span<Generation* const> generations, const Error& error) {
  for (Generation* generation : generations) generation->fail(error);
}

}  // namespace galago::runtime
