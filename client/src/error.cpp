#include "rowhouse/error.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace rowhouse {
namespace {

struct KindRule {
  std::string_view prefix;
  ErrorKind kind;
};

// First match wins: single codes stand before their class.
constexpr std::array kKindRules{
    KindRule{"40003", ErrorKind::kConnection}, KindRule{"40", ErrorKind::kSerialization},
    KindRule{"08", ErrorKind::kConnection},    KindRule{"57P01", ErrorKind::kConnection},
    KindRule{"57P02", ErrorKind::kConnection}, KindRule{"57P03", ErrorKind::kConnection},
    KindRule{"57P05", ErrorKind::kConnection}, KindRule{"57014", ErrorKind::kCancelled},
    KindRule{"28", ErrorKind::kPermission},    KindRule{"42501", ErrorKind::kPermission},
    KindRule{"55P03", ErrorKind::kBusy},       KindRule{"23", ErrorKind::kConstraint},
    KindRule{"44", ErrorKind::kConstraint},    KindRule{"22", ErrorKind::kData},
    KindRule{"42804", ErrorKind::kData},       KindRule{"F0", ErrorKind::kConfiguration},
    KindRule{"42", ErrorKind::kStatement},     KindRule{"3D", ErrorKind::kStatement},
    KindRule{"3F", ErrorKind::kStatement},     KindRule{"25", ErrorKind::kState},
    KindRule{"55", ErrorKind::kState},         KindRule{"P0002", ErrorKind::kData},
    KindRule{"P0003", ErrorKind::kData},       KindRule{"53300", ErrorKind::kBusy},
    KindRule{"53", ErrorKind::kResource},      KindRule{"54", ErrorKind::kResource},
    KindRule{"58", ErrorKind::kResource},
};

constexpr std::array<std::string_view, 8> kRetryable{"40001", "40P01", "55P03", "08006",
                                                     "57P01", "57P02", "57P03", "26000"};

}  // namespace

struct Error::State {
  ErrorKind kind;
  std::string sqlstate;
  Diagnostics diagnostics;
  bool retryable;
  bool in_doubt;
};

Error::Error(std::string_view sqlstate, const std::string& message, Diagnostics diagnostics, bool in_doubt)
    : std::runtime_error(message) {
  const bool again = !in_doubt && std::find(kRetryable.begin(), kRetryable.end(), sqlstate) != kRetryable.end();
  state_ = std::make_shared<const State>(
      State{kind_of_sqlstate(sqlstate), std::string(sqlstate), std::move(diagnostics), again, in_doubt});
}

Error::~Error() = default;
ConfigurationError::~ConfigurationError() = default;
ConnectionError::~ConnectionError() = default;
ConstraintError::~ConstraintError() = default;

ConfigurationError::ConfigurationError(const std::string& message, const std::string& hint)
    : Error("F0000", message, Diagnostics{.hint = hint}) {}

ErrorKind Error::kind() const noexcept { return state_->kind; }
const std::string& Error::sqlstate() const noexcept { return state_->sqlstate; }
bool Error::retryable() const noexcept { return state_->retryable; }
bool Error::in_doubt() const noexcept { return state_->in_doubt; }
const std::string& Error::detail() const noexcept { return state_->diagnostics.detail; }
const std::string& Error::hint() const noexcept { return state_->diagnostics.hint; }
const Diagnostics& Error::diagnostics() const noexcept { return state_->diagnostics; }

ErrorKind kind_of_sqlstate(std::string_view sqlstate) noexcept {
  for (const KindRule& rule : kKindRules) {
    if (sqlstate.starts_with(rule.prefix)) return rule.kind;
  }
  return ErrorKind::kInternal;
}

void throw_error(std::string_view sqlstate, const std::string& message, Diagnostics diagnostics, bool in_doubt) {
  switch (kind_of_sqlstate(sqlstate)) {
    case ErrorKind::kConnection:
      throw ConnectionError(sqlstate, message, std::move(diagnostics), in_doubt);
    case ErrorKind::kConstraint:
      throw ConstraintError(sqlstate, message, std::move(diagnostics), in_doubt);
    default:
      throw Error(sqlstate, message, std::move(diagnostics), in_doubt);
  }
}

std::string_view to_string(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::kConfiguration:
      return "configuration";
    case ErrorKind::kConnection:
      return "connection";
    case ErrorKind::kPermission:
      return "permission";
    case ErrorKind::kConstraint:
      return "constraint";
    case ErrorKind::kSerialization:
      return "serialization";
    case ErrorKind::kBusy:
      return "busy";
    case ErrorKind::kCancelled:
      return "cancelled";
    case ErrorKind::kData:
      return "data";
    case ErrorKind::kStatement:
      return "statement";
    case ErrorKind::kState:
      return "state";
    case ErrorKind::kResource:
      return "resource";
    case ErrorKind::kInternal:
      return "internal";
  }
  return "internal";
}

}  // namespace rowhouse
