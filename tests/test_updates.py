"""A version that is there gets corrected, whatever goes wrong on the way, and nothing of another run stays."""

# ruff: noqa: D103

from __future__ import annotations

import itertools
from typing import Any

import pytest

from .local_registry import LocalRegistry
from .registering import FAULTS, call, holds_one_of_each, lines, register, values


@pytest.mark.parametrize(("fault", "number"), [*itertools.product(FAULTS, range(1, 7))])
def test_an_update_survives_a_fault_at_every_request(
    registry: LocalRegistry, waits: list[float], fault: Any, number: int
) -> None:
    model = registry.add_model("fine-tuned-model")
    version = registry.add_version(model["id"], "1.0.0", customProperties={"training_old": 1.0, "label": ""})
    registry.add_artifact(version["id"], uri="s3://old/model")
    registry.inject(fault, nth=number)
    for _ in range(2):
        register(registry.url, on_existing_version="update", model_uri="gs://new/model")
        assert holds_one_of_each(registry)
        assert registry.artifacts()[0]["uri"] == "gs://new/model"
        held = values(registry.versions()[0])
        assert held["pipeline_run_id"] == "run-1"
        assert "training_old" not in held
        assert held["label"] == ""
    assert len([line for line in lines(registry) if line.startswith("PATCH")]) >= 2


@pytest.mark.parametrize(
    "what", ["GET .*/model_versions/[0-9]+$", "PATCH .*/model_versions/", "PATCH .*/model_artifacts/"]
)
def test_an_update_outlasts_a_database_that_restarts(registry: LocalRegistry, waits: list[float], what: str) -> None:
    model = registry.add_model("fine-tuned-model")
    registry.add_artifact(registry.add_version(model["id"], "1.0.0")["id"], uri="gs://old/model")
    registry.inject(404, match=what, times=5)
    register(registry.url, on_existing_version="update", model_uri="gs://new/model")
    assert [artifact["uri"] for artifact in registry.artifacts()] == ["gs://new/model"]
    assert values(registry.versions()[0])["pipeline_run_id"] == "run-1"
    assert len(waits) == 5


def test_an_update_leaves_no_key_of_the_store_that_held_the_model_before(registry: LocalRegistry) -> None:
    version = registry.add_version(registry.add_model("fine-tuned-model")["id"], "1.0.0")
    registry.add_artifact(version["id"], uri="s3://old/model", storageKey="connection", storagePath="old/model")
    register(registry.url, on_existing_version="update", model_uri="gs://new/model")
    (artifact,) = registry.artifacts()
    assert artifact["uri"] == "gs://new/model"
    assert not artifact.get("storageKey")
    assert not artifact.get("storagePath")


def test_a_rerun_keeps_a_key_that_somebody_added_for_the_same_location(registry: LocalRegistry) -> None:
    register(registry.url)
    path = f"/model_artifacts/{registry.artifacts()[0]['id']}"
    call(registry.url, "PATCH", path, {"artifactType": "model-artifact", "storageKey": "connection", "state": "LIVE"})
    register(registry.url, model_format_version="2")
    (artifact,) = registry.artifacts()
    assert (artifact["storageKey"], artifact["modelFormatVersion"]) == ("connection", "2")


def test_an_update_changes_every_model_artifact_as_kserve_and_the_ui_take_different_ones(
    registry: LocalRegistry,
) -> None:
    model = registry.add_model("fine-tuned-model")
    version = registry.add_version(model["id"], "1.0.0", customProperties={"base_model": "old"})
    for number in range(11):
        registry.add_artifact(version["id"], uri=f"gs://old/{number}")
    register(registry.url, on_existing_version="update", model_uri="gs://new/model")
    assert {artifact["uri"] for artifact in registry.artifacts()} == {"gs://new/model"}
    assert "base_model" not in values(registry.versions()[0])


@pytest.mark.parametrize("policy", ["fail", "update"])
def test_an_own_version_with_somebodys_newer_artifact_is_not_called_registered(
    registry: LocalRegistry, policy: str
) -> None:
    register(registry.url)
    registry.add_artifact(registry.versions()[0]["id"], uri="gs://theirs/model")
    if policy == "fail":
        with pytest.raises(RuntimeError, match=r"exists.*gs://theirs/model"):
            register(registry.url)
    else:
        register(registry.url, on_existing_version="update")
        uris = {artifact["uri"] for artifact in registry.artifacts()}
        assert uris == {"s3://models/digits?endpoint=http://minio:9000&defaultRegion=eu"}


def test_a_retry_of_an_update_that_died_between_two_artifacts_updates_both(registry: LocalRegistry) -> None:
    model = registry.add_model("fine-tuned-model")
    version = registry.add_version(model["id"], "1.0.0")
    for number in range(2):
        registry.add_artifact(version["id"], uri=f"gs://old/{number}")
    registry.inject(400, match="PATCH .*/model_artifacts/2")
    with pytest.raises(RuntimeError, match="status 400"):
        register(registry.url, on_existing_version="update", model_uri="gs://new/model")
    register(registry.url, on_existing_version="update", model_uri="gs://new/model")
    assert {artifact["uri"] for artifact in registry.artifacts()} == {"gs://new/model"}


