#include "tests/broker/shell_test.h"

#include <stdexcept>

#include "store/sqlite/connection.h"
#include "store/sqlite/tx.h"

namespace portcall::broker {

ShellTest::ShellTest(std::size_t ring_bytes) : ring_(0, ring_bytes) {
  ::testing::internal::CaptureStderr();
  heard_ = world_.store().Subscribe([this](const std::vector<store::EventPtr>& events) {
    if (ring_.Append(events)) ring_.Awake();
  });
}

void ShellTest::TearDown() {
  On([this] {
    stage_ = Stage::kDraining;
    gate_.Close();
  });
  runner_.Run(gate_.Drained());
}

ShellTest::~ShellTest() {
  heard_ = {};
  runner_.Run(reader_.Stop());
  runner_.Stop();
  if (capturing_) (void)Lines();
}

config::Endpoint ShellTest::Entry() { return world_.Entry("hook"); }

void ShellTest::Open(config::Endpoint entry, store::Cursor cursor, std::vector<store::ParkedLane> parked,
                     sinks::Capacity capacity) {
  entry_ = std::move(entry);
  cursor_ = std::move(cursor);
  cursor_.endpoint = entry_.name;
  auto put = [&](store::Tx& tx) -> Result<std::int64_t> { return store::PutCursor(tx, cursor_); };
  cursor_.id = *world_.store().WriteNow(put);
  if (!parked.empty()) {
    store::Settlement rows;
    rows.cursor = cursor_.id;
    rows.number = ++cursor_.settlements;
    rows.settled_through = cursor_.settled_through;
    rows.through = cursor_.through;
    rows.matched = cursor_.matched;
    rows.settled = cursor_.settled;
    rows.park = parked;
    auto settle = [&](store::Tx& tx) { return store::Settle(tx, rows); };
    if (auto settled = world_.store().WriteNow(settle); !settled) throw std::runtime_error(settled.error().detail);
  }
  On([&] {
    core_ = std::make_unique<EndpointCore>(entry_, capacity, cursor_, std::move(parked), "", Now(), 1);
    core_->Grown(ring_.head());
  });
}

void ShellTest::Feed() {
  auto query = [this](store::Snapshot& s) -> Result<std::vector<store::EventPtr>> {
    return store::ReadEvents(s, core_->scan(), store::Head(s), {10'000}).events;
  };
  const auto events = *world_.store().ReadNow(query);
  std::int64_t wanted = 0;
  for (const store::EventPtr& event : events) {
    if (event->seq > core_->counted() && core_->filter().Wants(*event)) ++wanted;
  }
  core_->Grown(ring_.head());
  core_->Counted(wanted, std::max(core_->counted(), ring_.head()), Now());
  core_->Scan(events, ring_.head(), Now());
}

std::vector<Attempt> ShellTest::Claim() {
  std::vector<Attempt> attempts;
  Attempt attempt;
  while (core_->Claim(Now(), attempt)) attempts.push_back(attempt);
  return attempts;
}

void ShellTest::Deliver(int count) {
  Attempt attempt;
  for (int i = 0; i < count; ++i) {
    if (!core_->Claim(Now(), attempt)) throw std::runtime_error("nothing may be sent");
    core_->OnOutcome(attempt, Receiver::Accept(), Now());
  }
}

store::Cursor ShellTest::Stored() {
  for (const store::Cursor& cursor : world_.Cursors()) {
    if (cursor.id == cursor_.id) return cursor;
  }
  throw std::runtime_error("the cursor is gone");
}

std::vector<store::ParkedLane> ShellTest::Parked() {
  return *world_.store().ReadNow([this](store::Snapshot& s) -> Result<std::vector<store::ParkedLane>> {
    return store::LoadParked(s, cursor_.id);
  });
}

void ShellTest::Sql(const std::string& text) {
  const auto done = world_.store().WriteNow([&](store::Tx& tx) -> Result<bool> {
    tx.connection().Exec(text.c_str());
    return true;
  });
  if (!done) throw std::runtime_error(done.error().detail);
}

void ShellTest::Refuse(const std::string& table) {
  for (const std::string change : {"INSERT", "UPDATE"}) {
    Sql("CREATE TRIGGER refuse_" + table + change + " BEFORE " + change + " ON " + table +
        " BEGIN SELECT RAISE(ABORT, 'it is refused'); END");
  }
}

void ShellTest::Permit(const std::string& table) {
  for (const std::string change : {"INSERT", "UPDATE"}) Sql("DROP TRIGGER refuse_" + table + change);
}

void ShellTest::AwaitWriter() {
  On([] {});  // what was posted before has asked
  (void)world_.store().WriteNow([](store::Tx&) -> Result<bool> { return true; }, store::Priority::kSettlement);
}

// The pool takes what comes in order.
void ShellTest::AwaitReads() {
  auto nothing = [](store::Snapshot&) -> Result<bool> { return true; };
  for (int i = 0; i < 8; ++i) (void)runner_.Run(world_.store().Read(nothing));
}

std::string ShellTest::Lines() {
  log_.Flush();
  capturing_ = false;
  return ::testing::internal::GetCapturedStderr();
}

int ShellTest::Count(const std::string& text, const std::string& part) {
  int count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

}  // namespace portcall::broker
