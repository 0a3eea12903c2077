#include "runtime/assertion.h"

#include <boost/assert.hpp>
#include <string>

#ifndef BOOST_ENABLE_ASSERT_HANDLER
#error "every file must be compiled with BOOST_ENABLE_ASSERT_HANDLER, or Boost's inline functions differ between files"
#endif

namespace boost {

void assertion_failed(const char* expr, const char* /*function*/, const char* file, long line) {
  throw portcall::runtime::AssertionFailed(std::string(file) + ":" + std::to_string(line) + ": assertion '" + expr +
                                           "' failed");
}

void assertion_failed_msg(const char* expr, const char* msg, const char* /*function*/, const char* file, long line) {
  throw portcall::runtime::AssertionFailed(std::string(file) + ":" + std::to_string(line) + ": assertion '" + expr +
                                           "' failed: " + msg);
}

}  // namespace boost
