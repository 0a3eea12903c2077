#include "store/sqlite/integrity.h"

#include <sqlite3.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "store/sqlite/check.h"
#include "store/sqlite/schema.h"

namespace portcall::store {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

struct Finalizer {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finalizer>;
struct Freer {
  void operator()(sqlite3_value* value) const { sqlite3_value_free(value); }
};
using Key = std::vector<std::unique_ptr<sqlite3_value, Freer>>;

Statement Prepare(Connection& connection, const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  errno = 0;
  if (sqlite3_prepare_v2(connection.handle(), sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) {
    connection.Fail(sql.c_str());
  }
  return Statement(statement);
}

bool Step(Connection& connection, sqlite3_stmt* statement) {
  errno = 0;
  const int rc = sqlite3_step(statement);
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) connection.Fail(sqlite3_sql(statement));
  return rc == SQLITE_ROW;
}

std::string TextOf(sqlite3_stmt* row, int column) {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(row, column));
  return bytes == nullptr ? std::string()
                          : std::string(bytes, static_cast<std::size_t>(sqlite3_column_bytes(row, column)));
}

// A table's rows, or an index: a tree in the order of its keys.
struct Tree {
  std::string name, from;         // FROM's object
  std::string others;             // what is read beside the keys
  std::string condition;          // of a partial index
  std::vector<std::string> keys;  // columns
  bool by_rowid = false;          // the rowid comes after them
};

std::string Joined(const std::vector<std::string>& parts, const char* between) {
  std::string all;
  for (const std::string& part : parts) all += (all.empty() ? "" : between) + part;
  return all;
}

std::vector<std::string> List(Connection& connection, const std::string& sql) {
  std::vector<std::string> texts;
  const Statement rows = Prepare(connection, sql);
  while (Step(connection, rows.get())) texts.push_back(TextOf(rows.get(), 0));
  return texts;
}

// `rows`: of a table without rowids, whose rows lie in this index.
Tree IndexOf(Connection& connection, const std::string& table, const std::string& index, bool by_rowid, bool rows) {
  Tree tree;
  tree.name = index;
  tree.from = table + " INDEXED BY " + index;
  tree.by_rowid = by_rowid;
  if (rows) tree.others = ",*";
  // A column that is the rowid by another name stands for it.
  const std::string alias =
      by_rowid ? " AND name NOT IN (SELECT name FROM pragma_table_info('" + table + "') WHERE pk=1 AND type='INTEGER')"
               : "";
  tree.keys = List(connection, "SELECT name FROM pragma_index_xinfo('" + index + "') WHERE name IS NOT NULL" + alias +
                                   (rows ? " AND key" : "") + " ORDER BY seqno");
  const std::string sql = connection.Text("SELECT sql FROM sqlite_schema WHERE name='" + index + "'");
  constexpr std::string_view kWhere = " WHERE ";
  if (const auto where = sql.find(kWhere); where != std::string::npos) {
    tree.condition = sql.substr(where + kWhere.size());
  }
  return tree;
}

std::vector<Tree> TreesOf(Connection& connection, const std::string& table) {
  std::vector<Tree> trees;
  const bool rowids = connection.Number("SELECT wr FROM pragma_table_list('" + table + "')") == 0;
  if (rowids) trees.push_back({table, table + " NOT INDEXED", ",*", {}, {}, true});
  const std::string indexes = "SELECT name FROM pragma_index_list('" + table + "')";
  const std::string primary = connection.Text(indexes + " WHERE origin='pk'");
  for (const std::string& index : List(connection, indexes)) {
    trees.push_back(IndexOf(connection, table, index, rowids, !rowids && index == primary));
  }
  return trees;
}

enum class From : std::uint8_t { kStart, kSameKeys, kNextKeys };

std::string QueryOf(const Tree& tree, From from) {
  std::vector<std::string> all = tree.keys, terms;
  if (tree.by_rowid) all.emplace_back("rowid");
  if (!tree.condition.empty()) terms.push_back(tree.condition);
  if (from == From::kSameKeys) {
    for (const std::string& key : tree.keys) terms.push_back(key + "=?");
    terms.emplace_back("rowid>?");
  } else if (from == From::kNextKeys) {
    const std::vector<std::string> places(tree.keys.size(), "?");
    terms.push_back("(" + Joined(tree.keys, ",") + ")>(" + Joined(places, ",") + ")");
  }
  return "SELECT " + Joined(all, ",") + tree.others + " FROM " + tree.from +
         (terms.empty() ? "" : " WHERE " + Joined(terms, " AND ")) + " ORDER BY " + Joined(all, ",");
}

int TypeOf(const char* declared) {
  const std::string_view name = declared == nullptr ? "" : declared;
  if (name == "TEXT") return SQLITE_TEXT;
  return name == "BLOB" ? SQLITE_BLOB : SQLITE_INTEGER;
}

int Compare(sqlite3_value* a, sqlite3_stmt* row, int column) {
  if (sqlite3_value_type(a) == SQLITE_INTEGER) {
    const sqlite3_int64 x = sqlite3_value_int64(a), y = sqlite3_column_int64(row, column);
    return x < y ? -1 : x > y ? 1 : 0;
  }
  const void* x = sqlite3_value_blob(a);
  const int x_size = sqlite3_value_bytes(a);
  const void* y = sqlite3_column_blob(row, column);
  const int y_size = sqlite3_column_bytes(row, column);
  const int shorter = std::min(x_size, y_size);
  const int order = shorter == 0 ? 0 : std::memcmp(x, y, static_cast<std::size_t>(shorter));
  return order != 0 ? order : x_size - y_size;
}

enum class Seen : std::uint8_t { kPart, kEnd, kDamage };

// Reads one tree, each time from where the last read ended. The engine finds the place for the rowid only behind keys
// that are equal, so what follows within them is a query of its own.
class TreeReader {
 public:
  TreeReader(Connection& connection, const Tree& tree)
      : connection_(connection),
        keys_(tree.keys.size() + (tree.by_rowid ? 1 : 0)),
        first_(Prepare(connection, QueryOf(tree, From::kStart))) {
    if (tree.by_rowid) same_ = Prepare(connection, QueryOf(tree, From::kSameKeys));
    if (!tree.keys.empty()) next_ = Prepare(connection, QueryOf(tree, From::kNextKeys));
    for (int i = 0; i < sqlite3_column_count(first_.get()); ++i) {
      types_.push_back(TypeOf(sqlite3_column_decltype(first_.get(), i)));
    }
  }

