"""What one stored entity is: its fields, its custom properties, and how the server gives them out."""

# ruff: noqa: D102

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from .collations import Collation, collated
from .schema import INTEGER_FIELDS, JSON, PROPERTY_FIELDS, ApiError, Kind

STRUCT_PREFIX = "mlmd-struct::"
HIDDEN_PROPERTIES = ("experiment_id", "experiment_run_id")  # stored, and never given out (measured)


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
        stored = self.fields["customProperties"].items()
        properties = {name: shown_value(value) for name, value in stored if name not in HIDDEN_PROPERTIES}
        return {"id": str(self.id), "name": self.name, **self.fields, "customProperties": properties}

    def field_value(self, name: str) -> Any:
        """What a filter compares of the entity's own fields."""
        if name in ("id", "name"):
            return float(self.id) if name == "id" else self.stored_name
        value = self.fields.get(name)
        return float(value) if value is not None and name in INTEGER_FIELDS else value

    def property_value(self, name: str, column: str, collation: Collation) -> Any:
        """What a filter compares of the custom properties: one of the asked type."""
        wanted = collated(name, collation)
        found = (value for key, value in self.fields["customProperties"].items() if collated(key, collation) == wanted)
        stored = next(found, None)
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
    """Whether a text is JSON in base64, as clients send a struct."""
    try:
        json.loads(base64.b64decode(text, validate=True))
    except (ValueError, binascii.Error):
        return False
    return True


def check_readable(entity: Entity, status: int = 400) -> None:
    """A text that begins as the server's own structs do, which are binary, makes what holds it unreadable for ever."""
    for name, stored in entity.fields["customProperties"].items():
        if str(stored.get("string_value", "")).startswith(STRUCT_PREFIX):
            raise ApiError(status, f"error setting field CustomProperties: cannot parse the struct {name}")
