#include "bridge/expression_terms.hpp"

#include <algorithm>

#include "bridge/names.hpp"

namespace rowhouse::bridge::terms {
namespace {

bool is_plain_number(const std::string& text) {
  return !text.empty() && text.size() <= 18 && text.find_first_not_of("0123456789.") == std::string::npos &&
         text != "." && std::count(text.begin(), text.end(), '.') <= 1;
}

// A literal beside a column takes the column's kind, as SQLite's affinity does.
void fit_literal(Term& literal, const Term& other) {
  if (!literal.literal || other.literal) return;
  if (other.kind == Kind::boolean && literal.kind == Kind::integer && (literal.text == "0" || literal.text == "1"))
    literal = make_term(literal.text == "1" ? "true" : "false", Kind::boolean);
  if (is_number(other) && literal.kind == Kind::text && is_plain_number(literal.text))
    literal = make_term(literal.text, Kind::numeric);
}

Term coalesce(std::vector<Term>& arguments) {
  std::string list;
  Kind kind = Kind::null;
  for (Term& argument : arguments) {
    if (kind == Kind::null) kind = argument.kind;
    Term model = make_term("", kind);
    fit_literal(argument, model);
    require(argument.kind == kind && kind != Kind::other && !argument.nocase);
    list += (list.empty() ? "coalesce(" : ", ") + argument.sql;
  }
  return make_term(list + ")", kind);
}

}  // namespace

void require(bool known) {
  if (!known) throw NoTranslation();
}

Kind kind_of(PgType type) {
  switch (type) {
    case PgType::boolean:
      return Kind::boolean;
    case PgType::bigint:
      return Kind::integer;
    case PgType::double_precision:
      return Kind::real;
    case PgType::numeric:
      return Kind::numeric;
    case PgType::text:
      return Kind::text;
    default:
      return Kind::other;
  }
}

bool is_number(const Term& value) {
  return value.kind == Kind::integer || value.kind == Kind::real || value.kind == Kind::numeric;
}

Term make_term(std::string sql, Kind kind) {
  Term value;
  value.sql = std::move(sql);
  value.kind = kind;
  return value;
}

Term make_literal(std::string sql, Kind kind, std::string text) {
  Term value = make_term(std::move(sql), kind);
  value.literal = true;
  value.text = std::move(text);
  return value;
}

Term make_number(const std::string& text) {
  const bool whole = text.size() <= 18 && text.find_first_not_of("0123456789") == std::string::npos;
  require(whole || is_plain_number(text));
  return make_literal(text, whole ? Kind::integer : Kind::numeric, text);
}

Term as_condition(Term value) {
  if (value.kind == Kind::boolean) return value;
  if (value.kind == Kind::null) return make_term("NULL::boolean", Kind::boolean);
  require(is_number(value));
  return make_term("(" + value.sql + " <> 0)", Kind::boolean);
}

// Whole numbers that grow too long become reals in SQLite and would be an error of bigint: numeric holds them.
Term calculate(const Term& left, const char* sign, const Term& right) {
  require(is_number(left) && is_number(right));
  const bool real = left.kind == Kind::real || right.kind == Kind::real;
  const char* const type = real ? "::double precision " : "::numeric ";
  return make_term("(" + left.sql + type + sign + " " + right.sql + (real ? "::double precision)" : "::numeric)"),
                   real ? Kind::real : Kind::numeric);
}

Term compare(Term left, const std::string& sign, Term right) {
  fit_literal(left, right);
  fit_literal(right, left);
  const bool orders = sign[0] == '<' || sign[0] == '>';
  const bool folds = left.nocase || (right.nocase && left.literal);
  require((is_number(left) && is_number(right)) || left.kind == right.kind);
  require(left.kind != Kind::null && left.kind != Kind::other);
  require(!(left.kind == Kind::boolean && orders && sign != "<>"));
  if (left.kind == Kind::text && folds) {
    left.sql = "lower(" + left.sql + " COLLATE \"C\")";
    right.sql = "lower(" + right.sql + " COLLATE \"C\")";
  } else if (left.kind == Kind::text && orders && sign != "<>") {
    left.sql += " COLLATE \"C\"";
  }
  return make_term("(" + left.sql + " " + sign + " " + right.sql + ")", Kind::boolean);
}

Term apply(const std::string& function, std::vector<Term>& arguments) {
  require(!arguments.empty());
  const auto is = [&](const char* name, std::size_t count) {
    return same_name(function, name) && arguments.size() == count;
  };
  const Term& first = arguments[0];
  const std::string folded = "(" + first.sql + " COLLATE \"C\")";
  if (is("abs", 1) && is_number(first)) return make_term("abs(" + first.sql + ")", first.kind);
  if (is("coalesce", arguments.size()) || is("ifnull", 2)) return coalesce(arguments);
  if (is("nullif", 2) && first.kind == arguments[1].kind && first.kind == Kind::text && !first.nocase)
    return make_term("nullif(" + first.sql + ", " + arguments[1].sql + ")", first.kind);
  require(first.kind == Kind::text);
  if (is("length", 1)) return make_term("length(" + first.sql + ")", Kind::integer);
  if (is("lower", 1)) return make_term("lower" + folded, Kind::text);
  if (is("upper", 1)) return make_term("upper" + folded, Kind::text);
  if (is("trim", 1)) return make_term("btrim(" + first.sql + ")", Kind::text);
  if (is("ltrim", 1)) return make_term("ltrim(" + first.sql + ")", Kind::text);
  if (is("rtrim", 1)) return make_term("rtrim(" + first.sql + ")", Kind::text);
  require(same_name(function, "substr") || same_name(function, "substring"));
  require(arguments.size() == 2 || arguments.size() == 3);
  std::string parts = "substr(" + first.sql;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    // From the start or to a place behind it; SQLite counts from the end where a number is negative.
    require(arguments[i].literal && arguments[i].kind == Kind::integer && arguments[i].text[0] != '-' &&
            arguments[i].text.size() <= 9 && arguments[i].text != "0");
    parts += ", " + arguments[i].sql;
  }
  return make_term(parts + ")", Kind::text);
}

}  // namespace rowhouse::bridge::terms
