#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "broker/endpoint/endpoint_metrics.h"
#include "broker/endpoint/orphan.h"
#include "broker/endpoint/surroundings.h"
#include "broker/status.h"
#include "config/config.h"

namespace portcall::broker {

// The orphans of one broker: what is pending with them, and their part in each sweep of the log. What is stored counts:
// Tidy reads it anew each time. Lives on the broker's loop. One task of it at a time; Adopt while none is under way.
class Orphans {
 public:
  explicit Orphans(const Surroundings& around) : around_(around) {}

  // Those of removed endpoints, at a start or reload; the log tells of them.
  void Adopt(std::vector<Orphan> orphans);
  // Has them pass what they do not want, a bounded number of pages at a time, and drops those that are finished. `run`
  // are the live cursors that have a runner. What cannot be read or written is left to the next call.
  Task<> Tidy(std::vector<std::int64_t> run, const bool& stopping);
  // Lets what they have unsettled up to `through` expire.
  Task<> Expire(store::Seq through, const bool& stopping);

  // What removed endpoints left pending, by name.
  std::map<std::string, std::int64_t> Left() const;
  void Forget(const std::string& name);  // its backlog was given up; while no task is under way

  // Sets the gauges: portcall_notifications_orphaned_* of what removed endpoints left, and the endpoint's own where no
  // runner does. `running` names the endpoints that have one, `config` those that should.
  void Show(const std::vector<std::string>& running, const config::Config& config);
  // Adds what has no runner to `all`, the endpoints that have one.
  void AddTo(std::vector<EndpointStatus>& all, const config::Config& config) const;

 private:
  // Of the orphans of one name.
  struct Backlog {
    std::int64_t pending = 0, parked = 0;
    std::optional<std::int64_t> oldest_recorded;
    std::int64_t dead_letters = 0;  // they are the name's, not a cursor's
    void Add(const Orphan& orphan);
  };
  using Backlogs = std::map<std::string, Backlog>;
  Task<bool> Load(std::vector<std::int64_t> run);
  Task<> FindNeeds(Orphan& orphan, const bool& stopping);
  Task<> CountNew(Orphan& orphan, const bool& stopping);
  Task<bool> Store(const store::Settlement& settlement);
  store::Seq EndOf(const Orphan& orphan) const;
  Backlogs Of(store::CursorKind kind) const;
  void ShowRemoved(const Backlogs& removed);
  void ShowLevels(const std::string& name, const Backlog& backlog);
  std::optional<std::chrono::nanoseconds> AgeOf(const Backlog& backlog) const;
  EndpointStatus StatusOf(const std::string& name, const Backlog& backlog) const;

  const Surroundings around_;
  std::vector<Orphan> orphans_;
  bool ended_ = false;                            // one is finished whose cursor may still be there
  int pages_left_ = 0;                            // that may still be read this time
  std::set<std::string> removed_;                 // names that have orphaned series
  std::set<std::string> ran_;                     // names that had a runner when last shown
  std::map<std::string, EndpointMetrics> shown_;  // series of endpoints that have none
};

}  // namespace portcall::broker
