#include "app/server/purge_log.h"

#include <gtest/gtest.h>

namespace portcall::app {
namespace {

TEST(PurgeLog, SaysWhatAPurgeCameTo) {
  EXPECT_EQ(Told({.found = 5, .deleted = 5}, false), "Purge uploads finished.  Num deleted=5, num errors=0");
  EXPECT_EQ(Told({.found = 5, .deleted = 1, .failed = 1}, false),
            "Purge uploads finished.  Num deleted=1, num errors=1, num kept=3");
}

TEST(PurgeLog, WhatWasNotReachedIsNotToldAsKept) {
  EXPECT_EQ(Told({.found = 256, .deleted = 72}, true), "Purge uploads called off.  Num deleted=72, num errors=0");
}

}  // namespace
}  // namespace portcall::app
