#pragma once

#include "store/cursors.h"
#include "tests/store/contract/engine.h"

namespace portcall::store {

// A log of ten events and a cursor that replays some of them.
class CursorsTest : public EngineTest {
 protected:
  void SetUp() override {
    Open();
    for (int i = 0; i < 10; ++i) AppendOne();
    Cursor cursor;
    cursor.endpoint = "ci";
    cursor.kind = CursorKind::kReplay;
    cursor.from = 2;
    cursor.through = 9;
    cursor.selection = "all";
    cursor.fingerprint = "f";
    id_ = Write([&](Tx& tx) { return PutCursor(tx, cursor); });
  }
  static DeadLetter Letter(std::int64_t died_at, std::size_t answer = 10) {
    DeadLetter dead;
    dead.endpoint = "ci";
    dead.event = EventOf("library/app");
    dead.event.seq = 4;
    dead.event.id = "id-4";
    dead.event.recorded_at = 77;
    dead.attempts = 3;
    dead.died_at = died_at;
    dead.reason = "rejected";
    dead.answer = std::string(answer, '4');
    return dead;
  }
  // As the next settlement of its cursor.
  void Settle(Settlement& s) {
    s.number = Settlements() + 1;
    EXPECT_TRUE(Ask(s));
  }
  Result<void> Ask(const Settlement& s) {
    return store_->WriteNow([&](Tx& tx) { return store::Settle(tx, s); });
  }
  std::int64_t Settlements() {
    return Read([](Snapshot& s) { return LoadCursors(s); }).at(0).settlements;
  }
  Settlement Of(std::int64_t cursor) {
    Settlement s;
    s.cursor = cursor;
    return s;
  }
  std::vector<DeadLetter> Dead() {
    return Read([](Snapshot& s) { return ListDead(s, "ci", 0, 100); });
  }
  std::int64_t id_ = 0;
};

}  // namespace portcall::store
