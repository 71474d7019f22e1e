"""Many steps at once: each version, each model and each update ends up as one step's own."""

# ruff: noqa: D103

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from .local_registry import LocalRegistry, Request
from .registering import call, holds_one_of_each, lines, register, text, values
from .subject import registration

semantic_version = registration.semantic_version


@pytest.mark.parametrize("number", [2, 3, 4])
def test_a_twin_that_was_faster_is_joined(registry: LocalRegistry, number: int) -> None:
    registry.inject("conflict", nth=number)
    assert register(registry.url) == "1"
    assert holds_one_of_each(registry)
    assert register(registry.url) == "1"
    assert holds_one_of_each(registry)


def test_somebody_elses_version_that_came_first_is_not_taken(registry: LocalRegistry) -> None:
    theirs = {"customProperties": {"pipeline_run_id": text("run-0")}}
    registry.inject("conflict", match="POST .*/versions", fields=theirs)
    with pytest.raises(RuntimeError, match="registered by run 'run-0'"):
        register(registry.url)
    assert values(registry.versions()[0]) == {"pipeline_run_id": "run-0"}
    assert registry.artifacts() == []


def test_the_artifact_decides_a_race_for_a_version_that_no_run_claims(registry: LocalRegistry) -> None:
    registry.inject("conflict", match="POST .*/artifacts", fields={"uri": "gs://theirs/model"})
    register(registry.url, source_pipeline_run_id="", model_uri="gs://ours/model", on_existing_version="increment")
    held = [(version["name"], [a["uri"] for a in registry.artifacts(version)]) for version in registry.versions()]
    assert held == [("1.0.0", ["gs://theirs/model"]), ("1.0.1", ["gs://ours/model"])]


def at_once(calls: list[Callable[[], str]]) -> Iterator[str]:
    with ThreadPoolExecutor(len(calls)) as pool:
        return iter([future.result() for future in [pool.submit(one) for one in calls]])


def test_64_versions_of_one_new_model_at_once(registry: LocalRegistry) -> None:
    def step(number: int) -> Callable[[], str]:
        run = f"run-{number}"
        return lambda: register(
            registry.url, model_version=f"1.{number}.0", source_pipeline_run_id=run, model_uri=f"gs://bucket/{run}"
        )

    assert set(at_once([step(number) for number in range(64)])) == {registry.models()[0]["id"]}
    assert len(registry.models()) == 1
    assert {version["name"] for version in registry.versions()} == {f"1.{number}.0" for number in range(64)}
    uris = [[artifact["uri"] for artifact in registry.artifacts(version)] for version in registry.versions()]
    assert sorted(itertools.chain(*uris)) == sorted(f"gs://bucket/run-{number}" for number in range(64))
    assert {len(of_version) for of_version in uris} == {1}


@pytest.mark.parametrize("has_run", [True, False])
def test_writers_that_increment_at_once_get_a_version_each(registry: LocalRegistry, has_run: bool) -> None:
    def step(number: int) -> Callable[[], str]:
        run = f"run-{number}" if has_run else ""
        return lambda: register(
            registry.url,
            source_pipeline_run_id=run,
            model_uri=f"gs://bucket/{number}",
            on_existing_version="increment",
        )

    steps = [step(number) for number in range(12)]
    for _ in range(2):
        assert set(at_once(steps)) == {"1"}
        # Who loses a race looks at the list again instead of counting up: 64 that counted made 1,848 POSTs (measured).
        assert len([line for line in lines(registry) if line.startswith("POST")]) < 12 * 12
        assert sorted(version["name"] for version in registry.versions()) == sorted(f"1.0.{n}" for n in range(12))
        owners = {}
        for version in registry.versions():
            (artifact,) = registry.artifacts(version)
            owners[artifact["uri"]] = values(version).get("pipeline_run_id", "")
        assert owners == {f"gs://bucket/{n}": f"run-{n}" if has_run else "" for n in range(12)}


def test_increment_waits_a_while_and_moves_on_when_the_next_patch_is_taken_meanwhile(
    registry: LocalRegistry, waits: list[float]
) -> None:
    model = registry.add_model("fine-tuned-model")
    registry.add_artifact(registry.add_version(model["id"], "1.0.0")["id"], uri="gs://theirs/model")
    theirs = {"customProperties": {"pipeline_run_id": text("run-0")}}
    registry.inject("conflict", match="POST .*/versions", nth=6, fields=theirs)
    register(registry.url, on_existing_version="increment")
    assert [version["name"] for version in registry.versions()] == ["1.0.0", "1.0.1", "1.0.2"]
    assert len(registry.artifacts(registry.versions()[2])) == 1
    assert len(waits) == 1


