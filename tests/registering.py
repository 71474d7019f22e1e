"""How tests register a model and read, over HTTP alone, what the registry then holds: it works against any server."""

from __future__ import annotations

import json
import uuid
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

import pytest

from .local_registry import LocalRegistry
from .plain_http import APIS, is_api_missing
from .subject import model_registry

pytest.importorskip("mr_openapi", reason="needs model-registry")


JSON = dict[str, Any]
FAULTS = ("drop_before", "drop_after", "error_after", 500, 502, 503, 504, 429)  # what any request can meet


def register(url: str, **arguments: Any) -> str:
    """Call the component's function as a pipeline step does that knows where its model is and which run it belongs to.

    Args:
        url: The registry's address.
        arguments: What differs from the defaults here.

    Returns:
        What the component returns.
    """
    known = {
        "pvc_mount_path": "",
        "registry_address": url,
        "model_uri": "s3://models/digits?endpoint=http://minio:9000&defaultRegion=eu",
        "source_pipeline_name": "train",
        "source_pipeline_run_id": "run-1",
        "source_pipeline_run_name": "train on Monday",
        "source_namespace": "team-a",
    }
    return model_registry.python_func(**(known | arguments))


def fresh_name(base: str = "model") -> str:
    """A name that no registry holds yet."""
    return f"{base}-{uuid.uuid4().hex[:12]}"


def call(url: str, method: str, path: str, body: JSON | None = None, query: dict[str, str] | None = None) -> JSON:
    """Make one request to the API version that the server has, and return its JSON."""
    content = None if body is None else json.dumps(body).encode()
    for api in APIS:
        address = f"{url}/api/model_registry/{api}{path}?{urlencode(query or {}, quote_via=quote)}"
        request = Request(address, content, {"Content-Type": "application/json"}, method=method)
        try:
            with urlopen(request) as answer:
                return json.load(answer)
        except HTTPError as error:
            if not is_api_missing(error):
                raise
    raise AssertionError(f"{url} serves no {path}")


def models_named(url: str, name: str) -> list[JSON]:
    """The registered models of exactly this name."""
    items: list[JSON] = []
    token: dict[str, str] = {}
    while True:
        page = call(url, "GET", "/registered_models", query={"pageSize": "500", **token})
        items += [item for item in page["items"] if item["name"] == name]
        if not page.get("nextPageToken"):
            return items
        token = {"nextPageToken": page["nextPageToken"]}


def versions_of(url: str, name: str) -> list[JSON]:
    """The versions of the one model of this name, oldest first, each with its `artifacts`."""
    (model,) = models_named(url, name)
    versions = call(url, "GET", f"/registered_models/{model['id']}/versions", query={"pageSize": "500"})["items"]
    for version in versions:
        version["artifacts"] = call(url, "GET", f"/model_versions/{version['id']}/artifacts")["items"]
    return sorted(versions, key=lambda version: int(version["id"]))


def values(version: JSON) -> dict[str, Any]:
    """A version's custom properties as plain values."""
    return {
        name: next(value for key, value in typed.items() if key != "metadataType")
        for name, typed in version.get("customProperties", {}).items()
    }


def add_version(url: str, name: str, version: str = "1.0.0", uri: str = "s3://theirs/model", **fields: Any) -> JSON:
    """Somebody else registers a version, with the model if it is not there and an artifact if there is a URI."""
    models = models_named(url, name) or [call(url, "POST", "/registered_models", {"name": name})]
    body = {"name": version, "registeredModelId": models[0]["id"], **fields}
    added = call(url, "POST", f"/registered_models/{models[0]['id']}/versions", body)
    if uri:
        add_artifact(url, added, name="theirs", uri=uri, state="LIVE")
    return added


def add_artifact(url: str, version: JSON, **fields: Any) -> None:
    """Somebody else gives a version an artifact: a model artifact, unless the fields say otherwise."""
    call(url, "POST", f"/model_versions/{version['id']}/artifacts", {"artifactType": "model-artifact", **fields})


def text(value: str) -> JSON:
    """A text property as the API has it."""
    return {"metadataType": "MetadataStringValue", "string_value": value}


def holds_one_of_each(registry: LocalRegistry) -> bool:
    """Whether a local registry holds one model, one version and one artifact."""
    return (len(registry.models()), len(registry.versions()), len(registry.artifacts())) == (1, 1, 1)


def lines(registry: LocalRegistry) -> list[str]:
    """The requests that a local registry got, as `METHOD version/path`."""
    return [f"{request.method} {request.path.removeprefix('/api/model_registry/')}" for request in registry.requests]
