"""A small, strict Model Registry in memory, on loopback: for trying the component out and for testing it, no more.

It answers like a real Model Registry server where a registration can go wrong: exact status codes, JSON errors, the
LIKE behind `?name=`, names stored as `<parent id>:<name>`, PATCH semantics, numbers as Go prints them, both API
versions, and the two ways in which databases compare names. It keeps nothing, checks no rights and knows no other API.

    python tests/local_registry.py --port 8080 --api v1

In tests:

    with LocalRegistry() as registry:
        registry.inject(503, match=r"POST .*/model_versions$")
        ...
        assert [model["name"] for model in registry.models()] == ["my-model"]
"""

# ruff: noqa: D101, D102, D103, D105, D107

from __future__ import annotations

import argparse
import base64
import binascii
import contextlib
import functools
import json
import math
import re
import socket
import ssl
import sys
import threading
import time
import unicodedata
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import parse_qs, unquote, urlsplit

JSON = dict[str, Any]
Collation = Literal["exact", "folding"]
Kind = Literal["model", "version", "artifact"]

APIS = ("v1", "v1alpha3")
NAME_LIMIT = 255
URI_LIMIT = 2600
UNLIMITED = sys.maxsize  # a list without a page size holds everything
STRUCT_PREFIX = "mlmd-struct::"
LONE_SURROGATE = re.compile("[\ud800-\udfff]")

COMMON_FIELDS = {"customProperties", "description", "externalId"}
OUTPUT_FIELDS = {"id", "createTimeSinceEpoch", "lastUpdateTimeSinceEpoch"}
MODEL_FIELDS = COMMON_FIELDS | {
    *("state", "owner", "readme", "maturity", "language", "tasks", "provider", "logo", "license", "licenseLink"),
    "libraryName",
}
VERSION_FIELDS = COMMON_FIELDS | {"state", "author"}
ARTIFACT_FIELDS = {
    "model-artifact": COMMON_FIELDS
    | {
        *("artifactType", "uri", "state", "modelFormatName", "modelFormatVersion", "storageKey", "storagePath"),
        *("serviceAccountName", "modelSourceKind", "modelSourceClass", "modelSourceGroup", "modelSourceId"),
        "modelSourceName",
    },
    "doc-artifact": COMMON_FIELDS | {"artifactType", "uri", "state"},
    "dataset-artifact": COMMON_FIELDS
    | {"artifactType", "uri", "state", "digest", "sourceType", "source", "schema", "profile"},
    "metric": COMMON_FIELDS | {"artifactType", "state", "value", "timestamp", "step"},
    "parameter": COMMON_FIELDS | {"artifactType", "state", "value", "parameterType"},
}
CONTEXT_STATES = {"LIVE", "ARCHIVED"}
ARTIFACT_STATES = {"UNKNOWN", "PENDING", "LIVE", "MARKED_FOR_DELETION", "DELETED", "ABANDONED", "REFERENCE"}
PROPERTY_FIELDS = {
    "MetadataStringValue": "string_value",
    "MetadataDoubleValue": "double_value",
    "MetadataIntValue": "int_value",
    "MetadataBoolValue": "bool_value",
    "MetadataStructValue": "struct_value",
}
FILTERABLE_FIELDS = {
    "model": {*OUTPUT_FIELDS, "name", "externalId", "state", "owner"},
    "version": {*OUTPUT_FIELDS, "name", "externalId", "state", "author", "registeredModelId"},
    "artifact": {*OUTPUT_FIELDS, "name"}
    | ARTIFACT_FIELDS["model-artifact"] - {"customProperties", "description", "artifactType"},
}
INTEGER_FIELDS = {*OUTPUT_FIELDS, "registeredModelId"}
TITLES = {"model": "registered model", "version": "model version", "artifact": "artifact"}


class ApiError(Exception):
    """An answer other than success: its status and the sentence that goes with it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


# ---- how Go reads and prints numbers ---------------------------------------------------------------------------------


def go_int32(text: str) -> int:
    """A whole number of 32 bits as `strconv.ParseInt` reads it, signs included."""
    if not re.fullmatch(r"[+-]?\d+", text, re.ASCII) or not -(2**31) <= int(text) < 2**31:
        raise ValueError(f"{text!r} is no number of 32 bits")
    return int(text)


def go_double(value: float) -> str:
    """A double as `encoding/json` prints it: the shortest digits, without a point or an exponent where it can."""
    digits = Decimal(repr(value)).normalize()
    return format(digits, "e" if value and not 1e-6 <= abs(value) < 1e21 else "f")


def encoded(value: Any) -> str:
    """JSON as the server writes it; Python's own differs in its doubles."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{encoded(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(encoded, value)) + "]"
    return go_double(value) if isinstance(value, float) else json.dumps(value)


# ---- how databases compare names -------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=65536)
def folded(text: str) -> str:
    """The text as MySQL and MariaDB compare it by default: neither case nor accents count."""
    return "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char)).casefold()


def collated(text: str, collation: Collation) -> str:
    """The text as names are compared under a collation."""
    return folded(text) if collation == "folding" else text


