"""What the API's schema says: which fields an entity has, which states and limits, and that a refusal has a status."""

# ruff: noqa: D107

from __future__ import annotations

from typing import Any, Literal

JSON = dict[str, Any]
Kind = Literal["model", "version", "artifact"]

APIS = ("v1", "v1alpha3")
NAME_LIMIT = 255
URI_LIMIT = 2600

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
