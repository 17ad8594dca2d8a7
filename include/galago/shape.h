// Sizes of tensors: constants, or symbols such as "tokens" that are known when a program runs.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "galago/result.h"

namespace galago {

// One size: a constant, or  floor(symbol * factor / divisor) * scale + offset  with an upper bound for the symbol.
class Dim {
 public:
  Dim(std::int64_t constant = 0) : offset_(constant) {}  // NOLINT(google-explicit-constructor)
  Dim(int constant) : offset_(constant) {}               // NOLINT(google-explicit-constructor)

  static Dim symbol(std::string name, std::int64_t bound);
  // A symbol that takes its name from the input it belongs to.
  static Dim up_to(std::int64_t bound) { return symbol("n", bound); }

  // {"tokens", Dim::up_to(512)}: a bound with a name.
  Dim(const char* name, const Dim& bound) : Dim(symbol(name, bound.bound())) {}

  bool is_constant() const { return symbol_ == nullptr; }
  // The name of the symbol; empty for a constant.
  const std::string& name() const;
  // The largest value it can take.
  std::int64_t bound() const { return is_constant() ? offset_ : at(symbol_->bound); }
  // The largest value of the symbol itself; 0 for a constant.
  std::int64_t symbol_bound() const { return is_constant() ? 0 : symbol_->bound; }
  // The value where the symbol has the value `symbol_value` (ignored by constants).
  std::int64_t at(std::int64_t symbol_value) const;

  Dim operator+(std::int64_t n) const;
  Dim operator*(std::int64_t n) const;
  // Rounds down. A quotient that the form above cannot hold, such as (n + 3) / 2, is invalid: its bound is -1, and
  // shapes with it are refused.
  Dim operator/(std::int64_t n) const;
  bool operator==(const Dim& other) const;
  std::string to_string() const;  // "4096", "tokens", "patches / 4 + 1"

 private:
  struct Symbol {
    std::string name;
    std::int64_t bound;
  };
  std::shared_ptr<const Symbol> symbol_;
  std::int64_t factor_ = 1;
  std::int64_t divisor_ = 1;
  std::int64_t scale_ = 1;
  std::int64_t offset_ = 0;
};

// Values of symbols by name while a program runs: {"tokens", 7}.
class SymbolValues {
 public:
  // Fails when the symbol already has another value.
  Status bind(const std::string& name, std::int64_t value);
  std::optional<std::int64_t> find(const std::string& name) const;

 private:
  std::vector<std::pair<std::string, std::int64_t>> values_;
};

// The sizes of a tensor, outermost first, as PyTorch orders them; the last dim is contiguous in memory.
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<Dim> dims) : dims_(dims) {}
  explicit Shape(std::vector<Dim> dims) : dims_(std::move(dims)) {}
  static Shape of(const std::vector<std::int64_t>& sizes);

  int rank() const { return static_cast<int>(dims_.size()); }
  // Negative indices count from the end: dim(-1) is the last.
  const Dim& dim(int index) const { return dims_[static_cast<std::size_t>(index < 0 ? index + rank() : index)]; }
  Dim& dim(int index) { return dims_[static_cast<std::size_t>(index < 0 ? index + rank() : index)]; }
  const std::vector<Dim>& dims() const { return dims_; }

  bool is_constant() const;
  // The number of elements at the bounds of all symbols; nothing on overflow or a negative size.
  std::optional<std::int64_t> max_elements() const;
  // Rows: the product of all dims but the last, at the bounds.
  std::optional<std::int64_t> max_rows() const;
  // The constant sizes once the symbols have values. Fails on a symbol without a value or above its bound.
  Result<std::vector<std::int64_t>> resolve(const SymbolValues& values) const;

  bool operator==(const Shape& other) const { return dims_ == other.dims_; }
  std::string to_string() const;  // "(tokens, 4096)"

 private:
  std::vector<Dim> dims_;
};

}  // namespace galago
