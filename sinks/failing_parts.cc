#include "sinks/failing_parts.h"

#include <algorithm>
#include <utility>

namespace portcall::sinks {
namespace {

constexpr std::size_t kKept = 100, kNamed = 5;
constexpr std::size_t kLongestName = 200, kLongestWhy = 200;

std::string Cut(std::string_view text, std::size_t most) {
  std::string cut(text.substr(0, most));
  if (text.size() > most) cut += "…";
  return cut;
}

}  // namespace

FailingParts::FailingParts(std::string noun, runtime::SteadyTime::duration forget_after)
    : noun_(std::move(noun)), forget_after_(forget_after) {}

std::list<FailingParts::Part>::iterator FailingParts::Find(std::string_view part) {
  return std::ranges::find(parts_, part, &Part::name);
}

void FailingParts::Failed(std::string_view part, std::string_view why, runtime::SteadyTime now) {
  const std::string name = Cut(part, kLongestName);
  if (const auto known = Find(name); known != parts_.end()) parts_.erase(known);
  if (parts_.size() >= kKept) parts_.pop_front();
  parts_.push_back({name, Cut(why, kLongestWhy), now});
}

void FailingParts::Succeeded(std::string_view part) {
  if (parts_.empty()) return;
  if (const auto known = Find(Cut(part, kLongestName)); known != parts_.end()) parts_.erase(known);
}

std::string FailingParts::Text(runtime::SteadyTime now) const {
  std::size_t failing = 0;
  std::string named;
  for (auto part = parts_.rbegin(); part != parts_.rend() && now - part->at <= forget_after_; ++part) {
    if (++failing > kNamed) continue;
    named.append(failing == 1 ? "" : ", ").append(part->name).append(" (").append(part->why).append(")");
  }
  if (failing == 0) return {};
  if (failing > kNamed) named += " and " + std::to_string(failing - kNamed) + " more";
  std::string text = std::to_string(failing) + (parts_.size() >= kKept ? " or more " : " ") + noun_;
  return text + (failing == 1 ? " fails: " : "s fail: ") + named;
}

}  // namespace portcall::sinks