@functools.lru_cache(maxsize=4096)
def like_pattern(pattern: str) -> tuple[re.Pattern[str], bool]:
    """An SQL LIKE pattern as a regular expression, and whether it ends in a lone backslash."""
    parts, escaped = [], False
    for char in pattern:
        if escaped:
            parts.append(re.escape(char))
            escaped = False
        elif char == "\\":
            escaped = True
        else:
            parts.append({"%": ".*", "_": "."}.get(char) or re.escape(char))
    return re.compile("".join(parts), re.DOTALL), escaped


def is_like(text: str, pattern: str, collation: Collation) -> bool:
    """SQL LIKE: `%` and `_` are wildcards and a backslash escapes what follows it."""
    expression, open_escape = like_pattern(collated(pattern, collation))
    text = collated(text, collation)
    if not open_escape:
        return expression.fullmatch(text) is not None
    if collation == "folding":  # MySQL: a backslash at the very end stands for itself
        return re.fullmatch(expression.pattern + r"\\", text, re.DOTALL) is not None
    if re.match(expression.pattern + ".", text, re.DOTALL):
        raise ApiError(500, "ERROR: LIKE pattern must not end with escape character (SQLSTATE 22025)")
    return False


# ---- filterQuery -----------------------------------------------------------------------------------------------------

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
        if collation == "folding":  # MySQL makes a number of any text; that it finds `0` in names is left out here
            return lambda entity: False
        message = "invalid filter query, type mismatch or invalid value in comparison"
        raise ApiError(400, message) from error

    def matches(entity: Entity) -> bool:
        found = entity.field_value(name) if is_field else entity.property_value(name, column)
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


# ---- what is stored --------------------------------------------------------------------------------------------------


@dataclass
class Entity:
    """A stored registered model, model version or artifact."""

    kind: Kind
    id: int
    parent: int | None
    name: str
    fields: JSON

    @property
    def stored_name(self) -> str:
        return self.name if self.parent is None else f"{self.parent}:{self.name}"

    @property
    def scope(self) -> str:
        """Within what names are unique."""
        return str(self.fields["artifactType"]) if self.kind == "artifact" else self.kind

    def as_json(self) -> JSON:
        properties = {name: shown_value(stored) for name, stored in self.fields["customProperties"].items()}
        return {"id": str(self.id), "name": self.name, **self.fields, "customProperties": properties}

    def field_value(self, name: str) -> Any:
        """What a filter compares of the entity's own fields."""
        if name in ("id", "name"):
            return float(self.id) if name == "id" else self.stored_name
        value = self.fields.get(name)
        return float(value) if value is not None and name in INTEGER_FIELDS else value

    def property_value(self, name: str, column: str) -> Any:
        """What a filter compares of the custom properties: one of the asked type."""
        stored = self.fields["customProperties"].get(name)
        held_in = PROPERTY_FIELDS[stored["metadataType"]] if stored else ""
        fitting = ("int_value", "double_value") if column == "a number" else (column,)
        if stored is None or held_in not in fitting:
            return None
        return float(stored[held_in]) if held_in in ("int_value", "double_value") else stored[held_in]


def metadata_value(value: Any) -> JSON:
    """A plain value as a custom property; what is one already stays as it is."""
    if isinstance(value, dict):
        return value
    if isinstance(value, bool):
        return {"metadataType": "MetadataBoolValue", "bool_value": value}
    if isinstance(value, int):
        return {"metadataType": "MetadataIntValue", "int_value": str(value)}
    if isinstance(value, float):
        return {"metadataType": "MetadataDoubleValue", "double_value": value}
    return {"metadataType": "MetadataStringValue", "string_value": str(value)}


def shown_value(stored: JSON) -> JSON:
    """A custom property as the server gives it out: a struct, which it takes in base64, as JSON text."""
    if stored["metadataType"] != "MetadataStructValue":
        return stored
    return {**stored, "struct_value": json.dumps(json.loads(base64.b64decode(stored["struct_value"])))}


def overwritten(old: JSON | None, new: JSON) -> JSON:
    """A custom property after an update, as servers before 0.3.9 read it.

    They leave the old type's column filled and read the first that is, in this order: a number that once was a text
    stays that text until a PATCH without it removes it.
    """
    if old is None:
        return new
    columns = ("int_value", "string_value", "bool_value", "double_value")  # a struct is kept as a string
    return min(
        (new, old), key=lambda value: columns.index(PROPERTY_FIELDS[value["metadataType"]].replace("struct", "string"))
    )


def struct_value(value: Any) -> JSON:
    """A custom property holding a struct, as clients send it."""
    encoded = base64.b64encode(json.dumps(value).encode()).decode()
    return {"metadataType": "MetadataStructValue", "struct_value": encoded}


def plain_properties(entity: JSON) -> JSON:
    """An entity's custom properties as plain Python values, for reading in tests."""
    plain = {}
    for name, stored in entity.get("customProperties", {}).items():
        value = stored[PROPERTY_FIELDS[stored["metadataType"]]]
        plain[name] = int(value) if stored["metadataType"] == "MetadataIntValue" else value
    return plain


def is_struct(text: str) -> bool:
    """Whether a string with the struct prefix holds what the prefix announces."""
    try:
        json.loads(base64.b64decode(text.removeprefix(STRUCT_PREFIX), validate=True))
    except (ValueError, binascii.Error):
        return False
    return True


