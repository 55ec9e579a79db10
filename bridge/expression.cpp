#include "bridge/expression.hpp"

#include <algorithm>
#include <array>

#include "bridge/names.hpp"
#include "bridge/sql_tokens.hpp"

namespace rowhouse::bridge {
namespace {

constexpr int kDepthMax = 60;

enum class Kind { boolean, integer, real, numeric, text, null, other };

struct Term {
  std::string sql;
  Kind kind = Kind::null;
  bool literal = false;
  bool nocase = false;
  std::string text;  // of a literal
};

struct NoTranslation {};

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

bool is_plain_number(const std::string& text) {
  return !text.empty() && text.size() <= 18 && text.find_first_not_of("0123456789.") == std::string::npos &&
         text != "." && std::count(text.begin(), text.end(), '.') <= 1;
}

// One recursive descent by SQLite's precedence. Whatever it does not know ends it.
class Translator {
 public:
  Translator(std::string_view sql, const FindColumn& find) : tokens_(tokenize(sql)), find_(find) {}

  Term run() {
    Term value = either();
    require(at_ == tokens_.size());
    return value;
  }

  static Term as_condition(Term value) {
    if (value.kind == Kind::boolean) return value;
    if (value.kind == Kind::null) return make("NULL::boolean", Kind::boolean);
    require(is_number(value));
    return make("(" + value.sql + " <> 0)", Kind::boolean);
  }

 private:
  static void require(bool known) {
    if (!known) throw NoTranslation();
  }
  static Term make(std::string sql, Kind kind) {
    Term value;
    value.sql = std::move(sql);
    value.kind = kind;
    return value;
  }

  bool sees_word(std::string_view word, std::size_t ahead = 0) const {
    return at_ + ahead < tokens_.size() && tokens_[at_ + ahead].is_word(word);
  }
  bool takes_word(std::string_view word) { return sees_word(word) && ++at_; }
  bool takes_sign(std::string_view sign) { return at_ < tokens_.size() && tokens_[at_].is_sign(sign) && ++at_; }
  const Token& next() {
    require(at_ < tokens_.size());
    return tokens_[at_++];
  }

  Term either() {
    require(++depth_ < kDepthMax);
    Term left = both();
    while (takes_word("OR")) {
      left = as_condition(std::move(left));
      left.sql = "(" + left.sql + " OR " + as_condition(both()).sql + ")";
    }
    --depth_;
    return left;
  }

  Term both() {
    Term left = negated();
    while (takes_word("AND")) {
      left = as_condition(std::move(left));
      left.sql = "(" + left.sql + " AND " + as_condition(negated()).sql + ")";
    }
    return left;
  }

  Term negated() {
    require(++depth_ < kDepthMax);
    Term value = takes_word("NOT") ? make("(NOT " + as_condition(negated()).sql + ")", Kind::boolean) : equality();
    --depth_;
    return value;
  }

  Term equality() {
    Term left = order();
    for (;;) {
      if (takes_sign("=") || takes_sign("==")) {
        left = compare(left, "=", order());
      } else if (takes_sign("<>") || takes_sign("!=")) {
        left = compare(left, "<>", order());
      } else if (takes_word("ISNULL")) {
        left = make("(" + left.sql + " IS NULL)", Kind::boolean);
      } else if (takes_word("NOTNULL")) {
        left = make("(" + left.sql + " IS NOT NULL)", Kind::boolean);
      } else if (takes_word("IS")) {
        left = is(left);
      } else {
        const bool negative = sees_word("NOT") && takes_word("NOT");
        if (negative && takes_word("NULL")) {
          left = make("(" + left.sql + " IS NOT NULL)", Kind::boolean);
        } else if (takes_word("IN")) {
          left = in(left, negative);
        } else if (takes_word("BETWEEN")) {
          left = between(left, negative);
        } else if (takes_word("LIKE")) {
          left = like(left, negative);
        } else {
          require(!negative);
          return left;
        }
      }
    }
  }

  Term is(const Term& left) {
    const bool negative = takes_word("NOT");
    if (takes_word("NULL")) return make("(" + left.sql + (negative ? " IS NOT NULL)" : " IS NULL)"), Kind::boolean);
    return compare(left, negative ? "IS DISTINCT FROM" : "IS NOT DISTINCT FROM", order());
  }

