"""What tests can arrange in the local registry, and read from it: faults, APIs, rights, others' entities."""

# ruff: noqa: D103

from __future__ import annotations

import json
import socket
import threading
import urllib.error
import urllib.request
import warnings
from typing import Any

import pytest

from . import registering
from .local_registry import LocalRegistry, encoded_error, plain_properties, struct_value
from .plain_http import APIS, Http, integer


def test_an_older_server_answers_v1_in_plain_text() -> None:
    with LocalRegistry(apis=("v1alpha3",)) as registry:
        assert Http(registry.url, "v1").get("registered_models") == (404, "404 page not found\n")
        assert Http(registry.url, "v1alpha3").get("registered_models")[0] == 200


@pytest.mark.parametrize("apis", [("v1",), ("v1alpha3",), APIS])
def test_the_tests_find_the_api_that_a_server_has(apis: tuple[str, ...]) -> None:
    with LocalRegistry(apis=apis) as registry:
        http = Http(registry.url)
        http.artifact(http.version(http.model("m"), "1"), name="a")
        (version,) = registering.versions_of(registry.url, "m")
        assert (version["name"], [artifact["name"] for artifact in version["artifacts"]]) == ("1", ["a"])
        assert http.get("registered_models/999999999")[0] == 404
        with pytest.raises(urllib.error.HTTPError) as unknown:
            registering.call(registry.url, "GET", "/registered_models/999999999")
        assert json.load(unknown.value)["code"] == "404"


def test_a_server_without_the_api_is_told_from_an_unknown_entity() -> None:
    with LocalRegistry(apis=()) as registry:
        assert Http(registry.url).get("registered_models/1") == (404, "404 page not found\n")
        with pytest.raises(AssertionError, match="serves no /registered_models/1"):
            registering.call(registry.url, "GET", "/registered_models/1")


def test_a_token_is_asked_for() -> None:
    with LocalRegistry(require_token="right") as registry:
        assert Http(registry.url).get("registered_models")[0] == 401
        assert Http(registry.url, headers={"Authorization": "Bearer wrong"}).get("registered_models")[0] == 401
        assert Http(registry.url, headers={"Authorization": "Bearer right"}).get("registered_models")[0] == 200
    tokens = [request.headers.get("authorization") for request in registry.requests]
    assert tokens == [None, "Bearer wrong", "Bearer right"]


def test_a_right_can_be_missing() -> None:
    with LocalRegistry(forbidden=True) as registry:
        assert Http(registry.url).get("registered_models")[0] == 403


def test_a_path_prefix_is_part_of_the_address() -> None:
    with LocalRegistry(prefix="/registry") as registry:
        assert registry.url.endswith("/registry")
        assert Http(registry.url).get("registered_models")[0] == 200
        assert Http(registry.url.removesuffix("/registry")).get("registered_models")[0] == 404


@pytest.mark.parametrize(("fault", "left"), [("drop_before", 0), ("drop_after", 1)])
def test_a_connection_can_be_dropped_before_or_after_acting(registry: LocalRegistry, fault: Any, left: int) -> None:
    registry.inject(fault, match="POST")
    with pytest.raises(ConnectionError):
        Http(registry.url).model("m")
    assert len(registry.models()) == left
    assert [request.status for request in registry.requests] == [None]


def test_a_status_can_be_answered_before_or_after_acting(registry: LocalRegistry) -> None:
    http = Http(registry.url)
    registry.inject(503, nth=1, headers={"Retry-After": "7"})
    registry.inject("error_after", nth=2)
    address = f"{registry.url}/api/model_registry/v1/registered_models"
    request = urllib.request.Request(address, data=b'{"name": "m"}')
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    assert (refused.value.code, refused.value.headers["Retry-After"]) == (503, "7")
    assert registry.models() == []
    assert http.call("POST", "registered_models", {"name": "m"})[0] == 500
    assert [model["name"] for model in registry.models()] == ["m"]


def test_an_entity_can_be_unknown_for_a_while(registry: LocalRegistry) -> None:
    http = Http(registry.url)
    registry.inject(404, match="POST")
    status, error = http.call("POST", "registered_models", {"name": "m"})
    assert (status, error["code"]) == (404, "404")
    assert http.call("POST", "registered_models", {"name": "m"})[0] == 201


