#pragma once

#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "runtime/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace portcall::store {

// The engine refused or failed a call. Thrown by everything here; the writer and the readers turn it into an Error.
class DatabaseError : public std::runtime_error {
 public:
  DatabaseError(int code, int os_error, const std::string& what)
      : std::runtime_error(what), code_(code), os_error_(os_error) {}
  int code() const { return code_; }  // the engine's extended code
  bool no_space() const;              // the volume, a quota or a limit is full: passes once there is room again
  bool fatal() const;                 // damage or a failing disk: no answer can be trusted any more
  Error ToError() const;

 private:
  int code_, os_error_;
};

// A statement's text, with a fixed place in every connection's table of prepared statements, so that finding it is
// one array access. Made at namespace scope only, before any connection.
class Sql {
 public:
  explicit Sql(const char* text);
  const char* text() const { return text_; }
  std::size_t place() const { return place_; }
  static std::size_t Count();

 private:
  const char* text_;
  std::size_t place_;
};

// One connection and the statements prepared on it. One thread at a time.
class Connection {
 public:
  enum class Mode { kWriter, kReader, kOnlooker, kAlone };
  // The writer's makes the file and its settings and verifies that they took; a reader's sees what the writer made.
  // The other two change nothing on the disk: an onlooker's reads beside a process that has the database open; one that
  // is alone takes no lock, makes none of the files beside the database, and sees what lies in the write-ahead log.
  Connection(const std::filesystem::path& file, Mode mode);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void Exec(const char* sql);                   // any number of statements; their rows are ignored
  void Run(const Sql& sql);                     // kept, without parameters or rows
  std::int64_t Number(const std::string& sql);  // the first column of the first row; not kept
  std::string Text(const std::string& sql);     // likewise
  sqlite3_stmt* Prepared(const Sql& sql);

  // Closing will not move the write-ahead log into the file, nor remove it: what the log holds stays evidence, and the
  // next start sees that this end was no clean one.
  void LeaveLog(bool leave = true);

  bool in_transaction() const;  // false also after the engine rolled back by itself
  std::int64_t last_insert_id() const;
  std::int64_t changes() const;
  // The write-ahead log, as the engine's index of it says.
  struct Logged {
    std::uint64_t frames = 0;  // a page each
    std::uint64_t moved = 0;   // of these: they are in the database's file as well
    std::uint64_t bytes = 0;   // so much must be in the log's file
    std::uint64_t pages = 0;   // of the database with all of them; 0: not known
    std::uint64_t page_bytes = 0;
  };
  Logged logged() const;  // nothing where that is not known
  sqlite3* handle() const { return db_; }
  // Throws why the last call failed. Whoever calls the engine by the handle clears errno before.
  [[noreturn]] void Fail(const char* doing) const;

 private:
  void Configure(Mode mode);
  int OpenUnseen(const std::filesystem::path& file, Mode mode);
  void Set(const char* pragma, const char* value, const char* expected);

  sqlite3* db_ = nullptr;
  std::vector<sqlite3_stmt*> statements_;
};

}  // namespace portcall::store
