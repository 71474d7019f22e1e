"""The registry in memory as a server: who may ask, what a test arranges and reads, and which fault meets a request."""

# ruff: noqa: D102, D105

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs

from .api import Api, parsed_query
from .bodies import parsed_body
from .collations import Collation
from .entities import metadata_value
from .faults import Fault, Injection, Request, encoded_error
from .go_numbers import encoded
from .schema import APIS, JSON, ApiError, Kind
from .store import MapOrder, Store
from .wire import DroppedConnection, Reply, Server


@dataclass
class LocalRegistry:
    """The registry on a loopback port, as a context manager.

    Args:
        apis: The API versions that it serves; an older server is `("v1alpha3",)`, and answers others as Go does.
        collation: How names are compared: "exact" like PostgreSQL, "folding" like MySQL and "general" like MariaDB; for
            both of these, names that differ only in case or accents are one name.
        map_order: In which order a request's properties are stored, which decides what is kept of two names that the
            database takes for one; a real server has no order.
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
    map_order: MapOrder = "as sent"
    requests: list[Request] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self.store = Store(self.collation, self.keeps_old_types, self.map_order)
        self.api = Api(self.store)
        self.injections: list[Injection] = []
        self.lock = threading.Lock()
        self.server = Server(self.port, self.tls, self.respond)
        self.port = self.server.server_port

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}{self.prefix}"

    @property
    def connections(self) -> int:
        """How many connections there have been."""
        return self.server.connections

    def __enter__(self) -> Self:
        self.server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.stop()

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

    def respond(
        self, connection: int, method: str, path: str, raw_query: str, headers: dict[str, str], body: bytes
    ) -> Reply:
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

    def acted(self, request: Request, injection: Injection | None) -> Reply:
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
