#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "rowhouse/error.hpp"

// The URL of the test server (superuser); null when there is none.
inline const char* test_server_url() { return std::getenv("ROWHOUSE_TEST_URL"); }

#define ROWHOUSE_NEEDS_SERVER() \
  if (test_server_url() == nullptr) GTEST_SKIP() << "ROWHOUSE_TEST_URL is not set: run within tests/private-postgres"

// Runs the body and returns the Error it throws; fails the test when it throws nothing.
template <class Body>
rowhouse::Error error_of(Body&& body) {
  try {
    body();
  } catch (const rowhouse::Error& error) {
    return error;
  }
  ADD_FAILURE() << "expected a rowhouse::Error";
  return rowhouse::Error("00000", "nothing was thrown");
}
