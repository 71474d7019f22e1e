"""What a Model Registry server takes, stores and refuses when something is created."""

# ruff: noqa: D103

from __future__ import annotations

import random
import re
from typing import Any

import pytest

from .local_registry import LocalRegistry, go_double
from .plain_http import Http, double, registry_promise, string

hypothesis = pytest.importorskip("hypothesis")
given, st = hypothesis.given, hypothesis.strategies


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


@pytest.mark.parametrize(
    "text", ["mlmd-struct::oops", "mlmd-struct::eyJhIjogMX0="], ids=["no struct", "JSON in base64"]
)
def test_a_string_that_poses_as_a_struct_is_kept_and_makes_every_list_unreadable(
    registry: LocalRegistry, text: str
) -> None:
    http, body = Http(registry.url), {"name": "1", "customProperties": {"x": string(text)}}
    model = http.model("m")
    path = f"registered_models/{model['id']}/versions"
    assert http.call("POST", path, {**body, "registeredModelId": model["id"]})[0] == 400
    (version,) = registry.versions()
    for unreadable in (path, f"model_versions/{version['id']}"):
        assert http.get(unreadable)[0] == 400
    assert http.call("PATCH", f"model_versions/{version['id']}", {"customProperties": {}})[0] == 400
    assert http.call("POST", "registered_models", body)[0] == 500
    assert http.get(f"registered_models/{registry.models()[-1]['id']}")[0] == 500
    assert http.get("registered_models")[0] == 400


@registry_promise
@pytest.mark.parametrize("hidden", ["experiment_id", "experiment_run_id"])
def test_two_properties_names_are_never_given_out(http: Http, name: str, hidden: str) -> None:
    version = http.version(http.model(name), "1", customProperties={hidden: string("x"), "loss": double(1)})
    assert version["customProperties"] == {"loss": double(1)}


@registry_promise
def test_an_external_id_is_taken_once_by_models_and_versions_and_once_by_artifacts(http: Http, name: str) -> None:
    model = http.model(name, externalId=name)
    taken = {"externalId": name}
    assert http.call("POST", "registered_models", {"name": name + "-2", **taken})[0] == 409
    assert http.call("POST", "model_versions", {"name": "1", "registeredModelId": model["id"], **taken})[0] == 409
    version = http.version(model, "1")
    http.artifact(version, **taken)
    path = f"model_versions/{version['id']}/artifacts"
    assert http.call("POST", path, {"artifactType": "doc-artifact", "uri": "x", **taken})[0] == 409


def test_an_empty_external_id_is_taken_once_too(registry: LocalRegistry) -> None:
    http = Http(registry.url)
    http.model("a", externalId="")
    assert http.call("POST", "registered_models", {"name": "b", "externalId": ""})[0] == 409
