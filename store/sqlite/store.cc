#include "store/store.h"

#include <limits>

#include "runtime/mutex.h"
#include "store/database_file.h"
#include "store/listeners.h"
#include "store/sqlite/check.h"
#include "store/sqlite/integrity.h"
#include "store/sqlite/readers.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/slices.h"
#include "store/sqlite/trust.h"
#include "store/sqlite/volume.h"
#include "store/sqlite/writer.h"

namespace portcall::store {

Snapshot& ReadIn(Tx& tx) { return tx.snapshot(); }

// Parts in the order in which they need each other: the writer goes first.
class Store::Impl {
 public:
  Impl(const StoreOptions& options, std::unique_ptr<Connection> connection, bool clean)
      : file_(options.database),
        clean_(clean),
        trust_(options.on_fatal),
        readers_(options.database, options.readers, trust_),
        writer_(OpenWriter(options, std::move(connection))) {}

  Writer& writer() { return *writer_; }
  DigestLocks& digest_locks() { return digest_locks_; }
  void Begin() {
    if (slices_left_) slices_.Start();
  }
  Readers& readers() { return readers_; }
  const std::shared_ptr<Listeners>& listeners() const { return listeners_; }
  bool clean() const { return clean_; }
  StoreStats Stats() {
    StoreStats stats;
    writer_->AddTo(stats);
    std::error_code none;
    const auto size = std::filesystem::file_size(file_, none);
    stats.database_bytes = none ? 0 : size;
    return stats;
  }
  Result<void> CheckIntegrity(const std::function<bool()>& stop);
  void Close() {
    const runtime::MutexLock lock(closing_);
    writer_->Close();
  }

 private:
  std::unique_ptr<Writer> OpenWriter(const StoreOptions& options, std::unique_ptr<Connection> connection) {
    slices_left_ = HasSlicesLeft(*connection, Migrations());
    const std::int64_t last = connection->Number("SELECT recorded_at FROM events ORDER BY seq DESC LIMIT 1");
    return std::make_unique<Writer>(std::move(connection), readers_, trust_, *listeners_, options, last);
  }

  const std::filesystem::path file_;
  const bool clean_;
  DigestLocks digest_locks_;
  const std::shared_ptr<Listeners> listeners_ = std::make_shared<Listeners>();
  Trust trust_;
  Readers readers_;
  runtime::Mutex closing_;
  bool slices_left_ = false;  // of migrations
  std::unique_ptr<Writer> writer_;
  Slices slices_{*writer_, Migrations()};
};

Result<void> Store::Impl::CheckIntegrity(const std::function<bool()>& stop) {
  if (trust_.lost()) return Trust::Refusal();
  try {
    Connection connection(file_, Connection::Mode::kReader);
    auto checked = CheckEverything(connection, file_, stop);
    if (!checked) trust_.Lose(checked.error().detail);
    return checked;
  } catch (const DatabaseError& error) {
    if (error.fatal()) trust_.Lose(error.what());
    return error.ToError();
  } catch (const std::exception& error) {
    return Error(Errc::kInternal, std::string("the database could not be checked: ") + error.what());
  }
}

Store::Store(std::unique_ptr<Impl> impl, asio::thread_pool& pool) : pool_(pool), impl_(std::move(impl)) {}
Store::~Store() { Close(); }

Result<std::unique_ptr<Store>> Store::Open(StoreOptions options, asio::thread_pool& pool) {
  std::error_code unknown;
  const std::filesystem::path named = std::filesystem::absolute(options.database);
  const std::filesystem::path resolved = std::filesystem::weakly_canonical(named, unknown);
  // What lies beside it lies beside the file that a link leads to.
  const std::filesystem::path file = options.database = unknown ? named : resolved;
  try {
    if (auto fit = CheckDatabaseFile(file); !fit) return fit.error();
    std::error_code none;
    const auto log = std::filesystem::file_size(WriteAheadLogOf(file), none);
    const bool clean = none || log == 0;
    // Of a process that was ended while it put its log back: a part of one would undo what was moved since.
    std::filesystem::remove(WriteAheadLogOf(file).string() + ".tmp", none);
    Spare(file, options.reserve_bytes).Release();
    auto connection = std::make_unique<Connection>(file, Connection::Mode::kWriter);
    connection->LeaveLog();  // of a database that is refused nothing is changed
    const std::uint64_t room = Volume(file.parent_path(), 0).Free().value_or(std::numeric_limits<std::uint64_t>::max());
    if (auto migrated = Migrate(*connection, file, Migrations(), room); !migrated) return migrated.error();
    if (auto sane = CheckContent(*connection, file); !sane) return sane.error();
    connection->LeaveLog(false);
    auto impl = std::make_unique<Impl>(options, std::move(connection), clean);
    impl->Begin();
    return std::unique_ptr<Store>(new Store(std::move(impl), pool));
  } catch (const DatabaseError& error) {
    if (error.fatal()) return Damaged(file, error.what());
    const bool full = error.no_space();
    return Error(full ? Errc::kNoSpace : Errc::kUnavailable,
                 file.string() + " cannot be opened: " + error.what() +
                     (full ? "; free space on its volume" : "; check that its folder exists and can be written"));
  } catch (const std::filesystem::filesystem_error& error) {
    return Error(Errc::kUnavailable, file.string() + " cannot be opened: " + error.what());
  }
}

void Store::Submit(WriteJob& job, Priority priority) { impl_->writer().Submit(job, priority); }
Result<void> Store::ReadWith(const std::function<void(Snapshot&)>& query) { return impl_->readers().Read(query); }
Subscription Store::Subscribe(Subscription::Hear hear) { return {impl_->listeners(), std::move(hear)}; }
DigestLocks& Store::digest_locks() { return impl_->digest_locks(); }
StoreStats Store::stats() const { return impl_->Stats(); }
bool Store::ended_uncleanly() const { return !impl_->clean(); }
Result<void> Store::CheckIntegrity(const std::function<bool()>& stop) { return impl_->CheckIntegrity(stop); }
std::optional<std::string> Store::trouble() const { return impl_->writer().trouble(); }
void Store::Close() { impl_->Close(); }

}  // namespace portcall::store
