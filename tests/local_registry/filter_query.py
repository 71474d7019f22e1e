"""The filter language of `filterQuery`: its tokens, its grammar, and what a comparison finds."""

# ruff: noqa: D102, D107

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from .collations import Collation, collated, is_like
from .entities import Entity
from .schema import FILTERABLE_FIELDS, INTEGER_FIELDS, ApiError, Kind

FILTER_TOKENS = re.compile(
    r"""(?P<blank>\s+|--[^\r\n]*)
      | (?P<word>[a-zA-Z_][a-zA-Z0-9_]*)
      | (?P<float>[-+]?\d*\.\d+(?:[eE][-+]?\d+)?|[-+]?\d+[eE][-+]?\d+)
      | (?P<int>[-+]?\d+)
      | (?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
      | (?P<quoted>`(?:[^`\\]|\\.)*`)
      | (?P<operator>>=|<=|!=|=|>|<)
      | (?P<punctuation>[().,])""",
    re.VERBOSE | re.ASCII,
)
VALUE_FIELDS = ("string_value", "double_value", "int_value", "bool_value")
Predicate = Callable[["Entity"], bool]
Token = tuple[str, str]


def filter_tokens(text: str) -> list[Token]:
    """The filter's tokens as (kind, text)."""
    tokens, position = [], 0
    while position < len(text):
        match = FILTER_TOKENS.match(text, position)
        if match is None:
            raise ApiError(400, f"invalid filter query: unexpected input at {position}: {text[position:][:20]!r}")
        if match.lastgroup != "blank":
            tokens.append((str(match.lastgroup), match.group()))
        position = match.end()
    return tokens


def string_literal(literal: str) -> str:
    """A quoted literal's value, with the real server's flaw: it strips *every* quote from both ends."""
    text = literal.strip("\"'")
    return text.replace('\\"', '"').replace("\\'", "'").replace("\\\\", "\\")


class FilterParser:
    """Reads a filter query of one kind of entity: comparisons, AND before OR, parentheses; keywords in capitals."""

    def __init__(self, text: str, kind: Kind, collation: Collation) -> None:
        self.tokens = filter_tokens(text)
        self.kind = kind
        self.collation = collation

    def parse(self) -> Predicate:
        predicate = self.either()
        if self.tokens:
            raise ApiError(400, f"invalid filter query: unexpected token {self.tokens[0][1]!r}")
        return predicate

    def either(self) -> Predicate:
        options = [self.both()]
        while self.takes_word("OR"):
            options.append(self.both())
        return options[0] if len(options) == 1 else lambda entity: any(option(entity) for option in options)

    def both(self) -> Predicate:
        terms = [self.term()]
        while self.takes_word("AND"):
            terms.append(self.term())
        return terms[0] if len(terms) == 1 else lambda entity: all(term(entity) for term in terms)

    def term(self) -> Predicate:
        if self.peek() == ("punctuation", "("):
            self.take()
            inner = self.either()
            if self.take() != ("punctuation", ")"):
                raise ApiError(400, "invalid filter query: a parenthesis is not closed")
            return inner
        return self.comparison()

    def comparison(self) -> Predicate:
        name, value_field = self.property_name()
        kind, operator = self.take()
        if kind != "operator" and operator not in ("LIKE", "ILIKE", "IN"):
            raise ApiError(400, f"invalid filter query: {operator!r} is no operator")
        wanted = self.values() if operator == "IN" else self.value()
        return comparison(self.kind, name, value_field, operator, wanted, self.collation)

    def property_name(self) -> tuple[str, str]:
        """A property's name, which may hold dots, and the type of value that its last part may be."""
        kind, name = self.take()
        if kind == "quoted":
            name = name.strip("`").replace("\\.", ".").replace("\\\\", "\\")
        elif kind != "word":
            raise ApiError(400, f"invalid filter query: {name!r} is no property name")
        while kind == "word" and self.peek() == ("punctuation", "."):
            self.take()
            kind, part = self.take()
            if kind != "word":
                raise ApiError(400, f"invalid filter query: {part!r} is no part of a property name")
            name += "." + part
        start, _, end = name.rpartition(".")
        return (start, end) if start and end in VALUE_FIELDS else (name, "")

    def values(self) -> list[Any]:
        """What IN compares with: values in parentheses; one value does without."""
        if self.peek() != ("punctuation", "("):
            return [self.value()]
        self.take()
        found = [] if self.peek()[1] == ")" else [self.value()]
        while self.peek()[1] == ",":
            self.take()
            found.append(self.value())
        if self.take() != ("punctuation", ")"):
            raise ApiError(400, "invalid filter query: a list is not closed")
        return found

    def value(self) -> Any:
        kind, text = self.take()
        if kind == "string":
            return string_literal(text)
        if kind == "int" and len(text) < 20:
            return int(text)
        if kind == "float" and math.isfinite(float(text)):
            return float(text)
        if kind == "word" and text in ("true", "false", "TRUE", "FALSE"):
            return text.lower() == "true"
        raise ApiError(400, f"invalid filter query: {text!r} is no value")

    def peek(self) -> Token:
        return self.tokens[0] if self.tokens else ("end", "")

    def take(self) -> Token:
        if not self.tokens:
            raise ApiError(400, "invalid filter query: unexpected end")
        return self.tokens.pop(0)

    def takes_word(self, word: str) -> bool:
        if self.peek() == ("word", word):
            self.take()
            return True
        return False


