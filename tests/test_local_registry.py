"""What the component relies on in a Model Registry server, and what the tests rely on in the local one.

The tests marked `registry` talk HTTP only: `MODEL_REGISTRY_URL=http://… pytest -m registry` runs them on a real server.
"""

# ruff: noqa: D102, D103, D107

from __future__ import annotations

import json
import random
import re
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
import uuid
import warnings
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from . import local_registry, registering
from .local_registry import LocalRegistry, encoded_error, go_double, plain_properties, struct_value
from .registering import APIS, is_api_missing

hypothesis = pytest.importorskip("hypothesis")
given, st = hypothesis.given, hypothesis.strategies

registry_promise = pytest.mark.registry


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
        except urllib.error.HTTPError as error:
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


@pytest.fixture
def http(registry_url: str) -> Http:
    return Http(registry_url)


@pytest.fixture
def name() -> str:
    """A name that no earlier run has used; `-` and no `_`, `%` or backslash."""
    return f"test-{uuid.uuid4().hex}"


def double(value: float) -> dict[str, Any]:
    return {"metadataType": "MetadataDoubleValue", "double_value": value}


def string(value: str) -> dict[str, Any]:
    return {"metadataType": "MetadataStringValue", "string_value": value}


def integer(value: str) -> dict[str, Any]:
    return {"metadataType": "MetadataIntValue", "int_value": value}


# ---- creating --------------------------------------------------------------------------------------------------------


@registry_promise
def test_what_was_created_reads_back(http: Http, name: str) -> None:
    model = http.model(name, description="about", owner="me", customProperties={"loss": double(0.25)})
    status, found = http.get(f"registered_models/{model['id']}")
    assert status == 200
    assert {key: found[key] for key in ("name", "description", "owner", "state")} == {
        "name": name,
        "description": "about",
        "owner": "me",
        "state": "LIVE",
    }
    assert found["customProperties"] == {"loss": double(0.25)}
    assert int(found["createTimeSinceEpoch"]) <= int(found["lastUpdateTimeSinceEpoch"])


@registry_promise
def test_a_second_model_of_the_same_name_is_a_conflict(http: Http, name: str) -> None:
    http.model(name)
    status, error = http.call("POST", "registered_models", {"name": name})
    assert status == 409
    assert set(error) == {"code", "message"}


@registry_promise
def test_version_names_are_unique_within_their_model_only(http: Http, name: str) -> None:
    model, other = http.model(name), http.model(name + "-other")
    http.version(model, "1.0.0")
    status, _ = http.call("POST", "model_versions", {"name": "1.0.0", "registeredModelId": model["id"]})
    assert status == 409
    assert http.version(other, "1.0.0")["registeredModelId"] == other["id"]


@registry_promise
def test_artifact_names_are_unique_within_version_and_type(http: Http, name: str) -> None:
    version = http.version(http.model(name), "1")
    http.artifact(version, name=name)
    path = f"model_versions/{version['id']}/artifacts"
    assert http.call("POST", path, {"artifactType": "model-artifact", "name": name, "uri": "x"})[0] == 409
    assert http.artifact(version, name=name, artifactType="doc-artifact")["artifactType"] == "doc-artifact"


@registry_promise
@pytest.mark.parametrize(
    ("path", "body"),
    [("registered_models", {}), ("model_versions", {"name": "1"}), ("model_versions", {"registeredModelId": "1"})],
)
def test_a_missing_required_field_is_422(http: Http, path: str, body: dict[str, str]) -> None:
    assert http.call("POST", path, body)[0] == 422


@registry_promise
@pytest.mark.parametrize(
    "more",
    [
        '"customProperties": {"x": {"metadataType": "MetadataDoubleValue", "double_value": NaN}}',
        '"customProperties": {"x": {"metadataType": "MetadataDoubleValue", "double_value": 1e999}}',
        '"customProperties": {"x": {"metadataType": "MetadataIntValue", "int_value": "2147483648"}}',
        '"customProperties": {"x": {"metadataType": "MetadataNoValue"}}',
        '"state": "SLEEPING"',
        '"colour": "red"',
        '"description": 1',
        '"owner": "me',
    ],
    ids=["nan", "infinite", "33 bits", "no type", "no state", "no field", "no string", "no JSON"],
)
def test_what_the_server_cannot_read_is_400(http: Http, name: str, more: str) -> None:
    status, _ = http.call("POST", "registered_models", raw=f'{{"name": "{name}", {more}}}'.encode())
    assert status == 400
    assert http.items("registered_models", f"name = '{name}'") == []


