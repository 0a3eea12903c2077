#pragma once

#include <chrono>
#include <future>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "config/certificates.h"
#include "config/config.h"
#include "runtime/http/tls.h"
#include "runtime/lanes.h"
#include "runtime/log.h"
#include "runtime/metrics.h"
#include "runtime/mutex.h"

namespace portcall::app {

// Looks at the files of the certificates that a configuration names: what has changed in them, and when they expire,
// for the log, the metrics and the health page. Only one job waits for a disk that does not answer. One thread,
// which is no loop, but expired().
class Certificates {
 public:
  // What differs from the configuration's content, and can be used. What cannot is told once for each content.
  struct Changes {
    std::optional<http::TlsContext> server;
    std::string server_content;
    std::map<std::string, std::string> endpoints;  // new content by name
    bool any() const { return server.has_value() || !endpoints.empty(); }
  };

  Certificates(runtime::Lanes& lanes, runtime::Metrics& metrics, runtime::Log& log)
      : lanes_(lanes), metrics_(metrics), log_(log) {}

  // kTimeout: a disk has not answered within `patience`, now or when it was last asked. Unless it is `at_once`, a
  // change counts when it was there at the last look too: two files of a pair are not replaced at one time.
  Result<Changes> Look(const config::ConfigPtr& config, bool at_once, std::chrono::milliseconds patience);
  // Shows when these expire. `said`: the log has it already.
  void Show(const std::vector<config::CertificateEnd>& ends, bool said);
  std::vector<config::CertificateEnd> expired() const;  // any thread

 private:
  struct Found {
    Changes changes;
    std::map<std::string, std::pair<std::string, std::string>> broken;  // by name: content, and why it is refused
    std::vector<config::CertificateEnd> ends;
  };
  static Found Compare(const config::Config& config);
  void Settle(Found& found, bool at_once);

  runtime::Lanes& lanes_;
  runtime::Metrics& metrics_;
  runtime::Log& log_;
  std::future<Found> late_;                                       // that nobody waits for any more
  std::set<std::pair<std::string, std::string>> seen_, refused_;  // name ("": http.tls) and content
  std::set<std::pair<std::string, std::string>> shown_;           // labels of gauges
  std::set<std::string> told_;                                    // of certificates that have expired
  mutable runtime::Mutex mutex_;
  std::vector<config::CertificateEnd> ends_ GUARDED_BY(mutex_);
};

}  // namespace portcall::app
