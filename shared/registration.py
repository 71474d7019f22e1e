"""What is about to be written, whole before the first request, as the API takes it; it sends nothing."""

import base64
import re
from dataclasses import dataclass, replace
from typing import Any

from .properties import Properties
from .provenance import RUN_PROPERTIES, Run, model_source, run_properties, traced

JSON = dict[str, Any]

# Replaced as a set, so that no metric of an older run stays behind.
OWN_NAMES = re.compile(r"training_|eval_|pipeline_|(?:base_model|best_metric|best_score)$")
# semver.org 2.0, perhaps with a `v`.
SEMANTIC_VERSION = re.compile(
    r"(v?(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)\.)(0|[1-9][0-9]*)(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?"
)


@dataclass(frozen=True)
class ModelCard:
    """What the caller says of the model, checked; all but the two names without secrets.

    Attributes:
        model_name: The registered model's name.
        version_name: The version's name.
        description: The version's description, and the model's if it is created here.
        author: The version's author, and the model's owner if it is created here.
        format_name: The artifact's format, such as "pytorch".
        format_version: The version of that format.
    """

    model_name: str
    version_name: str
    description: str
    author: str
    format_name: str
    format_version: str


@dataclass(frozen=True)
class Registration:
    """A version and its artifact as they shall be.

    Attributes:
        card: Names, description, author and format.
        uri: Where the model is.
        run: The run that made it.
        properties: All of the version's properties that are ours to write, the run's among them.
    """

    card: ModelCard
    uri: str
    run: Run
    properties: Properties

    @property
    def run_id(self) -> str:
        """The run's ID as it is stored, which may differ from the one given; "" if unknown."""
        return str(self.properties.get("pipeline_run_id", ""))

    def model_body(self) -> JSON:
        """The registered model, as it is created: with the labels and the type that the UI shows of a model."""
        card = self.card
        shown = {name: typed(value) for name, value in self.properties.items() if value == "" or name == "model_type"}
        return given(
            name=card.model_name,
            description=card.description,
            owner=card.author,
            state="LIVE",
            customProperties=shown,
        )

    def version_body(self, name: str, model_id: str) -> JSON:
        """The version, as it is created."""
        return given(name=name, registeredModelId=model_id, state="LIVE", **self.version_fields({}))

    def version_fields(self, version: JSON) -> JSON:
        """The version's fields as they shall be, merged with what it says.

        Args:
            version: The version as the server shows it, {} for a new one.

        Returns:
            All fields that are ours to write; what the caller left empty is not among them.
        """
        texts = given(description=self.card.description, author=self.card.author)
        return texts | {"customProperties": merged_properties(version.get("customProperties") or {}, self.properties)}

    def artifact_body(self) -> JSON:
        """The artifact, as it is created; the server stores "<version ID>:<name>" in 255 characters."""
        return given(name=self.card.model_name[:244], state="LIVE", **self.artifact_fields())

    def artifact_fields(self) -> JSON:
        """The artifact's fields as they shall be."""
        return {
            "artifactType": "model-artifact",
            "uri": self.uri,
            "modelFormatName": self.card.format_name,
            "modelFormatVersion": self.card.format_version,
            **model_source(self.run),
        }

    def with_facts_of(self, version: JSON, artifact: JSON) -> "Registration":
        """Keep what our own version knows of the run and this try does not, such as its name.

        Args:
            version: A version that this run may have made.
            artifact: Its artifact; if it names another run than the version does, nothing is taken over.

        Returns:
            This registration, with the run completed.
        """
        known = text_property(version, "pipeline_run_id")
        if not known or self.run_id not in ("", known) or artifact.get("modelSourceId", known) != known:
            return self
        run = traced(self.run, Run(*(text_property(version, name) for name in RUN_PROPERTIES)))
        return replace(self, run=run, properties=run_properties(run, {}) | self.properties)


def given(**fields: Any) -> JSON:
    """Leave out empty fields: the server would store an empty text as one."""
    return {name: value for name, value in fields.items() if value}


def text_property(entity: JSON, name: str) -> str:
    """Read a text property of an entity, "" if it has none."""
    return str((entity.get("customProperties") or {}).get(name, {}).get("string_value", ""))


def typed(value: float | str) -> JSON:
    """Write a value as the API does."""
    kind = "String" if isinstance(value, str) else "Double"
    return {"metadataType": f"Metadata{kind}Value", f"{kind.lower()}_value": value}


def merged_properties(present: JSON, properties: Properties) -> JSON:
    """Merge our properties into a version's, since a PATCH replaces the whole map (measured).

    What a registration writes (OWN_NAMES) is replaced as a set, what people added stays. Names that differ only in case
    are one, as MySQL has it.
    """
    replaced = {name.lower() for name in properties}
    others = {n: value for n, value in present.items() if n.lower() not in replaced and not OWN_NAMES.match(n)}
    return others | {name: typed(value) for name, value in properties.items()}


def writable(properties: JSON) -> JSON:
    """Write others' structs in base64, as the server takes them, not as it shows them (measured)."""
    return {
        name: value | {"struct_value": base64.b64encode(value["struct_value"].encode()).decode()}
        if "struct_value" in value
        else value
        for name, value in properties.items()
    }


def semantic_version(name: str) -> tuple[str, int] | None:
    """Split a semantic version before its patch.

    Args:
        name: A version's name, such as "v1.2.3-rc.1".

    Returns:
        What stands before the patch, and the patch: ("v1.2.", 3). None if it is no semantic version.
    """
    match = SEMANTIC_VERSION.fullmatch(name)
    return (match[1], int(match[2])) if match else None
