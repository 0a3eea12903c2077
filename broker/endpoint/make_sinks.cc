#include "broker/endpoint/make_sinks.h"

#include <boost/asio/post.hpp>
#include <future>
#include <utility>

namespace portcall::broker {

Result<MadeSinks> MakeSinks(asio::thread_pool& pool, std::vector<config::Endpoint> entries, MakeSink make,
                            std::chrono::milliseconds patience) {
  if (entries.empty()) return MadeSinks{};
  std::string names;
  for (const config::Endpoint& entry : entries) names += (names.empty() ? "" : ", ") + entry.name;
  std::packaged_task<MadeSinks()> task([entries = std::move(entries), make = std::move(make)] {
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
  });
  std::future<MadeSinks> made = task.get_future();
  asio::post(pool, std::move(task));
  if (made.wait_for(patience) != std::future_status::ready) {
    return Error(Errc::kTimeout, "a disk does not answer for the files of one of these endpoints: " + names);
  }
  return made.get();
}

}  // namespace portcall::broker