@registry_promise
@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("26.0", "26"),
        ("26", "26"),
        ("-0.5", "-0.5"),
        ("0.3333333333333333", "0.3333333333333333"),
        ("3.3333333333333335e17", "333333333333333400"),
        ("1234567890.125e8", "123456789012500000"),
        ("1e20", "100000000000000000000"),
        ("1e21", "1e+21"),
        ("1.5e300", "1.5e+300"),
        ("0.000001", "0.000001"),
        ("0.0000001", "1e-7"),
        ("1.25e-10", "1.25e-10"),
    ],
)
def test_doubles_come_back_as_go_prints_them(http: Http, name: str, sent: str, shown: str) -> None:
    loss = f'{{"metadataType": "MetadataDoubleValue", "double_value": {sent}}}'
    body = f'{{"name": "{name}", "customProperties": {{"loss": {loss}}}}}'
    status, model = http.call("POST", "registered_models", raw=body.encode())
    assert status == 201
    assert re.findall(r'"double_value": ?([^,}]+)', http.text(f"registered_models/{model['id']}")) == [shown]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_digits_of_a_double_are_the_double(value: float) -> None:
    assert float(go_double(value)) == value
    assert not re.search(r"\.0*$|e[+-]0", go_double(value))


@registry_promise
def test_a_version_of_a_model_that_does_not_exist_is_kept_all_the_same(http: Http, name: str) -> None:
    nowhere = str(random.randrange(2**30, 2**31))
    first = http.version({"id": nowhere}, name)
    second = http.created(f"registered_models/{nowhere}/versions", name=name + "-2", registeredModelId=nowhere)
    listed = http.get(f"registered_models/{nowhere}/versions", orderBy="ID")[1]["items"]
    assert [item["id"] for item in listed] == [first["id"], second["id"]]
    assert {item["registeredModelId"] for item in listed} == {nowhere}


@registry_promise
def test_a_state_of_null_is_no_state(http: Http, name: str) -> None:
    model = http.model(name, state=None)
    version = http.version(model, "1", state=None)
    artifact = http.artifact(version, state=None)
    assert [entity for entity in (model, version, artifact) if "state" in entity] == []
    assert "state" not in http.get(f"registered_models/{model['id']}")[1]


def test_a_patch_with_a_state_of_null_keeps_the_state(registry: LocalRegistry) -> None:
    model = registry.add_model("m", state="ARCHIVED")
    _, changed = Http(registry.url).call("PATCH", f"registered_models/{model['id']}", {"state": None, "owner": "me"})
    assert (changed["state"], changed["owner"]) == ("ARCHIVED", "me")


@registry_promise
def test_an_artifact_needs_a_type(http: Http, name: str) -> None:
    path = f"model_versions/{http.version(http.model(name), '1')['id']}/artifacts"
    assert http.call("POST", path, {"uri": "s3://bucket/model"})[0] == 400


@registry_promise
def test_a_property_is_the_value_that_its_type_names(http: Http, name: str) -> None:
    both = {**double(0.5), "string_value": "half"}
    assert http.model(name, customProperties={"x": both})["customProperties"] == {"x": double(0.5)}


@registry_promise
def test_half_a_surrogate_pair_becomes_the_replacement_character(http: Http, name: str) -> None:
    status, model = http.call("POST", "registered_models", raw=rf'{{"name": "{name}\ud800\ud83d\ude00"}}'.encode())
    assert (status, model["name"]) == (201, f"{name}\N{REPLACEMENT CHARACTER}\N{GRINNING FACE}")


@registry_promise
@pytest.mark.parametrize(
    "fields", [{"name": "n" * 256}, {"customProperties": {"p" * 256: string("x")}}], ids=["name", "property"]
)
def test_names_over_255_characters_are_a_500(http: Http, name: str, fields: dict[str, Any]) -> None:
    assert http.call("POST", "registered_models", {"name": name, **fields})[0] == 500


@registry_promise
def test_a_versions_name_is_stored_with_its_models_id_in_front(http: Http, name: str) -> None:
    model = http.model(name)
    room = 255 - len(model["id"]) - 1
    assert http.version(model, "é" * room)["name"] == "é" * room
    body = {"name": "e" * (room + 1), "registeredModelId": model["id"]}
    assert http.call("POST", "model_versions", body)[0] == 500


