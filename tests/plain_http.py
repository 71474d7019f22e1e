"""A plain HTTP client that knows nothing of the component: what a server says itself, to the status and the byte.

The tests with `registry_promise` talk through it alone: `MODEL_REGISTRY_URL=http://… pytest -m registry` runs them on a
real server.
"""

# ruff: noqa: D102, D103, D107

from __future__ import annotations

import json
import urllib.request
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote

import pytest

APIS = ("v1", "v1alpha3")
registry_promise = pytest.mark.registry


def is_api_missing(error: HTTPError) -> bool:
    """Whether a server says that it has no such address: in plain text, where an unknown entity is a 404 in JSON."""
    return error.code == 404 and "json" not in error.headers.get("Content-Type", "")


class Http:
    """A plain HTTP client of one registry; paths are those below the API version, which the first answer decides."""

    def __init__(self, url: str, api: str = "", headers: dict[str, str] | None = None) -> None:
        self.url = url
        self.apis = [api] if api else list(APIS)
        self.headers = headers or {}

    def call(self, method: str, path: str, body: Any = None, raw: bytes | None = None) -> tuple[int, Any]:
        status, text, is_json = self.exchange(method, path, json.dumps(body).encode() if body is not None else raw)
        return status, json.loads(text) if is_json else text.decode()

    def exchange(self, method: str, path: str, data: bytes | None = None) -> tuple[int, bytes, bool]:
        """Status, body and whether it is JSON."""
        headers = {"Content-Type": "application/json", **self.headers}
        address = f"{self.url}/api/model_registry/{self.apis[0]}/{path}"
        request = urllib.request.Request(address, data=data, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request) as answer:
                self.apis = self.apis[:1]
                return answer.status, answer.read(), True
        except HTTPError as error:
            if is_api_missing(error) and len(self.apis) > 1:
                self.apis = self.apis[1:]
                return self.exchange(method, path, data)
            return error.code, error.read(), "json" in error.headers.get("Content-Type", "")

    def get(self, path: str, **query: str) -> tuple[int, Any]:
        return self.call("GET", path + "?" + "&".join(f"{name}={quote(value)}" for name, value in query.items()))

    def text(self, path: str) -> str:
        """What the server writes, to the byte."""
        status, text, _ = self.exchange("GET", path)
        assert status == 200, text
        return text.decode()

    def items(self, path: str, filter_query: str) -> list[str]:
        status, answer = self.get(path, filterQuery=filter_query)
        assert status == 200, answer
        return [item["name"] for item in answer["items"]]

    def created(self, path: str, **body: Any) -> Any:
        status, answer = self.call("POST", path, body)
        assert status == 201, answer
        return answer

    def model(self, name: str, **fields: Any) -> Any:
        return self.created("registered_models", name=name, **fields)

    def version(self, model: Any, name: str, **fields: Any) -> Any:
        return self.created("model_versions", name=name, registeredModelId=model["id"], **fields)

    def artifact(self, version: Any, **fields: Any) -> Any:
        body = {"artifactType": "model-artifact", "uri": "s3://bucket/model", **fields}
        return self.created(f"model_versions/{version['id']}/artifacts", **body)

    def finds(self, version: Any, condition: str) -> bool:
        """Whether a filter of its model's versions finds a version."""
        return version["name"] in self.items(f"registered_models/{version['registeredModelId']}/versions", condition)


def double(value: float) -> dict[str, Any]:
    return {"metadataType": "MetadataDoubleValue", "double_value": value}


def string(value: str) -> dict[str, Any]:
    return {"metadataType": "MetadataStringValue", "string_value": value}


def integer(value: str) -> dict[str, Any]:
    return {"metadataType": "MetadataIntValue", "int_value": value}
