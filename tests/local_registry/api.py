"""The REST API below `/api/model_registry/<version>/`: what a request does and what it answers."""

# ruff: noqa: D102, D103, D107

from __future__ import annotations

import base64
import re
import sys
import uuid
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

from .bodies import check_required, checked_fields, parsed_body
from .entities import Entity, check_readable
from .filter_query import FilterParser
from .go_numbers import go_int32
from .schema import (
    ARTIFACT_FIELDS,
    ARTIFACT_STATES,
    CONTEXT_STATES,
    JSON,
    MODEL_FIELDS,
    OUTPUT_FIELDS,
    VERSION_FIELDS,
    ApiError,
    Kind,
)
from .store import Store, checked_id

UNLIMITED = sys.maxsize  # a list without a page size holds everything
Query = dict[str, str]
Answer = tuple[int, JSON]


class Api:
    """The REST API's routes, and what each does with a store."""

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
            arguments: list[Any] = [*match.groups(), query if method == "GET" else parsed_body(body)]
            with self.store.lock:
                return methods[method](*arguments)
        raise ApiError(404, "404 page not found")

    # registered models

    def create_model(self, body: JSON) -> Answer:
        body = checked_fields(body, MODEL_FIELDS | {"name"}, CONTEXT_STATES)
        check_required(body, ["name"])
        return self.one(self.store.create("model", body.pop("name"), None, {"state": "LIVE", **body}), 201)

    def get_model(self, model_id: str, query: Query) -> Answer:
        return self.one(self.get("model", model_id))

    def update_model(self, model_id: str, body: JSON) -> Answer:
        body = checked_fields(body, MODEL_FIELDS, CONTEXT_STATES)
        return self.one(self.store.update(self.get("model", model_id), body))

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
        return self.one(self.store.create("version", fields.pop("name"), model_id, fields), 201)

    def create_version_of(self, model_id: str, body: JSON) -> Answer:
        body = {name: value for name, value in body.items() if name not in OUTPUT_FIELDS}
        check_required(body, ["name", "registeredModelId"])
        return self.create_version({**body, "registeredModelId": model_id})

    def get_version(self, version_id: str, query: Query) -> Answer:
        return self.one(self.get("version", version_id))

    def update_version(self, version_id: str, body: JSON) -> Answer:
        body = checked_fields(body, VERSION_FIELDS, CONTEXT_STATES)
        return self.one(self.store.update(self.get("version", version_id), body))

    def find_version(self, query: Query) -> Answer:
        return self.one(self.found("version", query))

    def list_versions(self, query: Query) -> Answer:
        return self.page(self.store.of_kind("version"), "version", query)

    def list_versions_of(self, model_id: str, query: Query) -> Answer:
        return self.page(self.store.children_of("version", model_id), "version", query)

    # artifacts

    def upsert_artifact_of(self, version_id: str, body: JSON) -> Answer:
        version = self.get("version", version_id)
        body = self.checked_artifact(body, str(body.get("artifactType")), OUTPUT_FIELDS | {"name"})
        fields = {name: value for name, value in body.items() if name not in OUTPUT_FIELDS | {"name"}}
        if body.get("id"):
            artifact = self.get("artifact", body["id"])
            if artifact.parent != version.id:
                raise ApiError(404, f"no artifact {artifact.id} found for model version {version_id}")
            state = {"state": artifact.fields["state"]} if "state" in artifact.fields else {}
            return self.one(self.store.update(artifact, state | fields))
        name = body.get("name") or str(uuid.uuid4())
        return self.one(self.store.create("artifact", name, version.id, fields), 201)

    def get_artifact(self, artifact_id: str, query: Query) -> Answer:
        return self.one(self.get("artifact", artifact_id))

    def update_artifact(self, artifact_id: str, body: JSON) -> Answer:
        artifact = self.get("artifact", artifact_id)
        body = self.checked_artifact(body, artifact.fields["artifactType"], set())
        return self.one(self.store.update(artifact, body))

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

    def get(self, kind: Kind, entity_id: str) -> Entity:
        entity = self.store.get(kind, entity_id)
        check_readable(entity, 500 if kind == "model" else 400)  # (measured)
        return entity

    def found(self, kind: Kind, query: Query) -> Entity:
        name, parent, external_id = (query.get(key, "") for key in ("name", "parentResourceId", "externalId"))
        entity = self.store.find(kind, name, parent, external_id)
        check_readable(entity)
        return entity

    def one(self, entity: Entity, status: int = 200) -> Answer:
        """One entity; what cannot be read has been written all the same."""
        check_readable(entity, 500 if entity.kind == "model" else 400)
        return status, entity.as_json()

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
