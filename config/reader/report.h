#pragma once

#include <string>
#include <utility>
#include <vector>

#include "config/problem.h"
#include "config/reader/known_keys.h"
#include "config/reader/node.h"

namespace portcall::config {

// Collects the findings of one load. Messages never hold a header's value, a secret or a URL's userinfo: what
// references have brought is taken out of them here, since any reader may quote a value.
class Report {
 public:
  explicit Report(Strictness strictness) : strictness_(strictness) {}

  void Error(const Place& place, std::string key, std::string message) {
    Add(Severity::kError, place, std::move(key), std::move(message));
  }
  void Warn(const Place& place, std::string key, std::string message) {
    Add(Severity::kWarning, place, std::move(key), std::move(message));
  }
  // What `check` refuses and `serve` passes over, so that a file written for a newer registry still starts.
  void Doubt(const Place& place, std::string key, std::string message) {
    Add(strictness_ == Strictness::kCheck ? Severity::kError : Severity::kWarning, place, std::move(key),
        std::move(message));
  }

  // A text that no message may show from now on, wherever it stands.
  void Hide(const std::string& text) { hidden_.push_back(text); }

  // Beside its findings it learns the keys that are asked for, in a reading that is made for that alone.
  void LearnInto(KnownKeys& known) { known_ = &known; }
  KnownKeys* known() const { return known_; }  // null: nothing is learnt

  Strictness strictness() const { return strictness_; }
  bool failed() const { return errors_ > 0; }
  std::size_t errors() const { return errors_; }
  std::vector<Problem> Take() { return std::move(problems_); }

 private:
  void Add(Severity severity, const Place& place, std::string key, std::string message);

  Strictness strictness_;
  std::size_t errors_ = 0;
  std::vector<Problem> problems_;
  std::vector<std::string> hidden_;
  KnownKeys* known_ = nullptr;
};

}  // namespace portcall::config