  Seen Read(milliseconds within) {
    if (last_.empty()) return Run(first_.get(), within);
    Seen seen = Seen::kEnd;
    if (same_) seen = Run(same_.get(), within);
    if (next_ && seen == Seen::kEnd) seen = Run(next_.get(), within);
    return seen;
  }

 private:
  Seen Run(sqlite3_stmt* rows, milliseconds within) {
    const auto places = static_cast<std::size_t>(sqlite3_bind_parameter_count(rows));
    for (std::size_t i = 0; i < places; ++i) sqlite3_bind_value(rows, static_cast<int>(i) + 1, last_[i].get());
    const struct Reset {
      ~Reset() { sqlite3_reset(rows); }  // and with it ends the read
      sqlite3_stmt* rows;
    } reset{rows};
    const auto until = steady_clock::now() + within;
    while (Step(connection_, rows)) {
      if (!IsRight(rows)) return Seen::kDamage;
      Keep(rows);
      if (steady_clock::now() >= until) return Seen::kPart;
    }
    return Seen::kEnd;
  }
  bool IsRight(sqlite3_stmt* row) const {
    for (std::size_t i = 0; i < types_.size(); ++i) {
      if (sqlite3_column_type(row, static_cast<int>(i)) != types_[i]) return false;
    }
    for (std::size_t i = 0; i < last_.size(); ++i) {
      const int order = Compare(last_[i].get(), row, static_cast<int>(i));
      if (order != 0) return order < 0;
    }
    return last_.empty();
  }
  void Keep(sqlite3_stmt* row) {
    last_.clear();
    for (std::size_t i = 0; i < keys_; ++i) {
      last_.emplace_back(sqlite3_value_dup(sqlite3_column_value(row, static_cast<int>(i))));
    }
  }

  Connection& connection_;
  const std::size_t keys_;
  const Statement first_;
  Statement same_, next_;
  std::vector<int> types_;
  Key last_;
};

}  // namespace

Result<void> CheckEverything(Connection& connection, const std::filesystem::path& file,
                             const std::function<bool()>& stop, milliseconds read,
                             const std::function<void(const std::string&)>& whole) {
  for (const char* table : Tables()) {
    for (const Tree& tree : TreesOf(connection, table)) {
      TreeReader reader(connection, tree);
      for (Seen seen = Seen::kPart; seen == Seen::kPart;) {
        if (stop()) return {};
        const auto start = steady_clock::now();
        seen = reader.Read(read);
        if (seen == Seen::kDamage) return Damaged(file, "order or type of a row in " + tree.name);
        const auto pause_until = steady_clock::now() + (steady_clock::now() - start);
        while (!stop() && steady_clock::now() < pause_until) std::this_thread::sleep_for(milliseconds(5));
      }
      if (whole) whole(tree.name);
    }
  }
  return {};
}

}  // namespace portcall::store