def comparison(kind: Kind, name: str, value_field: str, operator: str, wanted: Any, collation: Collation) -> Predicate:
    """The test of one comparison, as the real server turns it into SQL."""
    if name == "name" and kind != "model" and isinstance(wanted, str):
        # stored as "<parent id>:<name>": the server looks for the end of the stored name, wildcards and all
        if operator == "=":
            operator, wanted = "LIKE", "%:" + wanted
        elif operator == "LIKE" and ":" not in wanted and not wanted.startswith("%"):
            wanted = "%:" + wanted

    is_field = name in FILTERABLE_FIELDS[kind]
    column = field_column(name) if is_field else value_field or value_column(wanted)
    try:
        wanted = as_column(column, operator, wanted)
    except ValueError as error:
        # MySQL and MariaDB make a number of any text; that they find `0` in names is left out here.
        if collation != "exact":
            return lambda entity: False
        message = "invalid filter query, type mismatch or invalid value in comparison"
        raise ApiError(400, message) from error

    def matches(entity: Entity) -> bool:
        found = entity.field_value(name) if is_field else entity.property_value(name, column, collation)
        return found is not None and compare(found, operator, wanted, collation)

    return matches


def field_column(name: str) -> str:
    """The type of an entity's own field."""
    return "int_value" if name in INTEGER_FIELDS else "string_value"


def value_column(wanted: Any) -> str:
    """Where custom properties are looked at for a literal, unless the filter names a type: for a whole number, both."""
    if isinstance(wanted, bool):
        return "bool_value"
    return {int: "a number", float: "double_value"}.get(type(wanted), "string_value")


def as_column(column: str, operator: str, wanted: Any) -> Any:
    """A literal as a column's type; what PostgreSQL cannot take for one is a ValueError."""
    if operator in ("LIKE", "ILIKE") and column != "string_value":
        raise ValueError(f"{column} has no {operator}")
    if isinstance(wanted, list):
        return [as_column(column, "=", item) for item in wanted]
    if column in ("string_value", "bool_value"):
        if isinstance(wanted, str if column == "string_value" else bool):
            return wanted
    elif not isinstance(wanted, bool):
        number = float(wanted)  # PostgreSQL reads a text as the column's type
        if column == "double_value" or number.is_integer():
            return number
    raise ValueError(f"{wanted!r} is no {column}")


def compare(found: Any, operator: str, wanted: Any, collation: Collation) -> bool:
    """One SQL comparison of values of one type."""
    if operator == "IN":
        return any(compare(found, "=", item, collation) for item in wanted)
    if operator == "LIKE":
        return is_like(found, wanted, collation)
    if operator == "ILIKE":
        return is_like(found.upper(), wanted.upper(), collation)
    if isinstance(found, str):
        found, wanted = collated(found, collation), collated(wanted, collation)
    outcomes: dict[str, bool] = {
        "=": found == wanted,
        "!=": found != wanted,
        "<": found < wanted,
        "<=": found <= wanted,
        ">": found > wanted,
        ">=": found >= wanted,
    }
    return outcomes[operator]
