"""What is about to be written, whole before the first request, as the API takes it; it sends nothing."""

import base64
import re
from dataclasses import dataclass, replace
from typing import Any

from .properties import Properties
from .provenance import RUN_PROPERTIES, Run, model_source, run_properties, traced

JSON = dict[str, Any]

# Replaced as a set, so that no metric of an older run stays behind.
OWN_NAMES = re.compile(r"training_|eval_|pipeline_|base_model$")
# semver.org 2.0, perhaps with a `v`.
SEMANTIC_VERSION = re.compile(
    r"(v?(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)\.)(0|[1-9][0-9]*)(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?"
)


@dataclass(frozen=True)
class ModelCard:
    """What the caller says of the model."""

    model_name: str
    version_name: str
    description: str
    author: str
    format_name: str
    format_version: str


@dataclass(frozen=True)
class Registration:
    """A version and its artifact as they shall be; the properties hold the run's."""

    card: ModelCard
    uri: str
    run: Run
    properties: Properties

    @property
    def run_id(self) -> str:
        """The run's ID as stored."""
        return str(self.properties.get("pipeline_run_id", ""))

    def model_body(self) -> JSON:
        """The model, as created."""
        card = self.card
        return given(name=card.model_name, description=card.description, owner=card.author, state="LIVE")

    def version_body(self, name: str, model_id: str) -> JSON:
        """The version, as created."""
        return given(name=name, registeredModelId=model_id, state="LIVE", **self.version_fields({}))

    def version_fields(self, version: JSON) -> JSON:
        """The version's fields, merged with what it says."""
        return {
            "description": self.card.description or version.get("description", ""),
            "author": self.card.author or version.get("author", ""),
            "customProperties": merged_properties(version.get("customProperties") or {}, self.properties),
        }

    def artifact_body(self) -> JSON:
        """The artifact, as created; "<version ID>:<name>" has 255 characters."""
        return given(name=self.card.model_name[:244], state="LIVE", **self.artifact_fields())

    def artifact_fields(self) -> JSON:
        """The artifact's fields."""
        return {
            "artifactType": "model-artifact",
            "uri": self.uri,
            "modelFormatName": self.card.format_name,
            "modelFormatVersion": self.card.format_version,
            **model_source(self.run),
        }

    def with_facts_of(self, version: JSON, artifact: JSON) -> "Registration":
        """Keep what our own version knows of the run."""
        known = text_property(version, "pipeline_run_id")
        if not known or self.run_id not in ("", known) or artifact.get("modelSourceId", known) != known:
            return self
        run = traced(self.run, Run(*(text_property(version, name) for name in RUN_PROPERTIES)))
        return replace(self, run=run, properties=run_properties(run, "") | self.properties)


def given(**fields: Any) -> JSON:
    """Leave out empty fields."""
    return {name: value for name, value in fields.items() if value}


def text_property(entity: JSON, name: str) -> str:
    """Read a text property, or ""."""
    value = (entity.get("customProperties") or {}).get(name)
    return str(value.get("string_value") or "") if isinstance(value, dict) else ""


def typed(value: float | str) -> JSON:
    """Write a value as the API does."""
    if isinstance(value, str):
        return {"metadataType": "MetadataStringValue", "string_value": value}
    return {"metadataType": "MetadataDoubleValue", "double_value": value}


def merged_properties(present: JSON, properties: Properties) -> JSON:
    """Merge into a version's properties, as a PATCH replaces all (measured)."""
    replaced = {name.lower() for name in properties}
    kept = {
        name: value for name, value in present.items() if name.lower() not in replaced and not OWN_NAMES.match(name)
    }
    return kept | {name: typed(value) for name, value in properties.items()}


def without_retyped(present: JSON, properties: JSON) -> JSON:
    """Leave out the properties whose type changes, as from "N/A" to 0.7.

    Servers before 0.3.9 keep such a value unless it was gone in between (their source, internal/db/service).
    """
    types = {name: value.get("metadataType") for name, value in present.items() if isinstance(value, dict)}
    return {name: value for name, value in properties.items() if types.get(name) in (None, value.get("metadataType"))}


def writable_properties(properties: JSON) -> JSON:
    """Write people's structs as the server takes them, not as it shows them."""
    written = dict(properties)
    for name, value in properties.items():
        text = value.get("struct_value") if isinstance(value, dict) else None
        if isinstance(text, str) and text.startswith("{"):
            written[name] = {**value, "struct_value": base64.b64encode(text.encode()).decode()}
    return written


def semantic_version(name: str) -> tuple[str, int] | None:
    """Split a semantic version before its patch."""
    match = SEMANTIC_VERSION.fullmatch(name)
    return (match[1], int(match[2])) if match else None
