#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace portcall {

// What went wrong, in terms a caller can act on. The registry maps a code to a status, the CLI to an exit code.
enum class Errc {
  kNotFound,
  kInvalid,
  kConflict,
  kTooLarge,
  kUnavailable,
  kNoSpace,
  kTimeout,
  kCancelled,
  kOutcomeUnknown,  // a change was asked for, and nobody can tell whether it was made
  kInternal,
};

// `detail` is a sentence for an operator: what, where, what to do. It never holds a secret.
struct Error {
  Error() = default;
  Error(Errc c, std::string d) : code(c), detail(std::move(d)) {}
  Errc code = Errc::kInternal;
  std::string detail;
};

// An expected failure as a value; bugs stay exceptions. Reading the value of a failed result is a bug.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const { return state_.index() == 0; }
  T& operator*() & { return std::get<0>(state_); }
  const T& operator*() const& { return std::get<0>(state_); }
  T&& operator*() && { return std::get<0>(std::move(state_)); }
  T* operator->() { return &std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }
  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  explicit operator bool() const { return !error_; }
  const Error& error() const { return *error_; }

 private:
  std::optional<Error> error_;
};

}  // namespace portcall
