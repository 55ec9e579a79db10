#pragma once

#include <string_view>

#include "rowhouse/migration.hpp"

namespace rowhouse::cli {

/// What the command's exit status says. Numbers are interface: they never change their meaning.
enum ExitStatus : int {
  kOk = 0,
  kUsage = 1,          ///< the command line is wrong
  kConfiguration = 2,  ///< a URL, an environment variable or a tenant id is wrong
  kState = 3,          ///< right command, wrong moment: this was not migrated there yet, or was cut over
  kSource = 4,         ///< a SQLite file can't be read or written; the other files went on
  kTarget = 5,         ///< PostgreSQL can't be reached or refuses
  kDifferent = 6,      ///< verify found differences
  kTooManyRejects = 7, ///< more rows were set aside than --max-rejects allows
  kLocked = 8,         ///< a lock did not come in time: try again
  kWarnings = 9,       ///< audit: no error, but warnings
  kLeaks = 10,         ///< audit found errors, or prove got in
  kInternal = 12,
  kInterrupted = 130,
};

struct ExitStatusRow {
  ExitStatus status;
  std::string_view meaning;
};
inline constexpr ExitStatusRow kExitStatuses[] = {
    {kOk, "done"},
    {kUsage, "the command line is wrong"},
    {kConfiguration, "a URL, an environment variable or a tenant id is wrong"},
    {kState, "right command, wrong moment: this was not migrated there yet, or was cut over"},
    {kSource, "a SQLite file can't be read or written; the other files went on"},
    {kTarget, "PostgreSQL can't be reached or refuses"},
    {kDifferent, "verify found differences"},
    {kTooManyRejects, "more rows were set aside than --max-rejects allows"},
    {kLocked, "a lock did not come in time: try again"},
    {kWarnings, "audit found warnings and no error"},
    {kLeaks, "audit found errors, or prove got in"},
    {kInternal, "an error of rowhouse itself"},
    {kInterrupted, "interrupted"},
};

/// The status for an error that ended a command.
ExitStatus exit_status_of(const Error& error);
/// The status for a file that failed.
ExitStatus exit_status_of(const FileFailure& failure);

}  // namespace rowhouse::cli
