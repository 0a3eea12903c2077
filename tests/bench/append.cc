// Durable events per second: a store with 128 callers on two loops, each waiting for its own write, against a bare loop
// over the engine that commits the same rows 128 savepoints at a time. Rounds alternate, because disks have moods.
#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <latch>
#include <stdexcept>
#include <string>
#include <vector>

#include "runtime/bytes.h"
#include "store/event_log.h"
#include "store/store.h"
#include "tests/bench/sample_event.h"

namespace portcall::store {
namespace {

constexpr int kCallers = 128;

Task<> Caller(Store& store, int events, std::latch& done) {
  for (int i = 0; i < events; ++i) {
    auto append = [i](Tx& tx) -> Result<Seq> { return Append(tx, Sample(i)); };
    if (auto written = co_await store.Write(append); !written) std::abort();
  }
  done.count_down();
}

double StoreRound(const std::filesystem::path& file, int events, double& per_commit) {
  runtime::Loops loops(2, 2);
  StoreOptions options;
  options.database = file;
  options.reserve_bytes = 0;
  auto store = Store::Open(options, loops.queries());
  if (!store) throw std::runtime_error(store.error().detail);
  std::latch done(kCallers);
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kCallers; ++i) {
    const auto executor = loops.server(static_cast<std::size_t>(i % 2)).executor();
    asio::co_spawn(executor, Caller(**store, events / kCallers, done), [](std::exception_ptr) {});
  }
  done.wait();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  const StoreStats stats = (*store)->stats();
  per_commit = static_cast<double>(stats.jobs) / static_cast<double>(stats.commits);
  (*store)->Close();
  return events / took.count();
}

void Check(int rc, sqlite3* db) {
  if (rc != SQLITE_OK && rc != SQLITE_DONE) throw std::runtime_error(sqlite3_errmsg(db));
}

sqlite3_stmt* Prepare(sqlite3* db, const char* sql) {
  sqlite3_stmt* statement = nullptr;
  Check(sqlite3_prepare_v2(db, sql, -1, &statement, nullptr), db);
  return statement;
}

void Step(sqlite3* db, sqlite3_stmt* statement) {
  Check(sqlite3_step(statement), db);
  sqlite3_reset(statement);
}

void Insert(sqlite3* db, sqlite3_stmt* insert, const Event& event) {
  const auto text = [&](int place, const std::string& value) {
    sqlite3_bind_text64(insert, place, value.data(), value.size(), SQLITE_STATIC, SQLITE_UTF8);
  };
  sqlite3_bind_int64(insert, 1, std::chrono::system_clock::now().time_since_epoch().count());
  sqlite3_bind_int64(insert, 2, static_cast<int>(event.action));
  sqlite3_bind_int64(insert, 3, static_cast<int>(event.kind));
  sqlite3_bind_int64(insert, 4, event.size);
  text(5, event.source);
  text(6, event.repository);
  text(7, event.tag);
  text(8, event.id);
  text(9, event.digest);
  text(10, event.media_type);
  text(11, event.actor);
  text(12, event.details);
  Step(db, insert);
}

double BareRound(const std::filesystem::path& file, int events) {
  sqlite3* db = nullptr;
  Check(sqlite3_open(file.c_str(), &db), db);
  Check(sqlite3_exec(db,
                     "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=OFF;"
                     "PRAGMA cache_size=-16384; PRAGMA wal_autocheckpoint=4000;"
                     "CREATE TABLE events (seq INTEGER PRIMARY KEY AUTOINCREMENT, recorded_at INTEGER, action INTEGER,"
                     " kind INTEGER, size INTEGER, source TEXT, repository TEXT, tag TEXT, id TEXT, digest TEXT,"
                     " media_type TEXT, actor TEXT, details TEXT) STRICT;"
                     "CREATE INDEX events_lane ON events (source, repository, seq);",
                     nullptr, nullptr, nullptr),
        db);
  sqlite3_stmt* statements[] = {
      Prepare(db, "BEGIN IMMEDIATE"), Prepare(db, "SAVEPOINT job"), Prepare(db, "RELEASE job"), Prepare(db, "COMMIT"),
      Prepare(db,
              "INSERT INTO events (recorded_at,action,kind,size,source,repository,tag,id,digest,media_type,actor,"
              "details) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)")};
  const auto start = std::chrono::steady_clock::now();
  for (int written = 0; written < events;) {
    Step(db, statements[0]);
    for (int i = 0; i < kCallers && written < events; ++i, ++written) {
      Step(db, statements[1]);
      Insert(db, statements[4], Sample(written));
      Step(db, statements[2]);
    }
    Step(db, statements[3]);
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  for (sqlite3_stmt* statement : statements) sqlite3_finalize(statement);
  sqlite3_close(db);
  return events / took.count();
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

int Main(int argc, char** argv) {
  const std::filesystem::path folder = std::filesystem::absolute(argc > 1 ? argv[1] : ".") / "bench-append";
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 7;
  const int events = (argc > 3 ? std::atoi(argv[3]) : 51'200) / kCallers * kCallers;
  std::vector<double> stores, bares, ratios;
  for (int round = 0; round < rounds; ++round) {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    double per_commit = 0;
    bares.push_back(BareRound(folder / "bare.db", events));
    stores.push_back(StoreRound(folder / "store.db", events, per_commit));
    ratios.push_back(stores.back() / bares.back());
    std::printf("round %d: store %8.0f/s (%.0f a commit)  bare %8.0f/s  ratio %.2f\n", round + 1, stores.back(),
                per_commit, bares.back(), ratios.back());
  }
  std::filesystem::remove_all(folder);
  std::printf("median: store %.0f/s  bare %.0f/s  ratio %.2f\n", Median(stores), Median(bares), Median(ratios));
  return 0;
}

}  // namespace portcall::store

int main(int argc, char** argv) { return portcall::store::Main(argc, argv); }
