#pragma once

#include <stdexcept>

namespace portcall::runtime {

// An assertion of Boost's did not hold; the text names it and its place. Boost's parsers and sockets work on what peers
// send, so such a bug must end one connection and not the process: all builds throw this instead of aborting. Where
// nothing may be thrown, in a destructor or a noexcept function, the process ends as before, with the text on stderr.
class AssertionFailed : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

}  // namespace portcall::runtime
