#include "store/sqlite/statement.h"

#include <sqlite3.h>

#include <cassert>
#include <cerrno>

namespace portcall::store {

Query::~Query() { sqlite3_reset(statement_); }

bool Query::Step() {
  errno = 0;
  const int rc = sqlite3_step(statement_);
  if (rc == SQLITE_ROW) return true;
  if (rc != SQLITE_DONE) connection_.Fail(sqlite3_sql(statement_));
  return false;
}

void Query::Run() {
  while (Step()) {
  }
}

std::int64_t Query::Int(int column) const { return sqlite3_column_int64(statement_, column); }

std::string_view Query::Text(int column) const {
  // column_blob returns text without converting it; column_bytes is valid only after it.
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  return {bytes, bytes == nullptr ? 0 : static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

void Query::BindInt(int place, std::int64_t value) {
  if (sqlite3_bind_int64(statement_, place, value) != SQLITE_OK) connection_.Fail("bind");
}

void Query::BindText(int place, std::string_view value) {
  const char* bytes = value.data() == nullptr ? "" : value.data();  // null would bind NULL
  if (sqlite3_bind_text64(statement_, place, bytes, value.size(), SQLITE_STATIC, SQLITE_UTF8) != SQLITE_OK) {
    connection_.Fail("bind");
  }
}

void Query::BindBlob(int place, std::string_view value) {
  const char* bytes = value.data() == nullptr ? "" : value.data();
  if (sqlite3_bind_blob64(statement_, place, bytes, value.size(), SQLITE_STATIC) != SQLITE_OK) connection_.Fail("bind");
}

void Query::Check([[maybe_unused]] int places) const { assert(sqlite3_bind_parameter_count(statement_) == places); }

}  // namespace portcall::store
