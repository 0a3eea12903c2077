#pragma once

#include <string>
#include <utility>
#include <vector>

#include "config/problem.h"
#include "config/reader/node.h"

namespace portcall::config {

// Collects the findings of one load. Messages never hold a header's value, a secret or a URL's userinfo.
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

  Strictness strictness() const { return strictness_; }
  bool failed() const { return errors_ > 0; }
  std::size_t errors() const { return errors_; }
  std::vector<Problem> Take() { return std::move(problems_); }

 private:
  void Add(Severity severity, const Place& place, std::string key, std::string message);

  Strictness strictness_;
  std::size_t errors_ = 0;
  std::vector<Problem> problems_;
};

}  // namespace portcall::config
