// The cases: small functions, most of them rows of tables. Each gets a driver and makes tenants of its own.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "../test_server.hpp"
#include "driver.hpp"

namespace conformance {

struct Case {
  std::string name;
  std::function<void(Driver&)> run;
};
using Cases = std::vector<Case>;

Cases row_cases();          // create, read, write, remove
Cases order_cases();        // newest first, filters, pages, streams
Cases batch_cases();        // upsert_many
Cases value_cases();        // text, JSON, numbers, times as they come back
Cases refusal_cases();      // what neither database takes
Cases isolation_cases();    // attempts to reach another tenant's rows
Cases transaction_cases();  // units of work, savepoints, failed statements
Cases concurrency_cases();  // several at once
Cases store_cases();        // store_integrated_object

inline Cases all_cases() {
  Cases all;
  for (Cases part : {row_cases(), order_cases(), batch_cases(), value_cases(), refusal_cases(), isolation_cases(),
                     transaction_cases(), concurrency_cases(), store_cases()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

inline rowhouse::IntegratedObjectData object(const std::string& tenant, const std::string& original_id) {
  rowhouse::IntegratedObjectData data;
  data.original_id = original_id;
  data.company_id = tenant;
  data.original_data = {{"subject", "printer"}};
  data.integrated_content = "It does not print";
  return data;
}

// The same error from both databases: kind, SQLSTATE, and no value in its words.
inline rowhouse::Error expect_error(const std::string& sqlstate, rowhouse::ErrorKind kind,
                                    const std::function<void()>& body) {
  const rowhouse::Error error = error_of(body);
  EXPECT_EQ(error.sqlstate(), sqlstate) << error.what();
  EXPECT_EQ(error.kind(), kind) << to_string(error.kind());
  EXPECT_EQ(std::string(error.what()).find("s3cret"), std::string::npos) << error.what();
  return error;
}

inline std::string ids_of(const std::vector<rowhouse::IntegratedObject>& objects) {
  std::string ids;
  for (const auto& found : objects) ids += (ids.empty() ? "" : " ") + found.original_id;
  return ids;
}

}  // namespace conformance
