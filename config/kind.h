#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace portcall::config {

class MapReader;
struct Endpoint;

// A key that entries of some kinds have.
struct Key {
  std::string_view name;
  std::string_view why = {};  // said where another kind's entry has it; empty: whose it is
};
using Keys = std::span<const Key>;

// A kind of destination (`type: NAME`) as far as the configuration goes; sinks/kind.h has the rest. Without state,
// there for as long as the process, used by any thread.
class Kind {
 public:
  struct Traits {
    std::string_view name;
    // What its entries take beyond what all entries have. config/sections/endpoint.h has the keys that several kinds
    // share.
    std::vector<Keys> keys;
    Keys refused = {};                               // keys of others for which it has a reason of its own
    std::vector<std::string_view> event_kinds = {};  // where only.kinds is silent; empty: all
    // Events go in one line, each until it is taken: no lanes, no rate, nothing given up. kQueueKeys mean nothing.
    bool one_line = false;
    // A record of everything. It takes each action that it has a form for without naming it, and because it is there,
    // what operators and the service itself do is recorded.
    bool audits = false;
  };

  explicit Kind(Traits traits) : traits_(std::move(traits)) {}
  virtual ~Kind() = default;
  Kind(const Kind&) = delete;
  Kind& operator=(const Kind&) = delete;

  const Traits& traits() const { return traits_; }
  std::string_view name() const { return traits_.name; }
  const Key* FindKey(std::string_view key) const;  // null: it does not take it

  // Reads the kind's keys of an entry. Sets the defaults that differ from Endpoint's, as what all kinds share is read
  // after it; `settings`; and `url`, or `place` where that is no URL. Reports at the key what is wrong, and goes on.
  virtual void Read(MapReader& entry, Endpoint& endpoint) const = 0;
  // Reports at the keys what making the sink would find wrong. Follows Read() where that found no error and the entry
  // is not disabled. May read files, but changes none, connects to nothing and has no loop.
  virtual void Check(MapReader& /*entry*/, const Endpoint&) const {}
  // Why an endpoint cannot take events of an action that is no change to the registry; empty: it can.
  virtual std::string WhyNot(const Endpoint&, std::string_view /*action*/) const { return {}; }
  // Once, when all entries are read: what the kind's endpoints have to know of the others.
  virtual void Compare(MapReader& /*notifications*/, std::vector<Endpoint>& /*all*/) const {}

 private:
  const Traits traits_;
};

// The first one is that of entries without a type, which Distribution has.
using KindTable = std::span<const Kind* const>;
const Kind* FindKind(KindTable kinds, std::string_view name);  // null: there is none of that name

}  // namespace portcall::config
