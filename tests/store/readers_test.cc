#include "store/sqlite/readers.h"

#include <sqlite3.h>

#include "store/sqlite/tx.h"
#include "tests/store/fixture.h"

namespace portcall::store {
namespace {

using std::chrono::milliseconds;

int Deny(void*, int, const char*, const char*, const char*, const char*) { return SQLITE_DENY; }

// A connection on which no transaction can end or begin any more.
TEST_F(StoreTest, AReadThatCannotBeginGivesItsConnectionBack) {
  Open();
  Trust trust({});
  Readers readers(File(), 1, trust);
  const auto breaking = [](Snapshot& s) { sqlite3_set_authorizer(s.connection().handle(), &Deny, nullptr); };
  EXPECT_TRUE(readers.Read(breaking));
  EXPECT_FALSE(readers.Read([](Snapshot&) { FAIL(); }));
  EXPECT_FALSE(readers.Read([](Snapshot&) { FAIL(); })) << "it did not wait for a connection that is gone";
  EXPECT_TRUE(readers.Shut(milliseconds(0))) << "nobody is inside";
  readers.Close();
}

TEST_F(StoreTest, AReadThatThrowsFailsAlone) {
  Open();
  const auto read = store_->ReadNow([](Snapshot&) -> Result<int> { throw std::logic_error("a bug"); });
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Errc::kInternal);
  EXPECT_EQ(read.error().detail, "a read failed: a bug");
  EXPECT_EQ(Read([](Snapshot& s) { return Head(s); }), 0);
  EXPECT_EQ(fatal_, 0);
}

// A place that no connection knew when it was made.
TEST_F(StoreTest, AStatementThatIsMadeAfterItsConnectionWorks) {
  Connection connection(File(), Connection::Mode::kWriter);
  const Sql late("PRAGMA user_version=7");
  connection.Run(late);
  EXPECT_EQ(connection.Number("PRAGMA user_version"), 7);
}

}  // namespace
}  // namespace portcall::store
