#include "broker/endpoint/sink_maker.h"

namespace portcall::broker {
namespace {

MadeSinks MakeAll(const std::vector<config::Endpoint>& entries, const SinkMaker::MakeOne& make) {
  MadeSinks made;
  for (const config::Endpoint& entry : entries) {
    auto sink = make(entry);
    if (sink) {
      made.sinks[entry.name] = std::move(*sink);
    } else if (!made.refusal) {
      made.refusal = sink.error();
    }
  }
  return made;
}

Error Late(const std::string& names) {
  return {Errc::kTimeout, "a disk does not answer for the files of one of these endpoints: " + names};
}

}  // namespace

Result<MadeSinks> SinkMaker::Make(std::vector<config::Endpoint> entries, std::chrono::milliseconds patience) {
  if (entries.empty()) return MadeSinks{};
  const auto until = std::chrono::steady_clock::now() + patience;
  if (late_.valid() && late_.wait_until(until) != std::future_status::ready) return Late(late_names_);
  late_ = {};
  const auto lane = lanes_.Of("files of endpoints");
  if (!lane) return lane.error();
  std::string names;
  for (const config::Endpoint& entry : entries) names += (names.empty() ? "" : ", ") + entry.name;
  std::packaged_task<MadeSinks()> task([entries = std::move(entries), make = make_] { return MakeAll(entries, make); });
  std::future<MadeSinks> made = task.get_future();
  (*lane)->Post(std::move(task));
  if (made.wait_until(until) == std::future_status::ready) return made.get();
  late_ = std::move(made);
  late_names_ = names;
  return Late(names);
}

}  // namespace portcall::broker