def test_a_nul_character_is_400(registry: LocalRegistry) -> None:
    assert Http(registry.url).call("POST", "registered_models", {"name": "a\0b"})[0] == 400


def test_a_uri_over_2600_bytes_is_a_500(registry: LocalRegistry) -> None:
    version = registry.add_version(registry.add_model("m")["id"], "1")
    path, artifact = f"model_versions/{version['id']}/artifacts", {"artifactType": "model-artifact"}
    assert Http(registry.url).call("POST", path, {**artifact, "uri": "s3://" + "é" * 1298})[0] == 500
    assert Http(registry.url).call("POST", path, {**artifact, "uri": "s3://" + "é" * 1297})[0] == 201


def test_a_string_that_poses_as_a_struct_makes_every_list_unreadable(registry: LocalRegistry) -> None:
    http = Http(registry.url)
    model = http.model("m", customProperties={"x": string("mlmd-struct::oops")})
    assert http.get(f"registered_models/{model['id']}")[0] == 400
    assert http.get("registered_models")[0] == 400


# ---- finding ---------------------------------------------------------------------------------------------------------


@registry_promise
def test_an_unknown_id_is_a_404_in_json(http: Http) -> None:
    for path in ("registered_models", "model_versions", "model_artifacts"):
        status, error = http.get(f"{path}/999999999")
        assert (status, set(error)) == (404, {"code", "message"})


@registry_promise
def test_an_id_is_what_go_reads_as_a_number(http: Http, name: str) -> None:
    model = http.model(name)
    assert http.get(f"registered_models/%2B{model['id']}")[1]["name"] == name
    status, error = http.get("registered_models/-1")
    assert (status, set(error)) == (404, {"code", "message"})
    assert http.get("registered_models/one")[0] == 400
    assert http.get("model_version", name="1", parentResourceId="abc")[0] == 400


@registry_promise
def test_a_look_up_by_name_does_not_look_at_the_external_id(http: Http, name: str) -> None:
    model = http.model(name)
    http.model(name + "-other", externalId=name)
    assert http.get("registered_model", name=name, externalId=name)[1]["id"] == model["id"]


@registry_promise
def test_the_look_up_by_name_is_an_sql_like(http: Http, name: str) -> None:
    model = http.model(name + "-a")
    assert http.get("registered_model", name=name + "_a")[1]["id"] == model["id"]
    http.model(name + "+a")
    status, error = http.get("registered_model", name=name + "_a")
    assert status == 404
    assert "multiple" in error["message"]


@registry_promise
def test_the_look_up_by_name_never_finds_a_backslash(http: Http, name: str) -> None:
    http.model(name + r"\a")
    assert http.get("registered_model", name=name + r"\a")[0] == 404


@registry_promise
@pytest.mark.parametrize(
    ("tail", "literal"),
    [
        ("_a", "_a"),
        ("%a", "%a"),
        (r"\a", r"\\a"),
        ("'a", r"\'a"),
        ('"a', '"a'),
        (" or", " or"),
        ("é日", "é日"),
        ("a;b&c+d", "a;b&c+d"),
        ("a: b", "a: b"),
    ],
)
def test_a_filter_finds_a_model_by_its_exact_name(http: Http, name: str, tail: str, literal: str) -> None:
    http.model(name + tail)
    http.model(name + "-a")
    assert http.items("registered_models", f"name = '{name}{literal}'") == [name + tail]


def test_a_filter_of_an_older_server_cannot_find_a_name_that_ends_in_a_quote(registry: LocalRegistry) -> None:
    http = Http(registry.url)
    registry.add_model("name'")
    assert http.items("registered_models", r"name = 'name\''") == []
    assert http.items("registered_models", "name LIKE 'name_'") == ["name'"]


@registry_promise
def test_a_filter_by_a_versions_name_is_a_like_of_the_end_of_its_stored_name(http: Http, name: str) -> None:
    model = http.model(name)
    for version in ("1-0", "1_0", "x:1_0", "1_0.1"):
        http.version(model, version)
    path = f"registered_models/{model['id']}/versions"
    assert http.items(path, "name = '1-0'") == ["1-0"]
    assert http.items(path, "name = '1_0'") == ["1-0", "1_0", "x:1_0"]
    assert http.items(path, r"name = '1\\_0'") == ["1_0", "x:1_0"]
    assert http.items(path, "name LIKE '1_0%'") == ["1-0", "1_0", "x:1_0", "1_0.1"]


