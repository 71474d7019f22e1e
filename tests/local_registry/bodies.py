"""What clients send: which JSON the server takes, and what it makes of it."""

# ruff: noqa: D103

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from .entities import is_struct
from .schema import JSON, PROPERTY_FIELDS, ApiError

LONE_SURROGATE = re.compile("[\ud800-\udfff]")


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
