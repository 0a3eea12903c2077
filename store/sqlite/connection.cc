#include "store/sqlite/connection.h"

#include <sqlite3.h>

#include <cerrno>
#include <string_view>

#include "store/sqlite/statement.h"

namespace portcall::store {

namespace {

constexpr int kFlags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;

std::size_t& Places() {
  static std::size_t count = 0;
  return count;
}

}  // namespace

bool DatabaseError::no_space() const {
  // What a failed sync did not write may be lost without another word, for lack of room as well.
  if (code_ == SQLITE_IOERR_FSYNC || code_ == SQLITE_IOERR_DIR_FSYNC) return false;
  const bool full = os_error_ == ENOSPC || os_error_ == EDQUOT || os_error_ == EFBIG;
  return code_ == SQLITE_FULL || ((code_ & 0xff) == SQLITE_IOERR && full);
}

bool DatabaseError::fatal() const {
  if (no_space()) return false;
  const int kind = code_ & 0xff;
  return kind == SQLITE_IOERR || kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB;
}

Error DatabaseError::ToError() const {
  if (no_space()) return {Errc::kNoSpace, std::string("the disk is full; free space on the volume: ") + what()};
  const int kind = code_ & 0xff;
  if (fatal() || kind == SQLITE_BUSY || kind == SQLITE_CANTOPEN || kind == SQLITE_NOMEM) {
    return {Errc::kUnavailable, what()};
  }
  return {Errc::kInternal, what()};
}

Sql::Sql(const char* text) : text_(text), place_(Places()++) {}
std::size_t Sql::Count() { return Places(); }

Connection::Connection(const std::filesystem::path& file, Mode mode) : statements_(Sql::Count(), nullptr) {
  const int access = mode == Mode::kWriter ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
  const bool unseen = mode == Mode::kOnlooker || mode == Mode::kAlone;
  errno = 0;
  const int rc = unseen ? OpenUnseen(file, mode) : sqlite3_open_v2(file.c_str(), &db_, access | kFlags, nullptr);
  try {
    if (rc != SQLITE_OK) Fail("open");
    Configure(mode);
  } catch (...) {
    if (db_ != nullptr) LeaveLog();
    sqlite3_close_v2(db_);
    throw;
  }
}

// Read-only alone would make the log and its index where they are missing. Beside others the index is only read; where
// nobody has the database open, it is made in memory, which the engine does in its exclusive mode, here without locks.
// Without a log there is no index, and the file does not change.
int Connection::OpenUnseen(const std::filesystem::path& file, Mode mode) {
  std::error_code none;
  const bool has_log = std::filesystem::exists(file.string() + "-wal", none);
  std::string uri = "file:";
  for (const char c : std::filesystem::absolute(file).string()) {
    constexpr std::string_view kSpecial = "%?#";
    constexpr std::string_view kHex = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    if (kSpecial.find(c) == std::string_view::npos) {
      uri += c;
    } else {
      uri.append({'%', kHex[byte >> 4U], kHex[byte & 0xfU]});
    }
  }
  uri += mode == Mode::kOnlooker ? "?readonly_shm=1" : has_log ? "?vfs=unix-none" : "?immutable=1";
  const int rc =
      sqlite3_open_v2(uri.c_str(), &db_, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | kFlags, /*file system*/ nullptr);
  if (rc != SQLITE_OK) return rc;
  LeaveLog();
  return mode == Mode::kAlone && has_log ? sqlite3_exec(db_, "PRAGMA locking_mode=EXCLUSIVE", nullptr, nullptr, nullptr)
                                         : rc;
}

Connection::~Connection() {
  for (sqlite3_stmt* statement : statements_) sqlite3_finalize(statement);
  sqlite3_close_v2(db_);
}

void Connection::Configure(Mode mode) {
  sqlite3_busy_timeout(db_, 5000);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  // Double quotes are names, never text: a typing error in a column's name is an error.
  sqlite3_db_config(db_, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_DQS_DDL, 0, nullptr);
  Set("trusted_schema", "OFF", "0");
  Set("temp_store", "MEMORY", "2");
  if (mode != Mode::kWriter) {
    Set("cache_size", "-2048", "-2048");
    return;
  }
  Set("journal_mode", "WAL", "wal");
  Set("synchronous", "FULL", "2");
  Set("secure_delete", "OFF", "0");
  Set("cache_size", "-16384", "-16384");
  Set("journal_size_limit", "8388608", "8388608");
  Set("wal_autocheckpoint", "0", "0");
}

void Connection::Set(const char* pragma, const char* value, const char* expected) {
  const std::string name = std::string("PRAGMA ") + pragma;
  Exec((name + "=" + value).c_str());
  const std::string got = Text(name);
  if (got != expected) {
    throw DatabaseError(SQLITE_ERROR, 0,
                        std::string("the database refuses ") + pragma + "=" + value + " (" + got + ")");
  }
}

void Connection::Exec(const char* sql) {
  errno = 0;
  if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) Fail("execute");
}