@registry_promise
@pytest.mark.parametrize(
    ("condition", "finds"),
    [
        ("eval_acc > 0.7", True),
        ("eval_acc > 0.75", False),
        ("eval_acc >= 0.75", True),
        ("eval_acc = 0.75 AND base = 'toy'", True),
        ("eval_acc < 0.7 OR base = 'toy'", True),
        ("base = 'other'", False),
        ("base LIKE 't_y'", True),
        ("as_text > 0.7", False),
        ("missing > 0.7", False),
    ],
)
def test_a_filter_compares_properties_of_its_values_type(http: Http, name: str, condition: str, finds: bool) -> None:
    properties = {"eval_acc": double(0.75), "base": string("toy"), "as_text": string("0.9")}
    model = http.model(name)
    http.version(model, "1", customProperties=properties)
    assert http.items(f"registered_models/{model['id']}/versions", condition) == (["1"] if finds else [])


@registry_promise
@pytest.mark.parametrize(
    ("condition", "finds"),
    [
        ("count > 4", True),
        ("count > 4.5", False),
        ("count.int_value > 4", True),
        ("count.double_value > 4", False),
        ("loss > 0.4", True),
        ("customProperties.count > 1", False),
        ("base IN ('toy', 'other')", True),
        ("base IN ('other')", False),
        ("base IN ()", False),
    ],
)
def test_a_filter_looks_at_the_values_of_one_type(http: Http, name: str, condition: str, finds: bool) -> None:
    properties = {"count": integer("5"), "loss": double(0.5), "base": string("toy")}
    version = http.version(http.model(name), "1", customProperties=properties)
    assert http.finds(version, condition) is finds


@registry_promise
def test_a_whole_number_in_a_filter_is_compared_with_ints_and_doubles(http: Http, name: str) -> None:
    version = http.version(http.model(name), "1", customProperties={"samples": double(1500.0), "rank": integer("7")})
    assert http.finds(version, "samples > 1000 AND rank = 7")
    assert http.finds(version, "samples > 1000.0")
    assert not http.finds(version, "samples.int_value > 1000")


@registry_promise
def test_a_filter_finds_one_of_several_names(http: Http, name: str) -> None:
    for tail in "abc":
        http.model(f"{name}-{tail}")
    assert http.items("registered_models", f"name IN ('{name}-a', '{name}-c')") == [f"{name}-a", f"{name}-c"]


@pytest.mark.parametrize(
    "query",
    [
        *("name > 5", "name = 1", "id = 'one'", "id LIKE '1'"),
        *("n.string_value = 1", "n.double_value = true", "n.int_value = 'x'", "n IN (1)"),
    ],
)
def test_postgresql_does_not_compare_what_is_of_another_type(registry: LocalRegistry, query: str) -> None:
    status, error = Http(registry.url).get("registered_models", filterQuery=query)
    assert (status, "type mismatch" in error["message"]) == (400, True)


def test_mysql_compares_it_and_finds_nothing() -> None:
    with LocalRegistry(collation="folding") as registry:
        registry.add_model("m")
        assert Http(registry.url).items("registered_models", "name > 5") == []


@registry_promise
def test_the_list_of_model_artifacts_ignores_a_filter(http: Http, name: str) -> None:
    artifact = http.artifact(http.version(http.model(name), "1"), name=name)
    found = http.get("model_artifacts", filterQuery="name = 'no such name'", orderBy="ID", sortOrder="DESC")[1]["items"]
    assert artifact["id"] in [item["id"] for item in found]


@registry_promise
def test_a_filter_does_not_know_the_type_of_an_artifact(http: Http, name: str) -> None:
    version = http.version(http.model(name), "1")
    http.artifact(version, name=name)
    path = f"model_versions/{version['id']}/artifacts"
    assert http.items(path, "artifactType = 'model-artifact'") == []
    assert [item["name"] for item in http.get(path, artifactType="model-artifact")[1]["items"]] == [name]


