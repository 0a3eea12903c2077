#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "store/sqlite/connection.h"

namespace portcall::store {

struct Blob {
  std::string_view bytes;
};

// One run of a kept statement: binds its arguments in order, steps, and resets in its destructor, because a statement
// left open pins a snapshot. Texts are not copied: what they refer to must outlive the Query.
class Query {
 public:
  template <class... Args>
  explicit Query(Connection& connection, const Sql& sql, Args&&... args) : Query(connection, connection.Prepared(sql)) {
    static_assert((!std::is_same_v<Args, std::string> && ...), "a temporary text would be gone before the step");
    int place = 0;
    (Bind(++place, args), ...);
    Check(place);
  }
  ~Query();
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  bool Step();  // true: on a row
  void Run();   // to the end
  // Of the current row, until the next step.
  std::int64_t Int(int column) const;
  std::string_view Text(int column) const;
  std::string String(int column) const { return std::string(Text(column)); }

 private:
  Query(Connection& connection, sqlite3_stmt* statement) : connection_(connection), statement_(statement) {}
  template <class T>
  void Bind(int place, const T& value) {
    if constexpr (std::is_same_v<T, Blob>) {
      BindBlob(place, value.bytes);
    } else if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
      BindInt(place, static_cast<std::int64_t>(value));
    } else {
      BindText(place, value);
    }
  }
  void BindInt(int place, std::int64_t value);
  void BindText(int place, std::string_view value);
  void BindBlob(int place, std::string_view value);
  void Check(int places) const;

  Connection& connection_;
  sqlite3_stmt* statement_;
};

}  // namespace portcall::store