def test_a_half_made_version_that_another_step_completes_meanwhile_is_left_to_it(registry: LocalRegistry) -> None:
    model = registry.add_model("fine-tuned-model")
    registry.add_artifact(registry.add_version(model["id"], "1.0.0")["id"], uri="gs://theirs/a")
    registry.add_version(model["id"], "1.0.1", customProperties={"pipeline_run_id": "run-1"})
    registry.inject("conflict", match="POST .*/artifacts", fields={"uri": "gs://theirs/b"})
    register(registry.url, model_uri="gs://ours/model", on_existing_version="increment")
    held = [(version["name"], [a["uri"] for a in registry.artifacts(version)]) for version in registry.versions()]
    assert held == [("1.0.0", ["gs://theirs/a"]), ("1.0.1", ["gs://theirs/b"]), ("1.0.2", ["gs://ours/model"])]


@pytest.mark.parametrize("run_id", ["run-1", ""])
def test_a_retry_that_increments_leaves_another_steps_half_made_version_alone(
    registry: LocalRegistry, run_id: str
) -> None:
    model = registry.add_model("fine-tuned-model")
    registry.add_artifact(registry.add_version(model["id"], "1.0.0")["id"], uri="gs://theirs/model")

    def step(name: str) -> None:
        uri = f"gs://ours/{name}"
        register(registry.url, model_uri=uri, source_pipeline_run_id=run_id, on_existing_version="increment")

    step("a")
    registry.inject(lambda request: step("a"), match="POST .*/artifacts")
    step("b")
    held = [(version["name"], [a["uri"] for a in registry.artifacts(version)]) for version in registry.versions()]
    assert held == [("1.0.0", ["gs://theirs/model"]), ("1.0.1", ["gs://ours/a"]), ("1.0.2", ["gs://ours/b"])]


def test_a_retry_takes_its_whole_version_rather_than_a_half_made_one(registry: LocalRegistry) -> None:
    model = registry.add_model("fine-tuned-model")
    registry.add_artifact(registry.add_version(model["id"], "1.0.0")["id"], uri="gs://theirs/model")
    half, whole = (
        registry.add_version(model["id"], name, customProperties={"pipeline_run_id": "run-1"})
        for name in ("1.0.1", "1.0.2")
    )
    registry.add_artifact(whole["id"], uri="gs://ours/model")
    register(registry.url, model_uri="gs://ours/model", on_existing_version="increment")
    assert len(registry.versions()) == 3
    assert registry.artifacts(half) == []


def test_a_retry_finds_the_version_that_it_took_beside_a_pre_release_of_the_same_number(
    registry: LocalRegistry,
) -> None:
    model = registry.add_model("fine-tuned-model")
    registry.add_artifact(registry.add_version(model["id"], "1.0.0")["id"], uri="gs://theirs/model")
    register(registry.url, on_existing_version="increment")
    registry.add_version(model["id"], "1.0.1-rc.1")
    register(registry.url, on_existing_version="increment")
    assert [version["name"] for version in registry.versions()] == ["1.0.0", "1.0.1", "1.0.1-rc.1"]


def test_a_retry_that_increments_asks_only_for_what_it_needs(registry: LocalRegistry) -> None:
    model = registry.add_model("fine-tuned-model")
    registry.add_artifact(registry.add_version(model["id"], "1.0.0")["id"], uri="gs://theirs/model")
    register(registry.url, on_existing_version="increment")
    before = len(registry.requests)
    register(registry.url, on_existing_version="increment")
    # The model; 1.0.0 refused, found, and its artifact; the siblings; the artifact of the one that is ours.
    assert [line.partition("?")[0].split()[0] for line in lines(registry)[before:]] == ["GET", "POST", *["GET"] * 4]


@pytest.mark.parametrize("own", ["1.0.0", "1.0.1"])
def test_increment_makes_no_other_version_for_a_run_whose_own_is_archived(registry: LocalRegistry, own: str) -> None:
    if own == "1.0.1":
        register(registry.url, source_pipeline_run_id="run-0", model_uri="gs://theirs/model")
    register(registry.url, on_existing_version="increment")
    before = len(registry.versions())
    registry.store.get("version", registry.versions()[-1]["id"]).fields["state"] = "ARCHIVED"
    with pytest.raises(RuntimeError, match="ARCHIVED"):
        register(registry.url, on_existing_version="increment")
    assert len(registry.versions()) == before


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("1.0.0", ("1.0.", 0)),
        ("v2.10.33", ("v2.10.", 33)),
        ("1.2.3-rc.1", ("1.2.", 3)),
        ("1.2.3+build.5", ("1.2.", 3)),
        ("1.2", None),
        ("1.2.3.4", None),
        ("01.2.3", None),
        ("latest", None),
        ("1.2.x", None),
    ],
)
def test_semantic_versions(name: str, parts: tuple[str, int] | None) -> None:
    assert semantic_version(name) == parts


@pytest.mark.parametrize("run_id", ["run-a", ""])
@pytest.mark.parametrize("location", ["gs://run-{run}/model", "gs://shared/model"])
def test_two_updates_at_once_leave_one_runs_model_and_metrics(
    registry: LocalRegistry, waits: list[float], location: str, run_id: str
) -> None:
    model = registry.add_model("fine-tuned-model")
    registry.add_artifact(registry.add_version(model["id"], "1.0.0")["id"], uri="gs://old/model")

    def update(run: str) -> None:
        register(
            registry.url,
            on_existing_version="update",
            model_uri=location.format(run=run),
            source_pipeline_run_id=run,
            custom_properties={"training_run": run},
        )

    registry.inject(lambda request: update("run-b"), match="PATCH .*/model_versions/")
    update(run_id)
    (version,), (artifact,) = registry.versions(), registry.artifacts()
    assert (artifact["uri"], artifact.get("modelSourceId", "")) == (location.format(run=run_id), run_id)
    assert values(version).get("pipeline_run_id", "") == run_id
    assert values(version).get("training_run", "") == run_id


