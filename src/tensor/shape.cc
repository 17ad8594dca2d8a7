#include "galago/shape.h"

#include "base/checked.h"
#include "base/error.h"
#include "base/try.h"

namespace galago {

Dim Dim::symbol(std::string name, std::int64_t bound) {
  Dim dim;
  dim.symbol_ = std::make_shared<const Symbol>(Symbol{std::move(name), bound});
  return dim;
}

const std::string& Dim::name() const {
  static const std::string none;
  return is_constant() ? none : symbol_->name;
}

std::int64_t Dim::at(std::int64_t symbol_value) const {
  return is_constant() ? offset_ : symbol_value * factor_ / divisor_ * scale_ + offset_;
}

Dim Dim::operator+(std::int64_t n) const {
  Dim sum = *this;
  sum.offset_ += n;
  return sum;
}

Dim Dim::operator*(std::int64_t n) const {
  Dim product = *this;
  (divisor_ == 1 ? product.factor_ : product.scale_) *= n;
  product.offset_ *= n;
  return product;
}

Dim Dim::operator/(std::int64_t n) const {
  Dim quotient = *this;
  if (n <= 0) return -1;
  if (is_constant()) {
    quotient.offset_ /= n;
  } else if (divisor_ == 1 && factor_ % n == 0 && offset_ % n == 0) {
    quotient.factor_ /= n;
    quotient.offset_ /= n;
  } else if (divisor_ != 1 && scale_ % n == 0 && offset_ % n == 0) {
    quotient.scale_ /= n;
    quotient.offset_ /= n;
  } else if (scale_ == 1 && offset_ % n == 0) {  // floor(floor(a / b) / n) is floor(a / (b n))
    quotient.divisor_ *= n;
    quotient.offset_ /= n;
  } else {
    return -1;
  }
  return quotient;
}

bool Dim::operator==(const Dim& other) const {
  if (is_constant() != other.is_constant()) return false;
  if (is_constant()) return offset_ == other.offset_;
  return symbol_->name == other.symbol_->name && symbol_->bound == other.symbol_->bound && factor_ == other.factor_ &&
         scale_ == other.scale_ && divisor_ == other.divisor_ && offset_ == other.offset_;
}

std::string Dim::to_string() const {
  if (is_constant()) return std::to_string(offset_);
  std::string text = symbol_->name;
  if (factor_ != 1) text += fmt::format(" * {}", factor_);
  if (divisor_ != 1) text += fmt::format(" / {}", divisor_);
  if (scale_ != 1) text += fmt::format(" * {}", scale_);
  if (offset_ != 0) text += fmt::format(" {} {}", offset_ < 0 ? '-' : '+', offset_ < 0 ? -offset_ : offset_);
  return text;
}

Status SymbolValues::bind(const std::string& name, std::int64_t value) {
  if (const auto bound = find(name)) {
    if (*bound == value) return {};
    return error(ErrorCode::kInvalidArgument, "the size \"{}\" is {} in one input and {} in another", name, *bound,
                 value);
  }
  values_.emplace_back(name, value);
  return {};
}

std::optional<std::int64_t> SymbolValues::find(const std::string& name) const {
  for (const auto& [known, value] : values_) {
    if (known == name) return value;
  }
  return std::nullopt;
}

Shape Shape::of(const std::vector<std::int64_t>& sizes) { return Shape(std::vector<Dim>(sizes.begin(), sizes.end())); }

bool Shape::is_constant() const {
  for (const Dim& dim : dims_) {
    if (!dim.is_constant()) return false;
  }
  return true;
}

std::optional<std::int64_t> Shape::max_elements() const {
  std::int64_t product = 1;
  for (const Dim& dim : dims_) {
    if (dim.bound() < 0) return std::nullopt;
    const auto next = checked_mul(product, dim.bound());
    if (!next) return std::nullopt;
    product = *next;
  }
  return product;
}

std::optional<std::int64_t> Shape::max_rows() const {
  if (dims_.empty()) return 1;
  return Shape(std::vector<Dim>(dims_.begin(), dims_.end() - 1)).max_elements();
}

Result<std::vector<std::int64_t>> Shape::resolve(const SymbolValues& values) const {
  std::vector<std::int64_t> sizes;
  sizes.reserve(dims_.size());
  for (const Dim& dim : dims_) {
    if (dim.is_constant()) {
      sizes.push_back(dim.bound());
      continue;
    }
    const auto value = values.find(dim.name());
    if (!value)
      return error(ErrorCode::kInvalidArgument, "the size \"{}\" of {} has no value", dim.name(), to_string());
    const std::int64_t size = dim.at(*value);
    if (size < 0 || *value > dim.symbol_bound()) {
      return error(ErrorCode::kOutOfRange, "the size \"{}\" is {}; at most {} were planned for", dim.to_string(), size,
                   dim.bound());
    }
    sizes.push_back(size);
  }
  return sizes;
}

std::string Shape::to_string() const {
  std::string text = "(";
  for (std::size_t i = 0; i < dims_.size(); ++i) {
    if (i > 0) text += ", ";
    text += dims_[i].to_string();
  }
  return text + ")";
}

}  // namespace galago