  Term in(const Term& left, bool negative) {
    require(takes_sign("("));
    std::string any;
    do {
      any += (any.empty() ? "(" : " OR ") + compare(left, "=", order()).sql;
    } while (takes_sign(","));
    require(takes_sign(")"));
    return make((negative ? "(NOT " : "(") + any + "))", Kind::boolean);
  }

  Term between(const Term& left, bool negative) {
    const std::string low = compare(left, ">=", order()).sql;
    require(takes_word("AND"));
    return make((negative ? "(NOT (" : "((") + low + " AND " + compare(left, "<=", order()).sql + "))", Kind::boolean);
  }

  // SQLite's LIKE folds the case of ASCII letters alone, as ILIKE does under the collation C.
  Term like(const Term& left, bool negative) {
    const Term pattern = order();
    require(left.kind == Kind::text && pattern.kind == Kind::text && pattern.literal && !sees_word("ESCAPE"));
    return make("(" + left.sql + " COLLATE \"C\"" + (negative ? " NOT" : "") + " ILIKE " + pattern.sql + " ESCAPE '')",
                Kind::boolean);
  }

  Term order() {
    Term left = sum();
    for (const char* sign : {"<", "<=", ">", ">="}) {
      if (takes_sign(sign)) return compare(left, sign, sum());
    }
    return left;
  }

  Term sum() {
    Term left = product();
    for (;;) {
      if (takes_sign("+")) {
        left = calculate(left, "+", product());
      } else if (takes_sign("-")) {
        left = calculate(left, "-", product());
      } else {
        return left;
      }
    }
  }

  Term product() {
    Term left = joined();
    while (takes_sign("*")) left = calculate(left, "*", joined());
    return left;
  }

  Term joined() {
    Term left = operand();
    while (takes_sign("||")) {
      const Term right = operand();
      require(left.kind == Kind::text && right.kind == Kind::text);
      left = make("(" + left.sql + " || " + right.sql + ")", Kind::text);
    }
    return left;
  }

  // Whole numbers that grow too long become reals in SQLite and would be an error of bigint: numeric holds them.
  static Term calculate(const Term& left, const char* sign, const Term& right) {
    require(is_number(left) && is_number(right));
    const bool real = left.kind == Kind::real || right.kind == Kind::real;
    const char* const type = real ? "::double precision " : "::numeric ";
    return make("(" + left.sql + type + sign + " " + right.sql + (real ? "::double precision)" : "::numeric)"),
                real ? Kind::real : Kind::numeric);
  }

  static Term compare(Term left, const std::string& sign, Term right) {
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
    return make("(" + left.sql + " " + sign + " " + right.sql + ")", Kind::boolean);
  }

  // A literal beside a column takes the column's kind, as SQLite's affinity does.
  static void fit_literal(Term& literal, const Term& other) {
    if (!literal.literal || other.literal) return;
    if (other.kind == Kind::boolean && literal.kind == Kind::integer && (literal.text == "0" || literal.text == "1"))
      literal = make(literal.text == "1" ? "true" : "false", Kind::boolean);
    if (is_number(other) && literal.kind == Kind::text && is_plain_number(literal.text))
      literal = make(literal.text, Kind::numeric);
  }

  Term operand() {
    require(++depth_ < kDepthMax);
    Term value = take_operand();
    if (takes_word("COLLATE")) {
      require(value.kind == Kind::text);
      const Token& name = next();
      value.nocase = same_name(name.text, "NOCASE");
      require(value.nocase || same_name(name.text, "BINARY"));
    }
    --depth_;
    return value;
  }

  Term take_operand() {
    if (takes_sign("(")) {
      Term value = either();
      require(takes_sign(")"));
      if (!value.literal) value.sql = "(" + value.sql + ")";
      return value;
    }
    if (takes_sign("+")) return operand();
    if (takes_sign("-")) {
      Term value = operand();
      require(value.literal && is_number(value) && value.text[0] != '-');
      value.text = "-" + value.text;
      value.sql = "(" + value.text + ")";
      return value;
    }
    const Token& token = next();
    if (token.kind == Token::Kind::number) return number(token.text);
    if (token.kind == Token::Kind::text) return literal(quote_literal(token.text), Kind::text, token.text);
    if (token.is_word("NULL")) return literal("NULL", Kind::null, "");
    if (token.is_word("TRUE")) return literal("1", Kind::integer, "1");
    if (token.is_word("FALSE")) return literal("0", Kind::integer, "0");
    require(token.kind == Token::Kind::word || token.kind == Token::Kind::name);
    if (token.kind == Token::Kind::word && takes_sign("(")) return call(token.text);
    return column(token.text);
  }

