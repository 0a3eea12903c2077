#include "app/doctor/server.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/asio/detached.hpp>
#include <fstream>
#include <memory>
#include <sstream>

#include "app/client/terminal.h"
#include "app/doctor/volume.h"
#include "app/server/descriptor_plan.h"
#include "app/server/options.h"
#include "runtime/cgroups.h"
#include "runtime/http/client.h"
#include "runtime/http/listener.h"

namespace portcall::app {
namespace {

namespace fs = std::filesystem;
using runtime::Finding;
using runtime::Findings;
using runtime::Fine;
using runtime::Note;
using runtime::Problem;
using runtime::Warning;

constexpr std::chrono::milliseconds kAnswer(4'000);

fs::path OfProcess(pid_t pid, const char* name) { return fs::path("/proc") / std::to_string(pid) / name; }

Findings JudgeProgram(pid_t pid) {
  std::error_code hidden;
  const fs::path program = fs::read_symlink(OfProcess(pid, "exe"), hidden);
  struct stat running{}, mine{};
  if (hidden || ::stat(OfProcess(pid, "exe").c_str(), &running) != 0 || ::stat("/proc/self/exe", &mine) != 0) return {};
  if (running.st_dev == mine.st_dev && running.st_ino == mine.st_ino) {
    return {Fine("program", program.string() + ", as this one")};
  }
  if (program.string().ends_with(" (deleted)")) {
    return {Warning("program", "the server still runs a program that has been replaced since",
                    "restart it, to use the new one")};
  }
  return {Note("program", "the server runs " + program.string() + ", which is not the program that looks",
               "use that one for commands, too: `" + program.string() + " doctor`")};
}

std::uint64_t MostFiles(pid_t pid) {
  std::ifstream limits(OfProcess(pid, "limits"));
  for (std::string line; std::getline(limits, line);) {
    constexpr std::string_view kTitle = "Max open files";
    if (!line.starts_with(kTitle)) continue;
    std::uint64_t soft = 0;
    std::istringstream(line.substr(kTitle.size())) >> soft;
    return soft;
  }
  return 0;
}

Findings LookAtDescriptors(const Installation& it) {
  constexpr std::uint64_t kUsual = 64;
  if (it.pid > 0) {
    const std::uint64_t most = MostFiles(it.pid);
    if (most > 0) return {JudgeDescriptors(*it.config, most, kUsual)};
  }
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return {};
  Finding found = JudgeDescriptors(*it.config, limit.rlim_max, kUsual);
  found.how = "as of this shell (a service has its own): " + found.how;
  return {found};
}

Findings LookAtHealth(const Installation& it) {
  const std::string& addr = it.config->http.debug.addr;
  if (addr.empty() || !it.running()) return {};
  const auto at = http::EndpointsOf(addr);
  if (!at || at->empty()) return {};
  asio::io_context context;
  http::Resolver resolver;
  http::ClientOptions options;
  const auto& first = at->front();
  const auto loopback = [&first]() -> asio::ip::address {
    if (first.address().is_v4()) return asio::ip::address_v4::loopback();
    return asio::ip::address_v6::loopback();
  };
  options.url.scheme = "http";
  options.url.host = (first.address().is_unspecified() ? loopback() : first.address()).to_string();
  options.url.port = first.port();
  http::Client client(context.get_executor(), resolver, std::move(options));
  std::optional<Result<http::Incoming>> answer;
  auto ask = [&]() -> Task<> {
    answer =
        co_await client.Send({"GET /readyz HTTP/1.1\r\nHost: portcall\r\nConnection: close\r\n", {}, true}, kAnswer);
    client.Close();
  };
  asio::co_spawn(context, ask, asio::detached);
  context.run();
  const std::string what = "readiness (http.debug.addr " + addr + ")";
  if (!*answer) return {Problem(what, answer->error().detail, "see the server's log; /readyz should answer there")};
  constexpr int kOk = 200;
  std::string body = (*answer)->body;
  while (body.ends_with('\n')) body.pop_back();
  if ((*answer)->status == kOk) return {Fine(what, body)};
  return {Problem(what, std::to_string((*answer)->status) + " " + body,
                  "see /debug/health there, and the server's log, for which check fails")};
}

std::string Seconds(const Answer& endpoint) {
  const auto oldest = endpoint.Number("oldest_pending_seconds");
  return oldest ? ", the oldest for " + ShowAge(*oldest) : "";
}

Finding JudgeEndpoint(const Answer& one) {
  const std::string name = one.Text("name"), state = one.Text("state");
  std::string how = state + "; " + std::to_string(one.Count("pending")) + " events wait" + Seconds(one);
  const std::string reason = one.Text("reason");
  const std::string error = one.Member("last_error").Text("error");
  if (state != "ok" && !(reason.empty() && error.empty())) how += "; " + (reason.empty() ? error : reason);
  if (const std::int64_t dead = one.Count("dead_letters"); dead > 0)
    how += "; " + std::to_string(dead) + " dead letters";
  if (state == "ok") return Fine(name, how);
  if (state == "orphaned") {
    return Note(name, how, "`portcall endpoints drop " + name + "` when nobody wants what it has left");
  }
  if (state == "paused") return Warning(name, how, "`portcall endpoints resume " + name + "` when it may go on");
  if (state == "failing") return Warning(name, how, "mend what the error names; attempts are made again");
  return Problem(name, how, "mend what the reason names; `portcall endpoints show " + name + "` has more of it");
}

}  // namespace

Findings LookAtServer(const Installation& it) {
  const std::string by = it.pid > 0 ? " (process " + std::to_string(it.pid) + " of " + it.server.name + ")" : "";
  if (!it.seen) {
    return {Problem("server", "whether it runs cannot be told: the disk of " + it.root().string() + " does not answer",
                    "mend that disk first")};
  }
  Findings found;
  if (it.answers) {
    found.push_back(Fine("server", "runs, and answers operators" + by));
  } else if (it.running()) {
    found.push_back(Problem(
        "server", "runs" + by + ", but operators cannot reach it: " + it.silence,
        "run this as " + it.server.name + " or as root; where that does not help, see its log, and restart it"));
  } else if (it.database_open) {
    found.push_back(Note("server", "does not run here, but some process has its database open",
                         "look for a shell, a copy, or a server in another container: `fuser " +
                             DatabaseOf(it.config->storage).string() + "`"));
  } else {
    found.push_back(Note("server", "does not run", "start it: portcall serve " + it.config->path));
  }
  if (it.pid > 0) runtime::Add(found, JudgeProgram(it.pid));
  return found;
}

Finding JudgeDescriptors(const config::Config& config, std::uint64_t descriptors, std::uint64_t open) {
  const DescriptorPlan plan = PlanDescriptors(descriptors, open, AttemptsAtOnce(config));
  if (!plan.tight()) return Fine("descriptors", std::to_string(descriptors) + " file descriptors are enough");
  constexpr std::uint32_t kFew = 256;
  const std::string how = Told(plan, descriptors);
  const std::string todo = "LimitNOFILE=65536 in the service, or ulimit -n 65536 before the start";
  return plan.connections < kFew ? Warning("descriptors", how, todo) : Note("descriptors", how, todo);
}

Findings LookAtMemory(const Installation& it, const fs::path& root) {
  std::optional<std::uint64_t> least, used, kills;
  const std::string process = it.pid > 0 ? std::to_string(it.pid) : "self";
  for (const fs::path& folder : runtime::CgroupFolders("memory", root, process)) {
    for (const char* name : {"memory.max", "memory.limit_in_bytes"}) {
      const auto limit = runtime::NumberIn(folder / name);
      constexpr std::uint64_t kNone = 1ULL << 60;
      if (!limit || *limit >= kNone || (least && *least <= *limit)) continue;
      least = limit;
      used =
          runtime::NumberIn(folder / (std::string(name) == "memory.max" ? "memory.current" : "memory.usage_in_bytes"));
      std::ifstream events(folder / "memory.events");
      std::string word;
      for (std::uint64_t number = 0; events >> word >> number;) {
        if (word == "oom_kill") kills = number;
      }
    }
  }
  const std::uint64_t bodies = MemoryFor(*it.config);
  const std::string wants = "bodies and answers may hold " + ShowBytes(bodies) + " (http.memory)";
  if (!least) return {Fine("memory", "no limit of a control group is to be seen; " + wants)};
  const std::string whose = it.pid > 0 ? "" : ", of this shell (a service has its own)";
  const std::string how = "at most " + ShowBytes(*least) + whose + "; " + wants;
  if (kills.value_or(0) > 0 && it.pid > 0) {
    return {Warning("memory",
                    how + "; the kernel has ended " + std::to_string(*kills) + " processes there for want of memory",
                    "raise the limit (MemoryMax=, --memory), or lower http.memory")};
  }
  if (bodies > *least / 2) {
    return {Warning("memory", how + ", which leaves too little for the rest", "lower http.memory, or raise the limit")};
  }
  constexpr std::uint64_t kAll = 100, kHigh = 95;
  if (it.pid > 0 && used && *used / kHigh * kAll > *least) {
    return {Note("memory", how + "; " + ShowBytes(*used) + " are in use, files that the kernel keeps included",
                 "nothing while it runs well; else raise the limit")};
  }
  return {Fine("memory", how)};
}

Findings LookAtBacklog(const Installation& it) {
  Findings found;
  for (const Answer& one : it.endpoints.List("endpoints")) found.push_back(JudgeEndpoint(one));
  return found;
}

std::vector<Look> ServerLooks(const std::shared_ptr<const Installation>& it) {
  return {{"server", "server", kUsualPatience, [it] { return LookAtServer(*it); }},
          {"server", "readiness", kUsualPatience, [it] { return LookAtHealth(*it); }},
          {"server", "descriptors", kUsualPatience, [it] { return LookAtDescriptors(*it); }},
          {"server", "memory", kUsualPatience, [it] { return LookAtMemory(*it); }},
          {"backlog", "backlog", kUsualPatience, [it] { return LookAtBacklog(*it); }}};
}

}  // namespace portcall::app
