#include "store/sqlite/readers.h"

#include <exception>
#include <string>

#include "store/sqlite/tx.h"

namespace portcall::store {

namespace {

const Sql kBegin("BEGIN");
const Sql kEnd("COMMIT");

}  // namespace

// A connection out of the pool, which goes back there, and the read transaction on it, which ends, whatever happens.
class Readers::Lease {
 public:
  explicit Lease(Readers& readers) : readers_(readers), connection_(readers.Take()) {}
  ~Lease() {
    if (!connection_) return;
    try {
      if (connection_->in_transaction()) connection_->Run(kEnd);
    } catch (const DatabaseError&) {
      // Nothing was written; the next BEGIN on this connection meets the same trouble and reports it.
    }
    readers_.Return(std::move(connection_));
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  Connection* get() { return connection_.get(); }

 private:
  Readers& readers_;
  std::unique_ptr<Connection> connection_;
};

Readers::Readers(const std::filesystem::path& file, std::size_t count, Trust& trust) : trust_(trust) {
  for (std::size_t i = 0; i < std::max<std::size_t>(count, 1); ++i) {
    idle_.push_back(std::make_unique<Connection>(file, Connection::Mode::kReader));
  }
}

Result<void> Readers::Read(const std::function<void(Snapshot&)>& query) {
  if (trust_.lost()) return Trust::Refusal();
  try {
    Lease lease(*this);
    if (lease.get() == nullptr) return Error(Errc::kUnavailable, "the store is closing");
    lease.get()->Run(kBegin);
    Snapshot snapshot(*lease.get());
    query(snapshot);
    return {};
  } catch (const DatabaseError& error) {
    if (error.fatal()) trust_.Lose(error.what());
    return error.ToError();
  } catch (const std::exception& error) {
    return Error(Errc::kInternal, std::string("a read failed: ") + error.what());
  }
}

std::unique_ptr<Connection> Readers::Take() {
  const runtime::MutexLock lock(mutex_);
  while (!closed_ && (shut_ || idle_.empty())) changed_.Wait(mutex_);
  if (closed_) return nullptr;
  auto connection = std::move(idle_.back());
  idle_.pop_back();
  ++inside_;
  return connection;
}

void Readers::Return(std::unique_ptr<Connection> connection) {
  const runtime::MutexLock lock(mutex_);
  idle_.push_back(std::move(connection));
  --inside_;
  changed_.NotifyAll();
}

bool Readers::Shut(std::chrono::milliseconds patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  const runtime::MutexLock lock(mutex_);
  shut_ = true;
  while (inside_ > 0 && changed_.WaitUntil(mutex_, until)) {
  }
  if (inside_ == 0) return true;
  shut_ = false;
  changed_.NotifyAll();
  return false;
}

void Readers::Reopen() {
  const runtime::MutexLock lock(mutex_);
  shut_ = false;
  changed_.NotifyAll();
}

void Readers::Close() {
  const runtime::MutexLock lock(mutex_);
  closed_ = true;
  changed_.NotifyAll();
  while (inside_ > 0) changed_.Wait(mutex_);
  idle_.clear();
}

}  // namespace portcall::store
