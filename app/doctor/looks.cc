#include "app/doctor/looks.h"

#include <algorithm>
#include <exception>
#include <future>
#include <utility>

#include "runtime/time.h"

namespace portcall::app {
namespace {

using Clock = std::chrono::steady_clock;
using runtime::Findings;
using runtime::Problem;

std::future<Findings> Begin(const Look& look, std::size_t number, runtime::Lanes& lanes) {
  const auto lane = lanes.Of(look.lane.empty() ? std::to_string(number) + " " + look.what : look.lane);
  std::packaged_task<Findings()> task(look.see);
  auto found = task.get_future();
  if (lane) {
    (*lane)->Post(std::move(task));
  } else {
    task();  // no thread can be had
  }
  return found;
}

Findings FoundBy(const Look& look, std::future<Findings>& begun, Clock::time_point until) {
  if (begun.wait_until(until) != std::future_status::ready) {
    return {Problem(look.what, "does not answer within " + runtime::GoDuration(look.patience),
                    "look at the disk, the network share or the name server that it needs; the rest was looked at")};
  }
  try {
    return begun.get();
  } catch (const std::exception& error) {
    return {Problem(look.what, std::string("could not be looked at: ") + error.what(), "look at it by hand")};
  }
}

}  // namespace

Report DoLooks(std::vector<Look> looks, runtime::Lanes& lanes, Clock::time_point until) {
  std::vector<std::future<Findings>> begun;
  begun.reserve(looks.size());
  const Clock::time_point now = Clock::now();
  for (std::size_t i = 0; i < looks.size(); ++i) begun.push_back(Begin(looks[i], i, lanes));
  Report report;
  for (std::size_t i = 0; i < looks.size(); ++i) {
    const Look& look = looks[i];
    auto area = std::ranges::find(report, look.area, &Area::name);
    if (area == report.end()) area = report.insert(report.end(), {look.area, {}});
    runtime::Add(area->findings, FoundBy(look, begun[i], std::min(until, now + look.patience)));
  }
  return report;
}

}  // namespace portcall::app
