#include "bridge/expression.hpp"

#include <algorithm>
#include <array>

#include "bridge/expression_terms.hpp"
#include "bridge/names.hpp"
#include "bridge/sql_tokens.hpp"

namespace rowhouse::bridge {
namespace {

using namespace terms;

constexpr int kDepthMax = 60;

// One recursive descent by SQLite's precedence. Whatever it does not know ends it.
class Translator {
 public:
  Translator(std::string_view sql, const FindColumn& find) : tokens_(tokenize(sql)), find_(find) {}

  Term run() {
    Term value = either();
    require(at_ == tokens_.size());
    return value;
  }

 private:
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
    Term value = takes_word("NOT") ? make_term("(NOT " + as_condition(negated()).sql + ")", Kind::boolean) : equality();
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
        left = make_term("(" + left.sql + " IS NULL)", Kind::boolean);
      } else if (takes_word("NOTNULL")) {
        left = make_term("(" + left.sql + " IS NOT NULL)", Kind::boolean);
      } else if (takes_word("IS")) {
        left = is(left);
      } else {
        const bool negative = sees_word("NOT") && takes_word("NOT");
        if (negative && takes_word("NULL")) {
          left = make_term("(" + left.sql + " IS NOT NULL)", Kind::boolean);
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
    if (takes_word("NULL"))
      return make_term("(" + left.sql + (negative ? " IS NOT NULL)" : " IS NULL)"), Kind::boolean);
    return compare(left, negative ? "IS DISTINCT FROM" : "IS NOT DISTINCT FROM", order());
  }

  Term in(const Term& left, bool negative) {
    require(takes_sign("("));
    std::string any;
    do {
      any += (any.empty() ? "(" : " OR ") + compare(left, "=", order()).sql;
    } while (takes_sign(","));
    require(takes_sign(")"));
    return make_term((negative ? "(NOT " : "(") + any + "))", Kind::boolean);
  }

  Term between(const Term& left, bool negative) {
    const std::string low = compare(left, ">=", order()).sql;
    require(takes_word("AND"));
    return make_term((negative ? "(NOT (" : "((") + low + " AND " + compare(left, "<=", order()).sql + "))",
                     Kind::boolean);
  }

  // SQLite's LIKE folds the case of ASCII letters alone, as ILIKE does under the collation C.
  Term like(const Term& left, bool negative) {
    const Term pattern = order();
    require(left.kind == Kind::text && pattern.kind == Kind::text && pattern.literal && !sees_word("ESCAPE"));
    return make_term(
        "(" + left.sql + " COLLATE \"C\"" + (negative ? " NOT" : "") + " ILIKE " + pattern.sql + " ESCAPE '')",
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
      left = make_term("(" + left.sql + " || " + right.sql + ")", Kind::text);
    }
    return left;
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
    if (token.kind == Token::Kind::number) return make_number(token.text);
    if (token.kind == Token::Kind::text) return make_literal(quote_literal(token.text), Kind::text, token.text);
    if (token.is_word("NULL")) return make_literal("NULL", Kind::null, "");
    if (token.is_word("TRUE")) return make_literal("1", Kind::integer, "1");
    if (token.is_word("FALSE")) return make_literal("0", Kind::integer, "0");
    require(token.kind == Token::Kind::word || token.kind == Token::Kind::name);
    if (token.kind == Token::Kind::word && takes_sign("(")) return call(token.text);
    return column(token.text);
  }

  Term column(std::string name) {
    std::string table;
    if (takes_sign(".")) {
      table = std::move(name);
      name = next().text;
    }
    const std::optional<ExpressionColumn> found = find_(table, name);
    require(found.has_value());
    Term value = make_term(found->sql, kind_of(found->type));
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
    return apply(function, arguments);
  }

  const std::vector<Token> tokens_;
  const FindColumn& find_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

std::optional<std::string> translate_condition(std::string_view sql, const FindColumn& find) {
  try {
    return as_condition(Translator(sql, find).run()).sql;
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
