// What an expression of SQLite means piece by piece, with the kind of its values: each piece is SQL that means the same
// in PostgreSQL for every value, or there is none.
#pragma once

#include <string>
#include <vector>

#include "bridge/types.hpp"

namespace rowhouse::bridge::terms {

enum class Kind { boolean, integer, real, numeric, text, null, other };

struct Term {
  std::string sql;
  Kind kind = Kind::null;
  bool literal = false;
  bool nocase = false;
  std::string text;  ///< of a literal
};

/// Thrown by everything here that has no translation.
struct NoTranslation {};
void require(bool known);

Kind kind_of(PgType type);
bool is_number(const Term& value);

Term make_term(std::string sql, Kind kind);
Term make_literal(std::string sql, Kind kind, std::string text);
Term make_number(const std::string& text);

Term as_condition(Term value);
/// `sign` is PostgreSQL's: a comparison, IS DISTINCT FROM or IS NOT DISTINCT FROM.
Term compare(Term left, const std::string& sign, Term right);
Term calculate(const Term& left, const char* sign, const Term& right);
/// A function of SQLite's; arguments are used up.
Term apply(const std::string& function, std::vector<Term>& arguments);

}  // namespace rowhouse::bridge::terms
