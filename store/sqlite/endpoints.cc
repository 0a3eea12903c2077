#include "store/endpoints.h"

#include "store/sqlite/statement.h"
#include "store/sqlite/tx.h"

namespace portcall::store {
namespace {

const Sql kEndpoint("SELECT name,paused,reason,fingerprint,since FROM endpoints WHERE name=?");
const Sql kPutEndpoint("INSERT OR REPLACE INTO endpoints (name,paused,reason,fingerprint,since) VALUES (?,?,?,?,?)");
const Sql kTouch("INSERT OR REPLACE INTO endpoints (name,paused,reason,fingerprint) VALUES ('',0,'','')");
const Sql kUntouch("DELETE FROM endpoints WHERE name=''");

// Of the column `paused`.
constexpr std::int64_t kNotPaused = 0, kByItself = 1, kByOperator = 2;

std::int64_t PausedBy(const EndpointState& state) {
  if (!state.paused) return kNotPaused;
  return state.by_operator ? kByOperator : kByItself;
}

}  // namespace

std::optional<EndpointState> FindEndpoint(Snapshot& s, std::string_view name) {
  Query query(s.connection(), kEndpoint, name);
  if (!query.Step()) return std::nullopt;
  const std::int64_t by = query.Int(1);
  return EndpointState{query.String(0), by != kNotPaused,  query.String(2),
                       query.String(3), by == kByOperator, query.Int(4)};
}

void PutEndpoint(Tx& tx, const EndpointState& state) {
  Query(tx.connection(), kPutEndpoint, state.name, PausedBy(state), state.reason, state.fingerprint, state.since).Run();
}

void Touch(Tx& tx) {
  Query(tx.connection(), kTouch).Run();
  Query(tx.connection(), kUntouch).Run();
}

}  // namespace portcall::store