  static Term literal(std::string sql, Kind kind, std::string text) {
    Term value = make(std::move(sql), kind);
    value.literal = true;
    value.text = std::move(text);
    return value;
  }

  static Term number(const std::string& text) {
    const bool whole = text.size() <= 18 && text.find_first_not_of("0123456789") == std::string::npos;
    require(whole || is_plain_number(text));
    return literal(text, whole ? Kind::integer : Kind::numeric, text);
  }

  Term column(std::string name) {
    std::string table;
    if (takes_sign(".")) {
      table = std::move(name);
      name = next().text;
    }
    const std::optional<ExpressionColumn> found = find_(table, name);
    require(found.has_value());
    Term value = make(found->sql, kind_of(found->type));
    value.nocase = found->nocase;
    return value;
  }

  Term call(const std::string& function) {
    std::vector<Term> arguments;
    if (!takes_sign(")")) {
      do arguments.push_back(either());
      while (takes_sign(","));
      require(takes_sign(")"));
    }
    require(!arguments.empty());
    const auto is = [&](const char* name, std::size_t count) {
      return same_name(function, name) && arguments.size() == count;
    };
    const Term& first = arguments[0];
    const std::string folded = "(" + first.sql + " COLLATE \"C\")";
    if (is("abs", 1) && is_number(first)) return make("abs(" + first.sql + ")", first.kind);
    if (is("coalesce", arguments.size()) || is("ifnull", 2)) return coalesce(arguments);
    if (is("nullif", 2) && first.kind == arguments[1].kind && first.kind == Kind::text && !first.nocase)
      return make("nullif(" + first.sql + ", " + arguments[1].sql + ")", first.kind);
    require(first.kind == Kind::text);
    if (is("length", 1)) return make("length(" + first.sql + ")", Kind::integer);
    if (is("lower", 1)) return make("lower" + folded, Kind::text);
    if (is("upper", 1)) return make("upper" + folded, Kind::text);
    if (is("trim", 1)) return make("btrim(" + first.sql + ")", Kind::text);
    if (is("ltrim", 1)) return make("ltrim(" + first.sql + ")", Kind::text);
    if (is("rtrim", 1)) return make("rtrim(" + first.sql + ")", Kind::text);
    require(same_name(function, "substr") || same_name(function, "substring"));
    require(arguments.size() == 2 || arguments.size() == 3);
    std::string parts = "substr(" + first.sql;
    for (std::size_t i = 1; i < arguments.size(); ++i) {
      // From the start or to a place behind it; SQLite counts from the end where a number is negative.
      require(arguments[i].literal && arguments[i].kind == Kind::integer && arguments[i].text[0] != '-' &&
              arguments[i].text.size() <= 9 && arguments[i].text != "0");
      parts += ", " + arguments[i].sql;
    }
    return make(parts + ")", Kind::text);
  }

  static Term coalesce(std::vector<Term>& arguments) {
    std::string list;
    Kind kind = Kind::null;
    for (Term& argument : arguments) {
      if (kind == Kind::null) kind = argument.kind;
      Term model = make("", kind);
      fit_literal(argument, model);
      require(argument.kind == kind && kind != Kind::other && !argument.nocase);
      list += (list.empty() ? "coalesce(" : ", ") + argument.sql;
    }
    return make(list + ")", kind);
  }

  const std::vector<Token> tokens_;
  const FindColumn& find_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

std::optional<std::string> translate_condition(std::string_view sql, const FindColumn& find) {
  try {
    return Translator::as_condition(Translator(sql, find).run()).sql;
  } catch (const NoTranslation&) {
    return std::nullopt;
  }
}

std::optional<std::string> translate_value(std::string_view sql, const FindColumn& find, PgType& type) {
  try {
    const Term value = Translator(sql, find).run();
    switch (value.kind) {
      case Kind::boolean:
        type = PgType::boolean;
        break;
      case Kind::integer:
        type = PgType::bigint;
        break;
      case Kind::real:
        type = PgType::double_precision;
        break;
      case Kind::numeric:
        type = PgType::numeric;
        break;
      case Kind::text:
        type = PgType::text;
        break;
      default:
        return std::nullopt;
    }
    if (value.literal) return std::nullopt;
    return value.nocase ? "lower(" + value.sql + " COLLATE \"C\")" : value.sql;
  } catch (const NoTranslation&) {
    return std::nullopt;
  }
}

}  // namespace rowhouse::bridge