def test_two_models_of_one_run_that_update_at_once_leave_one_ones_location_and_properties(
    registry: LocalRegistry, waits: list[float]
) -> None:
    version = registry.add_version(registry.add_model("fine-tuned-model")["id"], "1.0.0")
    registry.add_artifact(version["id"], uri="gs://old/model")

    def update(model: str) -> None:
        uri, held = f"gs://run-1/{model}", {"training_model": model}
        register(registry.url, on_existing_version="update", model_uri=uri, custom_properties=held)

    artifact = registry.artifacts()[0]

    def theirs_before_our_version(request: Request) -> None:
        theirs = {"uri": "gs://run-1/b", "artifactType": "model-artifact", "state": "LIVE"}
        call(registry.url, "PATCH", f"/model_artifacts/{artifact['id']}", theirs)

    def their_version_after_our_reading(request: Request) -> None:
        if registry.artifacts()[0]["uri"] == "gs://run-1/b":
            theirs = {"pipeline_run_id": text("run-1"), "training_model": text("b")}
            call(
                registry.url, "PATCH", f"/model_versions/{version['id']}", {"customProperties": theirs, "state": "LIVE"}
            )

    registry.inject(theirs_before_our_version, match="PATCH .*/model_versions/")
    registry.inject(their_version_after_our_reading, match="PATCH .*/model_artifacts/", times=100)
    update("a")
    assert registry.artifacts()[0]["uri"] == "gs://run-1/a"
    assert values(registry.versions()[0])["training_model"] == "a"


def test_an_update_sees_that_only_its_properties_were_replaced(registry: LocalRegistry, waits: list[float]) -> None:
    version = registry.add_version(registry.add_model("fine-tuned-model")["id"], "1.0.0")
    registry.add_artifact(version["id"], uri="gs://old/model")

    def replace(request: Request) -> None:
        theirs = {"customProperties": {"pipeline_run_id": text("run-0")}, "state": "LIVE"}
        call(registry.url, "PATCH", f"/model_versions/{version['id']}", theirs)

    registry.inject(replace, match=rf"GET .*/model_versions/{version['id']}$")
    register(registry.url, on_existing_version="update", custom_properties={"training_loss": 0.5})
    held = values(registry.versions()[0])
    assert (held["pipeline_run_id"], held["training_loss"]) == ("run-1", 0.5)


def test_an_update_that_others_undo_each_time_is_an_error_after_the_time_of_patience(
    registry: LocalRegistry,
    waits: list[float],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(random, "random", lambda: 1.0)
    model = registry.add_model("fine-tuned-model")
    version = registry.add_version(model["id"], "1.0.0")
    artifact = registry.add_artifact(version["id"], uri="gs://old/model")
    theirs = {"uri": "gs://theirs/model", "artifactType": "model-artifact", "state": "LIVE"}

    def undo(request: Request) -> None:
        call(registry.url, "PATCH", f"/model_artifacts/{artifact['id']}", theirs)

    registry.inject(undo, match="GET .*/artifacts", times=1000)
    with pytest.raises(RuntimeError, match=r"so it may now mix two runs\..* Next: run this step again") as error:
        register(registry.url, on_existing_version="update")
    assert "\n" not in str(error.value)
    assert registry.artifacts()[0]["uri"] == "gs://theirs/model"
    assert waits[:7] == [1, 2, 4, 8, 16, 16, 16]
    assert sum(waits) <= 300 < sum(waits) + 16
    assert "s more: others write version '1.0.0' of 'fine-tuned-model'" in capsys.readouterr().out


def test_twenty_updates_at_once_all_end_and_leave_one_runs_version(registry: LocalRegistry) -> None:
    version = registry.add_version(registry.add_model("fine-tuned-model")["id"], "1.0.0")
    registry.add_artifact(version["id"], uri="gs://old/model")

    def step(number: int) -> Callable[[], str]:
        return lambda: register(
            registry.url,
            source_pipeline_run_id=f"run-{number}",
            model_uri=f"gs://bucket/{number}",
            custom_properties={f"training_{number}": 1.0, "training_number": number},
            on_existing_version="update",
        )

    assert set(at_once([step(number) for number in range(20)])) == {"1"}
    (version,), (artifact,) = registry.versions(), registry.artifacts()
    number = artifact["uri"].rpartition("/")[2]
    held = {name: value for name, value in values(version).items() if name.startswith(("training_", "pipeline_run_id"))}
    assert held == {f"training_{number}": 1.0, "training_number": float(number), "pipeline_run_id": f"run-{number}"}
    assert artifact["modelSourceId"] == f"run-{number}"