void Connection::Run(const Sql& sql) { Query(*this, sql).Run(); }

std::string Connection::Text(const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  errno = 0;
  if (sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) Fail("prepare");
  const int rc = sqlite3_step(statement);
  std::string text;
  if (rc == SQLITE_ROW) {
    const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement, 0));
    if (bytes != nullptr) text.assign(bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement, 0)));
  }
  if (sqlite3_finalize(statement) != SQLITE_OK) Fail("read");
  return text;
}

std::int64_t Connection::Number(const std::string& sql) {
  const std::string text = Text(sql);
  return text.empty() ? 0 : std::stoll(text);
}

sqlite3_stmt* Connection::Prepared(const Sql& sql) {
  if (sql.place() >= statements_.size()) statements_.resize(sql.place() + 1);  // made after this connection
  sqlite3_stmt*& statement = statements_[sql.place()];
  errno = 0;
  if (statement == nullptr &&
      sqlite3_prepare_v3(db_, sql.text(), -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) != SQLITE_OK) {
    Fail(sql.text());
  }
  return statement;
}

void Connection::LeaveLog(bool leave) {
  sqlite3_db_config(db_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, leave ? 1 : 0, nullptr);
}

// By the format of the index, which is part of the file format (sqlite.org/walformat.html, 2.1): 16 bytes into its
// first block stands how many frames are valid, each a page with a head of 24 bytes; the log's own has 32. Next is how
// many pages the database has with them. Behind the header and its copy stands how many were moved.
Connection::Logged Connection::logged() const {
  constexpr int kBlock = 32'768, kPageSizeAt = 14, kFramesAt = 16, kPagesAt = 20, kMovedAt = 96;
  constexpr std::uint64_t kHead = 32, kFrameHead = 24, kLargestPage = 65'536;
  sqlite3_file* file = nullptr;
  volatile void* block = nullptr;
  if (sqlite3_file_control(db_, "main", SQLITE_FCNTL_FILE_POINTER, static_cast<void*>(&file)) != SQLITE_OK ||
      file->pMethods == nullptr || file->pMethods->iVersion < 2 ||
      file->pMethods->xShmMap(file, 0, kBlock, 0, &block) != SQLITE_OK || block == nullptr) {
    return {};
  }
  const auto* index = static_cast<const volatile char*>(block);
  const std::uint64_t page = *reinterpret_cast<const volatile std::uint16_t*>(index + kPageSizeAt);
  Logged logged;
  logged.page_bytes = page == 1 ? kLargestPage : page;
  logged.frames = *reinterpret_cast<const volatile std::uint32_t*>(index + kFramesAt);
  logged.moved = *reinterpret_cast<const volatile std::uint32_t*>(index + kMovedAt);
  logged.pages = *reinterpret_cast<const volatile std::uint32_t*>(index + kPagesAt);
  if (logged.frames > 0) logged.bytes = kHead + logged.frames * (kFrameHead + logged.page_bytes);
  return logged;
}

bool Connection::in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }
std::int64_t Connection::last_insert_id() const { return sqlite3_last_insert_rowid(db_); }
std::int64_t Connection::changes() const { return sqlite3_changes64(db_); }

// The system's reason is errno, which each call clears before it asks the engine: sqlite3_system_errno keeps that of an
// earlier failure where a commit fails.
void Connection::Fail(const char* doing) const {
  const int os_error = errno;
  const int code = db_ == nullptr ? SQLITE_NOMEM : sqlite3_extended_errcode(db_);
  const char* why = db_ == nullptr ? "no memory" : sqlite3_errmsg(db_);
  throw DatabaseError(code, os_error,
                      std::string("database: ") + why + " (" + std::to_string(code) + ", " + doing + ")");
}

}  // namespace portcall::store
