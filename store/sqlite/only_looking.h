#pragma once

namespace portcall::store {

// While it lives, what this thread opens through SQLite is made nowhere, and gets no other owner or mode. SQLite makes
// a database's log where it is missing, also to read it, and as root gives it to the owner of the database: whoever
// only looks would change what is to be seen, or hide it.
class OnlyLooking {
 public:
  OnlyLooking();
  OnlyLooking(const OnlyLooking&) = delete;
  OnlyLooking& operator=(const OnlyLooking&) = delete;
  ~OnlyLooking();
};

}  // namespace portcall::store