@pytest.mark.parametrize(
    ("answer", "read"),
    [
        ((403, "text/plain", b"RBAC: access denied"), "RBAC: access denied"),
        (
            (500, "application/json", encoded_error(500, "Illegal mix of collations")),
            {"code": "500", "message": "Illegal mix of collations"},
        ),
    ],
)
def test_an_answer_can_be_somebody_elses_words(registry: LocalRegistry, answer: Any, read: Any) -> None:
    registry.inject(answer, match="POST", headers={"Server": "istio-envoy"})
    assert Http(registry.url).call("POST", "registered_models", {"name": "m"}) == (answer[0], read)
    assert (registry.models(), [request.status for request in registry.requests]) == ([], [answer[0]])


def test_somebody_else_can_be_faster(registry: LocalRegistry) -> None:
    registry.inject("conflict", match="POST .*/registered_models$", fields={"owner": "somebody else"})
    assert Http(registry.url).call("POST", "registered_models", {"name": "m", "owner": "me"})[0] == 409
    assert [model["owner"] for model in registry.models()] == ["somebody else"]


def test_a_hook_runs_before_the_request_acts(registry: LocalRegistry) -> None:
    seen: list[int] = []
    registry.inject(lambda request: seen.append(len(registry.models())), match="POST")
    Http(registry.url).model("m")
    assert seen == [0]


def test_requests_and_connections_are_recorded(registry: LocalRegistry) -> None:
    http = Http(registry.url)
    http.model("m")
    http.get("registered_model", name="m")
    created, found = registry.requests
    assert (created.method, created.body, created.status) == ("POST", {"name": "m"}, 201)
    assert created.headers["content-type"] == "application/json"
    assert (found.path, found.query, found.status) == (
        "/api/model_registry/v1/registered_model",
        {"name": "m"},
        200,
    )
    assert (created.connection, found.connection, registry.connections) == (1, 2, 2)  # urllib keeps none alive


def test_a_kept_connection_counts_once(registry: LocalRegistry) -> None:
    with socket.create_connection(("127.0.0.1", registry.port)) as connection, connection.makefile("rb") as answers:
        for _ in range(2):
            connection.sendall(b"GET /api/model_registry/v1/registered_models HTTP/1.1\r\nHost: x\r\n\r\n")
            assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
            length = next(int(line.split()[1]) for line in answers if line.startswith(b"Content-Length"))
            assert answers.readline() == b"\r\n"
            answers.read(length)
    assert (registry.connections, len(registry.requests)) == (1, 2)


def test_preloaded_values_may_be_those_that_no_client_parses(registry: LocalRegistry) -> None:
    odd: dict[str, Any] = {"big": 1234567890, "struct": struct_value({"a": 1}), "label": ""}
    model = registry.add_model("m", customProperties=odd)
    version = registry.add_version(model["id"], "1")
    registry.add_artifact(version["id"], uri="s3://bucket/model")
    found = Http(registry.url).get(f"registered_models/{model['id']}")[1]
    assert found["customProperties"]["big"] == integer("1234567890")
    assert plain_properties(found) == {"big": 1234567890, "struct": '{"a": 1}', "label": ""}
    assert [item["uri"] for item in registry.artifacts(registry.versions(model)[0])] == ["s3://bucket/model"]


def test_racing_clients_make_one_model(registry: LocalRegistry) -> None:
    statuses: list[int] = []

    def create() -> None:
        statuses.append(Http(registry.url).call("POST", "registered_models", {"name": "m"})[0])

    threads = [threading.Thread(target=create) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [201, *[409] * 15]
    assert len(registry.models()) == 1


def test_the_plain_client_registers_here(registry: LocalRegistry) -> None:
    from model_registry import ModelRegistry

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        client = ModelRegistry("http://127.0.0.1", registry.port, author="me", is_secure=False)
        known = {"version": "1", "model_format_name": "onnx", "model_format_version": "1", "metadata": {"a": 0.5}}
        client.register_model("m", "s3://bucket/model", **known)
        assert client.get_model_version("m", "1").custom_properties == {"a": 0.5}
        assert client.get_model_artifact("m", "1").uri == "s3://bucket/model"
    assert [artifact["state"] for artifact in registry.artifacts()] == ["UNKNOWN"]
