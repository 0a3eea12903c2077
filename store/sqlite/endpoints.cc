#include "store/endpoints.h"

#include "store/sqlite/statement.h"
#include "store/sqlite/tx.h"

namespace portcall::store {
namespace {

const Sql kEndpoint("SELECT name,paused,reason,fingerprint FROM endpoints WHERE name=?");
const Sql kPutEndpoint("INSERT OR REPLACE INTO endpoints (name,paused,reason,fingerprint) VALUES (?,?,?,?)");
const Sql kTouch("INSERT OR REPLACE INTO endpoints (name,paused,reason,fingerprint) VALUES ('',0,'','')");
const Sql kUntouch("DELETE FROM endpoints WHERE name=''");

}  // namespace

std::optional<EndpointState> FindEndpoint(Snapshot& s, std::string_view name) {
  Query query(s.connection(), kEndpoint, name);
  if (!query.Step()) return std::nullopt;
  return EndpointState{query.String(0), query.Int(1) != 0, query.String(2), query.String(3)};
}

void PutEndpoint(Tx& tx, const EndpointState& state) {
  Query(tx.connection(), kPutEndpoint, state.name, state.paused, state.reason, state.fingerprint).Run();
}

void Touch(Tx& tx) {
  Query(tx.connection(), kTouch).Run();
  Query(tx.connection(), kUntouch).Run();
}

}  // namespace portcall::store
