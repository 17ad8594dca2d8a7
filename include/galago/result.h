// Result<T>: a value, or an Error that says in one line what went wrong and what would help.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace galago {

enum class ErrorCode : std::uint8_t {
  kInvalidArgument,  // the caller asked for something that has no meaning
  kNotFound,         // a file, tensor, key or model that is not there
  kCorrupt,          // a file that contradicts itself or its format
  kUnsupported,      // well formed, but nothing here can do it
  kOutOfRange,       // a context, limit or size that is exceeded
  kOutOfMemory,
  kIo,         // the operating system refused a read or a write
  kCancelled,  // stopped on request
  kInternal,   // our own bug
};

std::string_view to_string(ErrorCode code);

// `message` is one line: the file, tensor or field, what was found, what was expected, what would help.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
};

namespace detail {
// Ends the program with the error's message: value() was called on a Result that nobody checked.
[[noreturn]] void unchecked_error(const Error& error);
}  // namespace detail

// Holds a T or an Error. Check ok() (or `if (result)`) before value(); an unchecked value() of an error ends
// the program with the message, which suits examples and tests.
template <class T>
class [[nodiscard]] Result {
 public:
  using Value = T;
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & {
    if (!ok()) detail::unchecked_error(error());
    return std::get<0>(state_);
  }
  const T& value() const& { return const_cast<Result*>(this)->value(); }
  T&& value() && { return std::move(value()); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

// The result of something that returns nothing: ok, or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  using Value = void;
  Result() = default;
  Result(Error error) : error_(std::move(error)), failed_(true) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return !failed_; }
  explicit operator bool() const { return ok(); }
  void value() const {
    if (failed_) detail::unchecked_error(error_);
  }
  const Error& error() const& { return error_; }
  Error&& error() && { return std::move(error_); }

 private:
  Error error_;
  bool failed_ = false;
};

using Status = Result<void>;

}  // namespace galago