def check_readable(entity: Entity) -> None:
    """A string that only looks like a stored struct makes the real server fail to read what holds it, for ever."""
    for name, stored in entity.fields["customProperties"].items():
        text = stored.get("string_value")
        if isinstance(text, str) and text.startswith(STRUCT_PREFIX) and not is_struct(text):
            raise ApiError(400, f"error mapping {TITLES[entity.kind]} {entity.id}: property {name} is no struct")


def merged_names(properties: JSON, collation: Collation) -> JSON:
    """The property map as the database keeps it: names that it takes for equal are one, silently."""
    kept: dict[str, tuple[str, JSON]] = {}
    for name, value in properties.items():
        spelling = kept.get(collated(name, collation), (name, value))[0]
        kept[collated(name, collation)] = (spelling, value)
    return dict(kept.values())


def checked_id(text: str) -> int:
    """An entity's ID, a number of 32 bits."""
    try:
        return go_int32(text)
    except ValueError as error:
        raise ApiError(400, f"invalid id: {error}") from error


class Store:
    """The registry's tables and their rules; no HTTP. One lock around every call."""

    def __init__(self, collation: Collation, keeps_old_types: bool) -> None:
        self.collation = collation
        self.keeps_old_types = keeps_old_types
        self.lock = threading.RLock()
        self.contexts: dict[int, Entity] = {}
        self.artifacts: dict[int, Entity] = {}
        self.names: dict[tuple[str, str], Entity] = {}
        self.external_ids: dict[tuple[str, str], Entity] = {}
        self.children: dict[tuple[Kind, int | None], list[Entity]] = {}

    def table(self, kind: Kind) -> dict[int, Entity]:
        return self.artifacts if kind == "artifact" else self.contexts

    def of_kind(self, kind: Kind) -> Iterator[Entity]:
        return (entity for entity in self.table(kind).values() if entity.kind == kind)

    def get(self, kind: Kind, entity_id: str) -> Entity:
        entity = self.table(kind).get(checked_id(entity_id))
        if entity is None or entity.kind != kind:
            raise ApiError(404, f"no {TITLES[kind]} found for id {entity_id}")
        return entity

    def children_of(self, kind: Kind, parent_id: str) -> list[Entity]:
        """What lies in a parent: nothing, and no error, if there is no such parent."""
        return self.children.get((kind, checked_id(parent_id)), [])

    def create(self, kind: Kind, name: str, parent: int | None, fields: JSON) -> Entity:
        """Add an entity with these JSON fields, unless a limit or a unique name forbids it."""
        table = self.table(kind)
        now = str(time.time_ns() // 1_000_000)
        entity = Entity(kind, len(table) + 1, parent, name, {"customProperties": {}, **without_nulls(fields)})
        entity.fields.update(createTimeSinceEpoch=now, lastUpdateTimeSinceEpoch=now)
        entity.fields["customProperties"] = merged_names(entity.fields["customProperties"], self.collation)
        if len(entity.stored_name) > NAME_LIMIT:
            raise ApiError(500, f"ERROR: value too long for type character varying({NAME_LIMIT}) (SQLSTATE 22001)")
        self.check_limits(entity.fields)
        name_key = (entity.scope, collated(entity.stored_name, self.collation))
        external_key = (kind, str(fields.get("externalId") or ""))
        if name_key in self.names:
            raise ApiError(409, f"{TITLES[kind]} with name {name} already exists")
        if external_key[1] and external_key in self.external_ids:
            raise ApiError(409, f"{TITLES[kind]} with externalId {external_key[1]} already exists")
        table[entity.id] = self.names[name_key] = self.external_ids[external_key] = entity
        self.children.setdefault((kind, entity.parent), []).append(entity)
        return entity

    def update(self, entity: Entity, fields: JSON) -> Entity:
        """Replace the fields that are given; a state that is not given falls back to its default, null keeps it.

        What is not given, the server writes back as it gives it out: for a struct that is no base64, and refused.
        """
        self.check_limits(fields)
        kept = {} if "customProperties" in fields else entity.fields["customProperties"]
        if any(stored["metadataType"] == "MetadataStructValue" for stored in kept.values()):
            raise ApiError(400, "unable to decode a struct value: illegal base64 data at input byte 0")
        default_state = "UNKNOWN" if entity.kind == "artifact" else "LIVE"
        before = entity.fields["customProperties"]
        entity.fields.update(without_nulls({"state": default_state, **fields}))
        after = merged_names(entity.fields["customProperties"], self.collation)
        if self.keeps_old_types:
            after = {name: overwritten(before.get(name), new) for name, new in after.items()}
        entity.fields["customProperties"] = after
        entity.fields["lastUpdateTimeSinceEpoch"] = str(time.time_ns() // 1_000_000)
        return entity

    def check_limits(self, fields: JSON) -> None:
        if len((fields.get("uri") or "").encode(errors="surrogatepass")) > URI_LIMIT:
            raise ApiError(500, f"ERROR: index row size exceeds btree maximum: a uri has at most {URI_LIMIT} bytes")
        if any(len(name) > NAME_LIMIT for name in fields.get("customProperties") or {}):
            raise ApiError(500, f"ERROR: value too long for type character varying({NAME_LIMIT}) (SQLSTATE 22001)")

    def find(self, kind: Kind, name: str, parent_id: str, external_id: str) -> Entity:
        """The one entity that a name (an SQL LIKE!) within a parent finds, or, without a name, an external ID."""
        parent = checked_id(parent_id) if parent_id and kind != "model" else None
        if not external_id and not (name and (kind == "model" or parent_id)):
            raise ApiError(400, "invalid parameters: either (name and parentResourceId) or externalId is needed")
        found = [entity for entity in self.of_kind(kind) if parent in (None, entity.parent)]
        if name:
            start = "" if kind == "model" else "%:" if kind == "artifact" or parent is None else f"{parent}:"
            found = [entity for entity in found if is_like(entity.stored_name, start + name, self.collation)]
        else:
            found = [entity for entity in found if entity.fields.get("externalId") == external_id]
        if len(found) > 1:
            raise ApiError(404, f"multiple {TITLES[kind]}s found for name={name}, externalId={external_id}")
        if not found:
            raise ApiError(404, f"no {TITLES[kind]} found for name={name}, externalId={external_id}")
        return found[0]


# ---- what clients send -----------------------------------------------------------------------------------------------


def refuse_constant(text: str) -> None:
    raise ValueError(f"invalid character: {text} is no JSON")


def parsed_body(raw: bytes) -> JSON:
    """The JSON object that a client sent; null is as good as absent, but for a state, which then has no default."""
    try:
        body = without_surrogates(json.loads(raw.decode(), parse_constant=refuse_constant))
    except ValueError as error:
        raise ApiError(400, f"invalid JSON: {error}") from error
    if not isinstance(body, dict):
        raise ApiError(400, "invalid JSON: an object is needed")
    if any("\0" in text for text in strings_of(body)):
        raise ApiError(400, "ERROR: invalid byte sequence for encoding UTF8: 0x00 (SQLSTATE 22021)")
    return {name: value for name, value in body.items() if value is not None or name == "state"}


def without_nulls(fields: JSON) -> JSON:
    return {name: value for name, value in fields.items() if value is not None}


def without_surrogates(value: Any) -> Any:
    """A JSON value in which half a surrogate pair is U+FFFD, as Go reads it."""
    if isinstance(value, str):
        return LONE_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, dict):
        return {without_surrogates(name): without_surrogates(item) for name, item in value.items()}
    return [without_surrogates(item) for item in value] if isinstance(value, list) else value


def strings_of(value: Any) -> Iterator[str]:
    """Every string in a JSON value, names included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from strings_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings_of(item)


def checked_fields(body: JSON, allowed: set[str], states: set[str]) -> JSON:
    """The fields as they are stored; unknown fields, unknown states and values of a wrong type are refused."""
    for name, value in body.items():
        if name not in allowed:
            raise ApiError(400, f'json: unknown field "{name}"')
        if name == "state":
            if value is not None and value not in states:
                raise ApiError(400, f"{value!r} is no valid state")
        elif name != "customProperties" and not isinstance(value, field_types(name)):
            raise ApiError(400, f"json: cannot unmarshal field {name} of type {type(value).__name__}")
    if "customProperties" not in body:
        return body
    return {**body, "customProperties": checked_properties(body["customProperties"])}


def field_types(name: str) -> type | tuple[type, ...]:
    """What JSON holds in a field."""
    if name in ("language", "tasks"):
        return list
    return (str, int, float) if name in ("value", "step") else str


def checked_properties(properties: Any) -> JSON:
    """Custom properties as they are stored: each the value that its type names, whatever else it holds.

    What the real server cannot read is refused.
    """
    if not isinstance(properties, dict):
        raise ApiError(400, "json: customProperties must be an object")
    kept = {}
    for name, sent in properties.items():
        value_field = PROPERTY_FIELDS.get(str(sent.get("metadataType"))) if isinstance(sent, dict) else None
        if value_field is None or value_field not in sent:
            raise ApiError(400, f"data failed to match schemas in oneOf(MetadataValue): property {name!r}")
        if not is_value_of(value_field, sent[value_field]):
            raise ApiError(400, f"invalid {value_field} of property {name!r}: {sent[value_field]!r}")
        value = float(sent[value_field]) if value_field == "double_value" else sent[value_field]
        kept[name] = {"metadataType": sent["metadataType"], value_field: value}
    return kept


def is_value_of(value_field: str, value: Any) -> bool:
    """Whether a property's value fits its type: ints are decimal strings of 32 bits, doubles are finite."""
    if value_field == "bool_value":
        return isinstance(value, bool)
    if value_field == "double_value":
        return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
    if not isinstance(value, str):
        return False
    if value_field == "int_value":
        return re.fullmatch(r"-?\d{1,10}", value, re.ASCII) is not None and -(2**31) <= int(value) < 2**31
    return value_field == "string_value" or is_struct(value)


def check_required(body: JSON, names: Iterable[str]) -> None:
    for name in names:
        if not body.get(name):
            raise ApiError(422, f"required field '{name}' is zero value.")


# ---- the API ---------------------------------------------------------------------------------------------------------

Query = dict[str, str]
Answer = tuple[int, JSON]


class Api:
    """The REST API below `/api/model_registry/<version>/`: what a request does and what it answers."""

    def __init__(self, store: Store) -> None:
        self.store = store
        number = r"([^/]+)"
        self.routes: list[tuple[str, dict[str, Callable[..., Answer]]]] = [
            ("registered_models", {"GET": self.list_models, "POST": self.create_model}),
            (f"registered_models/{number}", {"GET": self.get_model, "PATCH": self.update_model}),
            (
                f"registered_models/{number}/versions",
                {"GET": self.list_versions_of, "POST": self.create_version_of},
            ),
            ("registered_model", {"GET": self.find_model}),
            ("model_versions", {"GET": self.list_versions, "POST": self.create_version}),
            (f"model_versions/{number}", {"GET": self.get_version, "PATCH": self.update_version}),
            (
                f"model_versions/{number}/artifacts",
                {"GET": self.list_artifacts_of, "POST": self.upsert_artifact_of},
            ),
            ("model_version", {"GET": self.find_version}),
            ("artifacts", {"GET": self.list_artifacts}),
            (f"artifacts/{number}", {"GET": self.get_artifact, "PATCH": self.update_artifact}),
            ("artifact", {"GET": self.find_artifact}),
            ("model_artifacts", {"GET": self.list_model_artifacts}),
            (f"model_artifacts/{number}", {"GET": self.get_artifact, "PATCH": self.update_artifact}),
            ("model_artifact", {"GET": self.find_artifact}),
        ]

    def answer(self, method: str, path: str, query: Query, body: bytes) -> Answer:
        """Do what a request asks for; `path` is what follows the API version."""
        for pattern, methods in self.routes:
            match = re.fullmatch(pattern, path)
            if match is None:
                continue
            if method not in methods:
                raise ApiError(405, "")
            ids = map(unquote, match.groups())
            arguments: list[Any] = [*ids, query if method == "GET" else parsed_body(body)]
            with self.store.lock:
                return methods[method](*arguments)
        raise ApiError(404, "404 page not found")

    # registered models

    def create_model(self, body: JSON) -> Answer:
        body = checked_fields(body, MODEL_FIELDS | {"name"}, CONTEXT_STATES)
        check_required(body, ["name"])
        return 201, self.store.create("model", body.pop("name"), None, {"state": "LIVE", **body}).as_json()

    def get_model(self, model_id: str, query: Query) -> Answer:
        return self.one(self.store.get("model", model_id))

    def update_model(self, model_id: str, body: JSON) -> Answer:
        body = checked_fields(body, MODEL_FIELDS, CONTEXT_STATES)
        return 200, self.store.update(self.store.get("model", model_id), body).as_json()

    def find_model(self, query: Query) -> Answer:
        return self.one(self.found("model", query))

    def list_models(self, query: Query) -> Answer:
        return self.page(self.store.of_kind("model"), "model", query)

    # model versions

    def create_version(self, body: JSON) -> Answer:
        """Create a version; whether there is such a model, the server does not ask."""
        body = checked_fields(body, VERSION_FIELDS | {"name", "registeredModelId"}, CONTEXT_STATES)
        check_required(body, ["name", "registeredModelId"])
        model_id = checked_id(body["registeredModelId"])
        fields = {"state": "LIVE", **body, "registeredModelId": str(model_id)}
        return 201, self.store.create("version", fields.pop("name"), model_id, fields).as_json()

    def create_version_of(self, model_id: str, body: JSON) -> Answer:
        body = {name: value for name, value in body.items() if name not in OUTPUT_FIELDS}
        check_required(body, ["name", "registeredModelId"])
        return self.create_version({**body, "registeredModelId": model_id})

    def get_version(self, version_id: str, query: Query) -> Answer:
        return self.one(self.store.get("version", version_id))

    def update_version(self, version_id: str, body: JSON) -> Answer:
        body = checked_fields(body, VERSION_FIELDS, CONTEXT_STATES)
        return 200, self.store.update(self.store.get("version", version_id), body).as_json()

    def find_version(self, query: Query) -> Answer:
        return self.one(self.found("version", query))

    def list_versions(self, query: Query) -> Answer:
        return self.page(self.store.of_kind("version"), "version", query)

    def list_versions_of(self, model_id: str, query: Query) -> Answer:
        return self.page(self.store.children_of("version", model_id), "version", query)

    # artifacts

    def upsert_artifact_of(self, version_id: str, body: JSON) -> Answer:
        version = self.store.get("version", version_id)
        body = self.checked_artifact(body, str(body.get("artifactType")), OUTPUT_FIELDS | {"name"})
        fields = {name: value for name, value in body.items() if name not in OUTPUT_FIELDS | {"name"}}
        if body.get("id"):
            artifact = self.store.get("artifact", body["id"])
            if artifact.parent != version.id:
                raise ApiError(404, f"no artifact {artifact.id} found for model version {version_id}")
            state = {"state": artifact.fields["state"]} if "state" in artifact.fields else {}
            return 200, self.store.update(artifact, state | fields).as_json()
        name = body.get("name") or str(uuid.uuid4())
        return 201, self.store.create("artifact", name, version.id, fields).as_json()

    def get_artifact(self, artifact_id: str, query: Query) -> Answer:
        return self.one(self.store.get("artifact", artifact_id))

    def update_artifact(self, artifact_id: str, body: JSON) -> Answer:
        artifact = self.store.get("artifact", artifact_id)
        body = self.checked_artifact(body, artifact.fields["artifactType"], set())
        return 200, self.store.update(artifact, body).as_json()

    def checked_artifact(self, body: JSON, artifact_type: str, more_fields: set[str]) -> JSON:
        if artifact_type not in ARTIFACT_FIELDS or body.get("artifactType", artifact_type) != artifact_type:
            raise ApiError(400, f"data failed to match schemas in oneOf(Artifact): artifactType {artifact_type!r}")
        return checked_fields(body, ARTIFACT_FIELDS[artifact_type] | more_fields, ARTIFACT_STATES)

    def find_artifact(self, query: Query) -> Answer:
        return self.one(self.found("artifact", query))

    def list_artifacts(self, query: Query) -> Answer:
        return self.page(self.store.of_kind("artifact"), "artifact", query)

    def list_model_artifacts(self, query: Query) -> Answer:
        """Every model artifact; the server ignores a filter here."""
        query = {**query, "artifactType": "model-artifact", "filterQuery": ""}
        return self.page(self.store.of_kind("artifact"), "artifact", query)

    def list_artifacts_of(self, version_id: str, query: Query) -> Answer:
        return self.page(self.store.children_of("artifact", version_id), "artifact", query)

    # answers

    def found(self, kind: Kind, query: Query) -> Entity:
        return self.store.find(
            kind, query.get("name", ""), query.get("parentResourceId", ""), query.get("externalId", "")
        )

    def one(self, entity: Entity) -> Answer:
        check_readable(entity)
        return 200, entity.as_json()

    def page(self, entities: Iterable[Entity], kind: Kind, query: Query) -> Answer:
        """One page of the entities that pass the filter."""
        if kind == "artifact" and query.get("artifactType"):
            if query["artifactType"] not in ARTIFACT_FIELDS:
                raise ApiError(400, f"invalid artifact type {query['artifactType']}")
            entities = (entity for entity in entities if entity.fields["artifactType"] == query["artifactType"])
        if query.get("filterQuery", "").strip():
            entities = filter(FilterParser(query["filterQuery"], kind, self.store.collation).parse(), entities)
        ordered = sorted(entities, key=order_key(query.get("orderBy", "")))
        if query.get("sortOrder") == "DESC":  # anything else is ascending
            ordered.reverse()
        start, asked = page_start(query.get("nextPageToken", "")), page_size(query.get("pageSize", ""))
        end = start + (asked if asked > 0 else UNLIMITED)
        shown = ordered[start:end]
        for entity in shown:
            check_readable(entity)
        token = base64.b64encode(str(end).encode()).decode() if end < len(ordered) else ""
        items = [entity.as_json() for entity in shown]
        return 200, {"items": items, "nextPageToken": token, "pageSize": asked, "size": len(items)}


def order_key(order_by: str) -> Callable[[Entity], tuple[int, int]]:
    """How a list is sorted: by ID, too, where the server does not know the order that is asked for."""
    name = {"CREATE_TIME": "createTimeSinceEpoch", "LAST_UPDATE_TIME": "lastUpdateTimeSinceEpoch"}.get(order_by)
    return lambda entity: (int(entity.fields[name]) if name else 0, entity.id)


def page_size(text: str) -> int:
    """How many entities a page holds; without a positive number all of them."""
    try:
        return go_int32(text or "0")
    except ValueError as error:
        raise ApiError(400, f"invalid pageSize: {error}") from error


def page_start(token: str) -> int:
    try:
        return int(base64.b64decode(token, validate=True) or b"0")
    except ValueError as error:
        raise ApiError(400, f"invalid nextPageToken: {token}") from error


def parsed_query(raw: str) -> Query:
    """The query's parameters; a raw semicolon, for which Go drops a parameter without a word, is refused."""
    if ";" in raw:
        raise ApiError(400, "invalid semicolon separator in query")
    return {name: values[0] for name, values in parse_qs(raw, keep_blank_values=True).items()}


# ---- HTTP ------------------------------------------------------------------------------------------------------------


@dataclass
class Request:
    """A request as it arrived; `status` is None while it is unanswered, and for ever if the connection was dropped."""

    number: int
    connection: int
    method: str
    path: str
    query: Query
    headers: dict[str, str]
    raw_query: str
    raw_body: bytes
    status: int | None = None

    @property
    def line(self) -> str:
        """What faults are matched with: method, path and query."""
        return f"{self.method} {self.path}" + (f"?{self.raw_query}" if self.raw_query else "")

    @property
    def body(self) -> Any:
        return json.loads(self.raw_body) if self.raw_body else None


Fault = (
    Literal["drop_before", "drop_after", "error_after", "conflict"]
    | int
    | tuple[int, str, bytes]
    | Callable[[Request], None]
)


@dataclass
class Injection:
    """A fault that waits for its request."""

    fault: Fault
    match: re.Pattern[str]
    nth: int | None
    times: int
    headers: dict[str, str]
    fields: JSON

    def meets(self, request: Request) -> bool:
        if self.times == 0 or (self.nth is not None and request.number != self.nth):
            return False
        return self.match.search(request.line) is not None


class DroppedConnection(Exception):
    """The connection is closed without an answer."""


class Handler(BaseHTTPRequestHandler):
    """Reads requests and writes answers; what they mean is LocalRegistry's."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65536
    registry: LocalRegistry
    connection_number: int

    def setup(self) -> None:
        self.connection_number = self.registry.connected(self.request)
        if isinstance(self.request, ssl.SSLSocket):
            self.request.do_handshake()
        super().setup()

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # the client went away: its good right
            super().handle()

    def finish(self) -> None:
        with contextlib.suppress(OSError):
            super().finish()
        self.registry.disconnected(self.request)

    def respond(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            status, answer_headers, answer = self.registry.respond(
                self.connection_number, self.command, parts.path, parts.query, headers, body
            )
        except DroppedConnection:
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in {**answer_headers, "Content-Length": str(len(answer))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do_OPTIONS = do_CONNECT = respond

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: tests read `registry.requests`."""


class Server(ThreadingHTTPServer):
    request_queue_size = 256
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gives up, or refuses the certificate, is no error of the server."""


def encoded_error(status: int, message: str) -> bytes:
    """The JSON in which a server says what is wrong."""
    return json.dumps({"code": str(status), "message": message}).encode()


@dataclass
class LocalRegistry:
    """The registry on a loopback port, as a context manager.

    Args:
        apis: The API versions that it serves; an older server is `("v1alpha3",)`, and answers others as Go does.
        collation: "exact" compares names like PostgreSQL; "folding" like MySQL and MariaDB, where names that differ
            only in case or accents are one name.
        tls: A certificate file and its key file, for https.
        latency: Seconds added to every request.
        require_token: The bearer token without which the answer is 401.
        forbidden: Whether every request is answered with 403.
        prefix: A path in front of `/api`, as an ingress adds.
        port: The port; 0 takes a free one.
        keeps_old_types: Whether a PATCH that changes a property's type keeps the old value, as servers before 0.3.9 do.
    """

    apis: tuple[str, ...] = APIS
    collation: Collation = "exact"
    tls: tuple[str, str] | None = None
    latency: float = 0.0
    require_token: str = ""
    forbidden: bool = False
    prefix: str = ""
    port: int = 0
    keeps_old_types: bool = False
    requests: list[Request] = field(default_factory=list, init=False)
    connections: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.store = Store(self.collation, self.keeps_old_types)
        self.api = Api(self.store)
        self.injections: list[Injection] = []
        self.lock = threading.Lock()
        self.open_sockets: set[socket.socket] = set()
        handler = type("BoundHandler", (Handler,), {"registry": self})
        self.server = Server(("127.0.0.1", self.port), handler)
        self.port = self.server.server_address[1]
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.tls)
            # the handshake belongs to the connection's own thread: a silent client must not block the others
            self.server.socket = context.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False
            )

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}{self.prefix}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.shutdown()
        self.server.server_close()
        with self.lock:
            for connection in self.open_sockets:
                with contextlib.suppress(OSError):  # closed by the client already
                    connection.shutdown(socket.SHUT_RDWR)

    # what tests arrange

    def inject(
        self,
        fault: Fault,
        match: str = "",
        nth: int | None = None,
        times: int = 1,
        headers: dict[str, str] | None = None,
        fields: JSON | None = None,
    ) -> None:
        """Let requests go wrong.

        Args:
            fault: "drop_before" closes the connection before acting, "drop_after" acts and closes it without an answer,
                "error_after" acts and answers 500, a status answers that, in JSON, without acting, "conflict" lets
                somebody else create the same entity first, and a callable is called with the request before it acts.
                A whole answer, (status, content type, body), is given without acting: what a mesh says is
                `(403, "text/plain", b"RBAC: access denied")`, what a database does
                `(500, "application/json", encoded_error(500, "Illegal mix of collations"))`.
            match: A regular expression searched for in "METHOD /path?query".
            nth: The number of the request since the start, counted from 1.
            times: How many requests it hits.
            headers: Headers of the answer, such as Retry-After.
            fields: The JSON fields in which somebody else's entity ("conflict") differs from the one that is sent.
        """
        with self.lock:
            self.injections.append(Injection(fault, re.compile(match), nth, times, headers or {}, fields or {}))

    def add_model(self, name: str, **fields: Any) -> JSON:
        """Preload a registered model; custom properties may be plain values, or typed ones, which are not checked."""
        return self.add("model", name, None, {"state": "LIVE", **fields})

    def add_version(self, model_id: str, name: str, **fields: Any) -> JSON:
        """Preload a model version."""
        fields = {"state": "LIVE", **fields, "registeredModelId": model_id}
        return self.add("version", name, self.store.get("model", model_id).id, fields)

    def add_artifact(self, version_id: str, name: str = "", **fields: Any) -> JSON:
        """Preload an artifact: a model artifact in state LIVE, unless the fields say otherwise."""
        fields = {"state": "LIVE", "artifactType": "model-artifact", **fields}
        return self.add("artifact", name or str(uuid.uuid4()), self.store.get("version", version_id).id, fields)

    def add(self, kind: Kind, name: str, parent: int | None, fields: JSON) -> JSON:
        properties = fields.get("customProperties", {})
        fields = {**fields, "customProperties": {key: metadata_value(value) for key, value in properties.items()}}
        with self.store.lock:
            return self.store.create(kind, name, parent, fields).as_json()

    # what tests read

    def models(self) -> list[JSON]:
        """Every registered model, by ID."""
        with self.store.lock:
            return [entity.as_json() for entity in self.store.of_kind("model")]

    def versions(self, model: JSON | str | None = None) -> list[JSON]:
        """Every model version, or those of one registered model (its JSON or its ID), by ID."""
        return self.children("version", model)

    def artifacts(self, version: JSON | str | None = None) -> list[JSON]:
        """Every artifact, or those of one model version (its JSON or its ID), by ID."""
        return self.children("artifact", version)

    def children(self, kind: Kind, parent: JSON | str | None) -> list[JSON]:
        parent_id = parent["id"] if isinstance(parent, dict) else parent
        with self.store.lock:
            if parent_id is None:
                return [entity.as_json() for entity in self.store.of_kind(kind)]
            return [entity.as_json() for entity in self.store.children.get((kind, int(parent_id)), [])]

    # what happens to a request

    def connected(self, connection: socket.socket) -> int:
        with self.lock:
            self.open_sockets.add(connection)
            self.connections += 1
            return self.connections

    def disconnected(self, connection: socket.socket) -> None:
        with self.lock:
            self.open_sockets.discard(connection)

    def respond(
        self, connection: int, method: str, path: str, raw_query: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        """The answer to a request: status, headers, body."""
        query = {name: values[0] for name, values in parse_qs(raw_query, keep_blank_values=True).items()}
        with self.lock:
            number = len(self.requests) + 1
            request = Request(number, connection, method, path, query, headers, raw_query, body)
            self.requests.append(request)
            injection = next((waiting for waiting in self.injections if waiting.meets(request)), None)
            if injection:
                injection.times -= 1
        if self.latency:
            time.sleep(self.latency)
        request.status, answer_headers, answer = self.acted(request, injection)
        return request.status, answer_headers, answer

    def acted(self, request: Request, injection: Injection | None) -> tuple[int, dict[str, str], bytes]:
        """Act on a request, and let go wrong what was arranged to."""
        more_headers = injection.headers if injection else {}
        fault = injection.fault if injection else None
        if fault == "drop_before":
            raise DroppedConnection
        if isinstance(fault, int):
            fault = (fault, "application/json", encoded_error(fault, "injected: nothing was done"))
        if isinstance(fault, tuple):
            status, content_type, answer = fault
            return status, {"Content-Type": content_type, **more_headers}, answer
        if injection and fault == "conflict":
            self.be_faster(request, injection.fields)
        elif callable(fault):
            fault(request)
        status, content_type, answer = self.answered(request)
        if fault == "drop_after":
            raise DroppedConnection
        if fault == "error_after":
            status, content_type = 500, "application/json"
            answer = encoded_error(500, "injected: what was asked for has been done")
        return status, {"Content-Type": content_type, **more_headers}, answer

    def be_faster(self, request: Request, fields: JSON) -> None:
        """Somebody else creates what a POST is about to create, so that it gets a genuine 409."""
        theirs = {**parsed_body(request.raw_body), **fields}
        api_path = self.api_path(request.path)
        if request.method != "POST" or api_path is None:
            raise ValueError(f"a conflict needs a request that creates something, not {request.line}")
        self.api.answer("POST", api_path, {}, json.dumps(theirs).encode())

    def api_path(self, path: str) -> str | None:
        """The path after the API version, or None where this server serves nothing."""
        for api in self.apis:
            start = f"{self.prefix}/api/model_registry/{api}/"
            if path.startswith(start):
                return path.removeprefix(start)
        return None

    def answered(self, request: Request) -> tuple[int, str, bytes]:
        """What the server answers without any fault: status, content type, body."""
        if self.require_token and request.headers.get("authorization") != f"Bearer {self.require_token}":
            return 401, "application/json", encoded_error(401, "Unauthorized")
        if self.forbidden:
            return 403, "application/json", encoded_error(403, "Forbidden")
        api_path = self.api_path(request.path)
        try:
            if api_path is None:
                raise ApiError(404, "404 page not found")
            query = parsed_query(request.raw_query)
            status, answer = self.api.answer(request.method, api_path, query, request.raw_body)
        except ApiError as error:
            if error.message == "404 page not found":
                return 404, "text/plain; charset=utf-8", b"404 page not found\n"
            return error.status, "application/json; charset=UTF-8", encoded_error(error.status, error.message)
        return status, "application/json; charset=UTF-8", encoded(answer).encode()


def main() -> None:
    """Serve a registry until interrupted."""
    parser = argparse.ArgumentParser(description="A Model Registry in memory, for trying and testing only.")
    parser.add_argument("--port", type=int, default=8080, help="the port on 127.0.0.1 (0: any free one)")
    parser.add_argument(
        "--api",
        action="append",
        choices=APIS,
        help="an API version to serve; may be given more than once (default: all of them)",
    )
    arguments = parser.parse_args()
    with LocalRegistry(port=arguments.port, apis=tuple(arguments.api or APIS)) as registry:
        print(f"Local Model Registry, in memory, for trying and testing only: {registry.url}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print("Stopped; nothing was kept.")


if __name__ == "__main__":
    main()