@registry_promise
def test_an_unknown_type_of_artifact_is_400(http: Http, name: str) -> None:
    version = http.version(http.model(name), "1")
    for path in ("artifacts", f"model_versions/{version['id']}/artifacts"):
        assert http.get(path, artifactType="bogus")[0] == 400


@registry_promise
@pytest.mark.parametrize(
    "query",
    [
        *("name = 'open", "name = ", "name", "= 'x'", "name = 'x' AND", "name = 'x' 'y'"),
        *("name like 'x'", "name = 'x' and name = 'x'", "name in ('x')", "name IN ('x'"),
    ],
)
def test_a_filter_with_a_syntax_error_is_400(http: Http, query: str) -> None:
    assert http.get("registered_models", filterQuery=query)[0] == 400


def test_a_raw_semicolon_in_a_query_is_refused(registry: LocalRegistry) -> None:
    assert Http(registry.url).call("GET", "registered_models?filterQuery=name%20=%20'a;b'")[0] == 400


@registry_promise
def test_lists_come_in_pages_and_in_the_asked_order(http: Http, name: str) -> None:
    model = http.model(name)
    for version in ("a", "b", "c"):
        http.version(model, version)
    path = f"registered_models/{model['id']}/versions"
    status, first = http.get(path, pageSize="2", orderBy="ID", sortOrder="DESC")
    assert [item["name"] for item in first["items"]] == ["c", "b"]
    assert (status, first["size"], first["pageSize"]) == (200, 2, 2)
    _, second = http.get(path, pageSize="2", orderBy="ID", sortOrder="DESC", nextPageToken=first["nextPageToken"])
    assert [item["name"] for item in second["items"]] == ["a"]
    assert second["nextPageToken"] == ""


@registry_promise
def test_an_order_that_the_server_does_not_know_is_that_of_the_ids(http: Http, name: str) -> None:
    model = http.model(name)
    for version in ("b", "a"):
        http.version(model, version)
    path = f"registered_models/{model['id']}/versions"
    for query in ({"orderBy": "NAME"}, {"orderBy": "ID", "sortOrder": "UP"}, {"orderBy": "ID", "pageSize": "-1"}):
        status, answer = http.get(path, **query)
        assert (status, [item["name"] for item in answer["items"]]) == (200, ["b", "a"])


@registry_promise
def test_options_is_no_method_here(http: Http) -> None:
    assert http.call("OPTIONS", "registered_models")[0] == 405


# ---- changing --------------------------------------------------------------------------------------------------------


@registry_promise
def test_patch_replaces_the_property_map_and_keeps_absent_fields(http: Http, name: str) -> None:
    version = http.version(http.model(name), "1", author="me", customProperties={"a": double(1), "note": string("x")})
    path = f"model_versions/{version['id']}"
    status, changed = http.call("PATCH", path, {"state": "LIVE", "customProperties": {"b": double(2)}})
    assert (status, changed["customProperties"], changed["author"]) == (200, {"b": double(2)}, "me")
    _, changed = http.call("PATCH", path, {"state": "LIVE", "description": "new"})
    assert (changed["customProperties"], changed["description"]) == ({"b": double(2)}, "new")


@registry_promise
def test_patch_without_a_state_turns_archived_into_live(http: Http, name: str) -> None:
    version = http.version(http.model(name), "1", state="ARCHIVED")
    path = f"model_versions/{version['id']}"
    _, kept = http.call("PATCH", path, {"state": "ARCHIVED", "description": "kept"})
    assert kept["state"] == "ARCHIVED"
    _, revived = http.call("PATCH", path, {"description": "revived"})
    assert revived["state"] == "LIVE"


@registry_promise
def test_an_artifact_without_a_state_is_not_live(http: Http, name: str) -> None:
    version = http.version(http.model(name), "1")
    assert http.artifact(version).get("state", "UNKNOWN") == "UNKNOWN"  # newer servers leave it out
    assert http.artifact(version, state="LIVE")["state"] == "LIVE"


@registry_promise
def test_a_struct_is_sent_in_base64(http: Http, name: str) -> None:
    version = http.version(http.model(name), "1", customProperties={"tree": struct_value({"a": 1})})
    path = f"model_versions/{version['id']}"
    raw = {"metadataType": "MetadataStructValue", "struct_value": '{"a": 1}'}
    assert http.call("PATCH", path, {"state": "LIVE", "customProperties": {"tree": raw}})[0] == 400
    assert http.call("PATCH", path, {"state": "LIVE", "customProperties": {"tree": struct_value({"a": 2})}})[0] == 200
    assert "2" in http.get(path)[1]["customProperties"]["tree"]["struct_value"]


