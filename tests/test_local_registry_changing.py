"""What a Model Registry server makes of a PATCH, or of a POST of what it has already."""

# ruff: noqa: D103

from __future__ import annotations

from typing import Any

from .local_registry import LocalRegistry, struct_value
from .plain_http import Http, double, integer, registry_promise, string


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


@registry_promise
def test_a_patch_to_an_external_id_that_is_taken_is_a_conflict(http: Http, name: str) -> None:
    model, other = http.model(name, externalId=name), http.model(name + "-2")
    version = http.version(other, "1")
    first, second = http.artifact(version, externalId=name), http.artifact(version)
    for path in (f"registered_models/{other['id']}", f"model_versions/{version['id']}"):
        assert http.call("PATCH", path, {"state": "LIVE", "externalId": name})[0] == 409
    for artifact, status in ((first, 200), (second, 409)):
        body = {"artifactType": "model-artifact", "externalId": name}
        assert http.call("PATCH", f"artifacts/{artifact['id']}", body)[0] == status
    assert http.call("PATCH", f"registered_models/{model['id']}", {"externalId": name})[0] == 200
    http.call("PATCH", f"registered_models/{model['id']}", {"externalId": name + "-new"})
    assert http.call("PATCH", f"registered_models/{other['id']}", {"externalId": name})[0] == 200