@pytest.mark.parametrize("their_run", ["run-0", ""])
@pytest.mark.parametrize("run_id", ["run-1", ""])
def test_a_retry_of_an_update_that_died_half_way_keeps_nothing_of_the_other_run(
    registry: LocalRegistry, run_id: str, their_run: str
) -> None:
    register(registry.url, model_uri="gs://old/model", source_pipeline_run_id=their_run)
    ours = {"source_pipeline_run_id": run_id, "source_pipeline_run_name": "", "source_pipeline_name": ""}
    registry.inject(400, match="PATCH .*/model_versions/")
    with pytest.raises(RuntimeError, match="status 400"):
        register(registry.url, on_existing_version="update", model_uri="gs://new/model", **ours)
    register(registry.url, on_existing_version="update", model_uri="gs://new/model", **ours)
    (version,), (artifact,) = registry.versions(), registry.artifacts()
    known = {"pipeline_run_id": run_id} if run_id else {}
    assert values(version) == {**known, "pipeline_namespace": "team-a"}
    assert (artifact.get("modelSourceId", ""), artifact.get("modelSourceName", "")) == (run_id, "")


def test_an_update_whose_answer_stays_lost_is_not_called_undone(registry: LocalRegistry, waits: list[float]) -> None:
    register(registry.url)
    registry.inject("error_after", match="PATCH .*/model_versions/", times=100)
    with pytest.raises(ConnectionError, match=r"the update of .* was done is not known"):
        register(registry.url, model_description="Changed.")


def test_an_update_whose_answer_was_lost_before_it_was_refused_is_not_called_undone(
    registry: LocalRegistry, waits: list[float]
) -> None:
    register(registry.url)
    registry.inject("error_after", match="PATCH .*/model_versions/")
    registry.inject(403, match="PATCH .*/model_versions/")
    with pytest.raises(PermissionError, match=r"the update of .* was done is not known"):
        register(registry.url, model_description="Changed.")


def test_an_update_that_is_refused_is_not_said_to_be_perhaps_done(registry: LocalRegistry) -> None:
    register(registry.url)
    registry.inject(403, match="PATCH", times=100)
    with pytest.raises(PermissionError, match=r"\(ID 2\); the rest is not\. Next: "):
        register(registry.url, model_description="Changed.")


@pytest.mark.parametrize("body", [b"<html>login</html>", b'{"customProp'])
def test_an_update_that_is_answered_by_somebody_else_is_not_called_done(registry: LocalRegistry, body: bytes) -> None:
    register(registry.url, custom_properties={"q": 1.0})
    registry.inject((200, "text/html", body), match="PATCH .*/model_versions/")
    with pytest.raises(ConnectionError, match=r"no Model Registry JSON .* the update of .* was done is not known"):
        register(registry.url, custom_properties={"q": 2.0})
    register(registry.url, custom_properties={"q": 2.0})
    assert values(registry.versions()[0])["q"] == 2.0


def test_an_update_that_is_answered_by_nothing_is_sent_again(registry: LocalRegistry, waits: list[float]) -> None:
    register(registry.url)
    registry.inject((200, "application/json", b""), match="PATCH .*/model_versions/")
    register(registry.url, model_description="Changed.")
    assert registry.versions()[0]["description"] == "Changed."
    assert len(waits) == 1


@pytest.mark.parametrize("policy", ["update", "increment"])
def test_a_known_model_is_touched_as_it_was_found_where_a_version_of_it_was_written(
    registry: LocalRegistry, policy: str
) -> None:
    model = registry.add_model("fine-tuned-model", description="theirs", customProperties={"note": "theirs"})
    register(registry.url, source_pipeline_run_id="run-0", model_uri="gs://old/model")
    for _ in range(2):
        before = registry.models()[0]["lastUpdateTimeSinceEpoch"], len(registry.requests)
        register(registry.url, on_existing_version=policy)
        (now,) = registry.models()
        touched = [request for request in registry.requests[before[1] :] if "/registered_models/" in request.path]
        assert [request.body for request in touched if request.method == "PATCH"] == [{"state": "LIVE"}] * (_ == 0)
        assert {**now, "lastUpdateTimeSinceEpoch": ""} == {**model, "lastUpdateTimeSinceEpoch": ""}


def test_what_was_only_looked_at_is_not_touched(registry: LocalRegistry) -> None:
    register(registry.url)
    register(registry.url)
    register(registry.url, on_existing_version="skip", model_uri="gs://other/model")
    assert "PATCH" not in {request.method for request in registry.requests}


@pytest.mark.parametrize("fault", ["drop_before", 403, 503])
def test_a_touch_that_fails_is_a_remark_and_waits_for_nothing(
    registry: LocalRegistry, waits: list[float], fault: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    register(registry.url)
    registry.inject(fault, match="PATCH .*/registered_models/", times=100)
    assert register(registry.url, model_version="2.0.0") == "1"
    assert "INFO: The model keeps its place in the registry's list (" in capsys.readouterr().out
    assert not waits
