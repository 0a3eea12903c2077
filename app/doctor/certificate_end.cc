#include "app/doctor/certificate_end.h"

#include "runtime/time.h"

namespace portcall::app {
namespace {

constexpr std::chrono::hours kSoon(14 * 24);

}  // namespace

std::string TimeOf(std::chrono::system_clock::time_point time) {
  return runtime::Rfc3339Nano(std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count());
}

runtime::Finding JudgeEnd(const std::string& what, std::chrono::system_clock::time_point end,
                          std::chrono::system_clock::time_point now, const std::string& todo) {
  const std::string ends = "ends at " + TimeOf(end);
  if (end <= now) return runtime::Problem(what, "has expired: it " + ends, todo);
  const std::string how =
      ends + ", in " + std::to_string(std::chrono::floor<std::chrono::days>(end - now).count()) + " days";
  return end - now <= kSoon ? runtime::Warning(what, how, todo) : runtime::Fine(what, how);
}

}  // namespace portcall::app
