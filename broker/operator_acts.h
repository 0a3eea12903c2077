#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/change_turns.h"
#include "broker/control.h"
#include "broker/endpoint/orphans.h"
#include "broker/loop_calls.h"
#include "broker/sweeper.h"
#include "config/config.h"
#include "runtime/result.h"
#include "store/cursors.h"
#include "store/dead_letters.h"
#include "store/endpoints.h"

namespace portcall::broker {

// What an operator does to one endpoint, for Control: first it is stored, with its event for the audit log, in one
// transaction; then the runner, if there is one, does it. So a crash leaves it done or not begun. On any thread but the
// loop, which everything that this is given lives on.
class OperatorActs {
 public:
  // `config` is called on the loop.
  OperatorActs(const Surroundings& around, const Sweeper::Runners& runners, Orphans& orphans, Sweeper& sweeper,
               ChangeTurns& turns, std::function<config::ConfigPtr()> config);

  Result<void> Pause(const std::string& name, std::string reason, const std::string& by);
  Result<bool> Resume(const std::string& name, const std::string& by);
  Result<std::int64_t> Drop(const std::string& name, const std::string& by);
  Result<EndedDead> DropDead(DeadIds ids, const std::string& by);
  Result<EndedDead> RetryDead(DeadIds ids, const std::string& by);

 private:
  struct Known {
    config::ConfigPtr config;
    std::map<std::string, std::int64_t> left;  // by removed endpoints
  };
  Known Look() const;
  Result<void> IsInUse(const Known& known, const std::string& name) const;
  Result<bool> Change(const std::string& name, bool audited, const store::Event& event,
                      const std::function<void(store::EndpointState&)>& change);
  EndpointRunner* RunnerOf(const std::string& name) const;
  Error Unsure(const std::string& name, const Error& error);
  // Of one dead letter, in the transaction, where these cursors are: why it stays, empty: it is ended.
  using EndOne = std::function<std::string(store::Tx& tx, const store::DeadLetter& dead,
                                           const std::vector<store::Cursor>& cursors)>;
  struct WayToEnd {
    store::Action action;    // of the event for the audit log
    std::string_view words;  // what is done to them
    EndOne one;
  };
  struct EndedOf {  // an endpoint
    std::int64_t letters = 0, last = 0;
    std::string first;
  };
  struct Slice {
    std::size_t looked_at = 0;
    std::map<std::string, EndedOf> ended;
    std::vector<EndedDead::Left> left;
  };
  static std::string NoteOf(const std::string& endpoint, const EndedOf& ended, std::string_view words);
  static Slice EndSome(store::Tx& tx, DeadIds ids, const WayToEnd& way);
  Result<EndedDead> EndDead(DeadIds ids, const WayToEnd& way, const std::string& by);
  Task<> GiveUp(const std::string& name, const config::Config& config, const store::Event& event,
                Result<std::size_t>& given_up);

  const Surroundings around_;
  const LoopCalls calls_;
  const Sweeper::Runners& runners_;
  Orphans& orphans_;
  Sweeper& sweeper_;
  ChangeTurns& turns_;
  const std::function<config::ConfigPtr()> config_;
};

}  // namespace portcall::broker