@registry_promise
def test_a_patch_without_the_properties_fails_where_one_is_a_struct(http: Http, name: str) -> None:
    version = http.version(http.model(name), "1", customProperties={"tree": struct_value({"a": 1})})
    assert http.call("PATCH", f"model_versions/{version['id']}", {"state": "LIVE", "description": "x"})[0] == 400


@registry_promise
def test_what_lies_in_an_unknown_parent_is_nothing(http: Http) -> None:
    for path in ("registered_models/999999999/versions", "model_versions/999999999/artifacts"):
        status, answer = http.get(path)
        assert (status, answer["items"], answer["pageSize"]) == (200, [], 0)


OF_OTHER_TYPES = {"a": double(0.5), "b": string("x"), "c": double(4)}


def retyped(http: Http) -> tuple[str, Any]:
    """The path of a version whose properties a PATCH has given other types, and the properties then."""
    before = {"a": string("N/A"), "b": double(1), "c": integer("3")}
    path = f"model_versions/{http.version(http.model('m'), '1', customProperties=before)['id']}"
    status, changed = http.call("PATCH", path, {"state": "LIVE", "customProperties": OF_OTHER_TYPES})
    assert status == 200
    return path, changed["customProperties"]


def test_a_property_can_change_its_type(registry: LocalRegistry) -> None:
    assert retyped(Http(registry.url))[1] == OF_OTHER_TYPES


def test_on_an_older_server_a_property_keeps_the_value_of_its_old_type_until_it_is_removed() -> None:
    with LocalRegistry(keeps_old_types=True) as registry:
        http = Http(registry.url)
        path, properties = retyped(http)
        assert properties == {"a": string("N/A"), "b": string("x"), "c": integer("3")}
        http.call("PATCH", path, {"state": "LIVE", "customProperties": {"d": double(1)}})
        _, changed = http.call("PATCH", path, {"state": "LIVE", "customProperties": OF_OTHER_TYPES})
        assert changed["customProperties"] == OF_OTHER_TYPES


@registry_promise
def test_posting_an_artifact_with_an_id_updates_it(http: Http, name: str) -> None:
    version = http.version(http.model(name), "1")
    first, second = http.artifact(version, state="LIVE"), http.artifact(version, state="LIVE")
    path = f"model_versions/{version['id']}/artifacts"
    body = {"artifactType": "model-artifact", "id": first["id"], "uri": "s3://bucket/new", "state": "LIVE"}
    status, updated = http.call("POST", path, body)
    assert (status, updated["id"], updated["name"]) == (200, first["id"], first["name"])
    items = http.get(path)[1]["items"]
    assert [(item["id"], item["uri"]) for item in items] == [
        (first["id"], "s3://bucket/new"),
        (second["id"], second["uri"]),
    ]


# ---- what the local registry can pretend -----------------------------------------------------------------------------


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


def test_a_folding_database_takes_names_in_any_case_and_accents_for_one() -> None:
    with LocalRegistry(collation="folding") as registry:
        http = Http(registry.url)
        http.model("Resumé")
        assert http.call("POST", "registered_models", {"name": "resume"})[0] == 409
        assert http.items("registered_models", "name = 'RESUME'") == ["Resumé"]
        assert http.get("registered_model", name="resum_")[1]["name"] == "Resumé"
        model = http.model("m", customProperties={"Loss": double(1), "loss": double(2)})
        assert len(model["customProperties"]) == 1


def test_an_exact_database_keeps_them_apart(registry: LocalRegistry) -> None:
    http = Http(registry.url)
    for spelling in ("Resumé", "resumé", "resume"):
        http.model(spelling)
    assert http.items("registered_models", "name = 'resumé'") == ["resumé"]


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


def test_the_script_says_where_and_what_it_is() -> None:
    command = [sys.executable, str(Path(local_registry.__file__).parent), "--port", "0", "--api", "v1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        url = line.rsplit(" ", 1)[1]
        assert "testing only" in line
        assert Http(url).get("registered_models")[0] == 200
        assert Http(url, "v1alpha3").get("registered_models")[0] == 404
        process.terminate()
