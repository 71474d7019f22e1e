"""What a registration leaves in the registry. Every test here also holds for a real server (MODEL_REGISTRY_URL)."""

# ruff: noqa: D103

from __future__ import annotations

import pytest

from .registering import add_artifact, add_version, call, fresh_name, models_named, register, text, values, versions_of

pytestmark = pytest.mark.registry

AWKWARD_NAMES = [
    "my_model",
    "100%",
    r"back\slash",
    "it's",
    "'quoted'",
    '"quoted"',
    r"ends\'",
    "team/model",
    "org:model",
    "a&b=c",
    "a+b",
    "a;b",
    "a?b#c",
    "-- no comment",
    "модель 模型 🦜",
    "resumé",
]


def test_a_registration_is_a_live_model_version_and_artifact(registry_url: str) -> None:
    name = fresh_name()
    model_id = register(
        registry_url,
        model_name=name,
        model_version="2.1.0",
        model_description="Reads digits.",
        author="ada",
        model_format_name="onnx",
        model_format_version="1.17",
        custom_properties={"team": "vision", "threshold": 3, "approved": ""},
    )
    (model,), (version,) = models_named(registry_url, name), versions_of(registry_url, name)
    (artifact,) = version["artifacts"]
    assert (model["id"], model["owner"], model["description"], model["state"]) == (
        model_id,
        "ada",
        "Reads digits.",
        "LIVE",
    )
    assert (version["name"], version["author"], version["description"], version["state"]) == (
        "2.1.0",
        "ada",
        "Reads digits.",
        "LIVE",
    )
    assert values(version) == {
        "team": "vision",
        "threshold": 3.0,
        "approved": "",
        "pipeline_name": "train",
        "pipeline_run_id": "run-1",
        "pipeline_run_name": "train on Monday",
        "pipeline_namespace": "team-a",
    }
    assert version["customProperties"]["threshold"]["metadataType"] == "MetadataDoubleValue"
    assert {key: artifact[key] for key in artifact if key.startswith(("model", "uri", "state", "artifactType"))} == {
        "artifactType": "model-artifact",
        "uri": "s3://models/digits?endpoint=http://minio:9000&defaultRegion=eu",
        "state": "LIVE",
        "modelFormatName": "onnx",
        "modelFormatVersion": "1.17",
        "modelSourceKind": "kfp",
        "modelSourceClass": "pipelinerun",
        "modelSourceGroup": "team-a",
        "modelSourceId": "run-1",
        "modelSourceName": "train on Monday",
    }


def test_a_new_model_gets_its_labels_and_its_type(registry_url: str) -> None:
    name = fresh_name()
    custom = {"approved": "", "model_type": "predictive", "team": "vision"}
    register(registry_url, model_name=name, custom_properties=custom)
    assert values(models_named(registry_url, name)[0]) == {"approved": "", "model_type": "predictive"}
    register(registry_url, model_name=name, model_version="2.0.0", custom_properties={"later": ""})
    assert values(models_named(registry_url, name)[0]) == {"approved": "", "model_type": "predictive"}
    assert values(versions_of(registry_url, name)[0]).items() >= custom.items()


@pytest.mark.parametrize("run_id", ["run-1", ""])
def test_a_rerun_returns_the_same_id_and_doubles_nothing(registry_url: str, run_id: str) -> None:
    name = fresh_name()
    first = register(registry_url, model_name=name, source_pipeline_run_id=run_id)
    assert register(registry_url, model_name=name, source_pipeline_run_id=run_id) == first
    (version,) = versions_of(registry_url, name)
    assert len(version["artifacts"]) == 1


@pytest.mark.parametrize("policy", ["fail", "increment"])
@pytest.mark.parametrize("run_id", ["run-1", ""])
def test_a_retry_keeps_what_it_does_not_know_of_its_run(registry_url: str, run_id: str, policy: str) -> None:
    name = fresh_name()
    if policy == "increment":
        add_version(registry_url, name)
    register(registry_url, model_name=name, on_existing_version=policy)
    before = versions_of(registry_url, name)
    unknown = {"source_pipeline_name": "", "source_pipeline_run_name": "", "source_namespace": ""}
    register(registry_url, model_name=name, source_pipeline_run_id=run_id, on_existing_version=policy, **unknown)
    assert versions_of(registry_url, name) == before


def test_a_retry_that_knows_the_pipeline_alone_keeps_the_runs_name(registry_url: str) -> None:
    name = fresh_name()
    register(registry_url, model_name=name)
    register(registry_url, model_name=name, source_pipeline_run_name="")
    (version,) = versions_of(registry_url, name)
    assert values(version)["pipeline_run_name"] == "train on Monday"
    assert version["artifacts"][0]["modelSourceName"] == "train on Monday"


def test_the_callers_own_word_on_the_run_stays_theirs_in_a_retry(registry_url: str) -> None:
    name = fresh_name()
    for _ in range(2):
        register(registry_url, model_name=name, custom_properties={"pipeline_run_name": "the nightly one"})
    (version,) = versions_of(registry_url, name)
    assert values(version)["pipeline_run_name"] == "the nightly one"
    assert version["artifacts"][0]["modelSourceName"] == "train on Monday"


def test_what_a_retry_does_not_know_of_its_run_it_does_not_erase_whatever_else_it_corrects(registry_url: str) -> None:
    name = fresh_name()
    register(registry_url, model_name=name, custom_properties={"training_loss": 0.5})
    register(registry_url, model_name=name, source_pipeline_run_id="", custom_properties={"training_loss": 0.25})
    (version,) = versions_of(registry_url, name)
    assert (values(version)["training_loss"], values(version)["pipeline_run_id"]) == (0.25, "run-1")
    assert version["artifacts"][0]["modelSourceId"] == "run-1"


def test_a_retry_that_makes_the_artifact_names_the_run_as_the_version_does(registry_url: str) -> None:
    name = fresh_name()
    run = {"pipeline_run_id": "run-1", "pipeline_run_name": "nightly", "pipeline_namespace": "team-a"}
    add_version(registry_url, name, uri="", customProperties={key: text(value) for key, value in run.items()})
    register(registry_url, model_name=name, source_pipeline_run_name="", source_namespace="")
    (artifact,) = versions_of(registry_url, name)[0]["artifacts"]
    assert (artifact["modelSourceGroup"], artifact["modelSourceName"]) == ("team-a", "nightly")


def test_an_unknown_run_takes_nothing_of_a_version_that_names_two_runs(registry_url: str) -> None:
    name = fresh_name()
    run = {"pipeline_run_id": text("run-0"), "pipeline_name": text("theirs")}
    version = add_version(registry_url, name, uri="", customProperties=run)
    add_artifact(registry_url, version, name="a", uri="gs://b/k", modelSourceId="run-1")
    unknown = {"source_pipeline_run_id": "", "source_pipeline_name": "", "source_pipeline_run_name": ""}
    register(registry_url, model_name=name, model_uri="gs://b/k", **unknown)
    (version,) = versions_of(registry_url, name)
    assert values(version) == {"pipeline_namespace": "team-a"}
    assert not version["artifacts"][0].get("modelSourceId")


@pytest.mark.parametrize("awkward", AWKWARD_NAMES)
def test_models_and_versions_are_found_by_their_exact_name(registry_url: str, awkward: str) -> None:
    unique = fresh_name("x")
    name = awkward.replace("o", f"o{unique}", 1) if "o" in awkward[1:-1] else awkward[:1] + unique + awkward[1:]
    look_alike = name.replace("_", "-").replace("%", "x").replace("\\", "/")
    if look_alike != name:
        register(registry_url, model_name=look_alike, model_version=awkward)
    first = register(registry_url, model_name=name, model_version=awkward)
    assert register(registry_url, model_name=name, model_version=awkward) == first
    assert [model["id"] for model in models_named(registry_url, name)] == [first]
    assert [version["name"] for version in versions_of(registry_url, name)] == [awkward]


def test_a_versions_look_alike_is_another_version(registry_url: str) -> None:
    name = fresh_name()
    for version in ("1-0", "1_0", "1.0", "x:1_0"):
        register(registry_url, model_name=name, model_version=version)
        register(registry_url, model_name=name, model_version=version)
    assert [version["name"] for version in versions_of(registry_url, name)] == ["1-0", "1_0", "1.0", "x:1_0"]


def test_fail_names_the_version_its_run_its_location_and_what_to_do(registry_url: str) -> None:
    name = fresh_name()
    register(registry_url, model_name=name, model_uri="gs://first/model")
    with pytest.raises(RuntimeError) as refused:
        register(registry_url, model_name=name, source_pipeline_run_id="run-2")
    message = str(refused.value)
    for part in ("'1.0.0'", name, "train on Monday", "run-1", "gs://first/model", registry_url, "on_existing_version"):
        assert part in message
    assert "run run-2 has its model at s3://models/digits?" in message
    with pytest.raises(RuntimeError, match="this step, whose run ID is unknown, has its model at s3://models/digits"):
        register(registry_url, model_name=name, source_pipeline_run_id="")
    (version,) = versions_of(registry_url, name)
    assert values(version)["pipeline_run_id"] == "run-1"


def test_skip_leaves_the_version_and_says_so_loudly(registry_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    name = fresh_name()
    first = register(registry_url, model_name=name)
    before = versions_of(registry_url, name)
    again = register(registry_url, model_name=name, source_pipeline_run_id="run-2", on_existing_version="skip")
    assert again == first
    assert versions_of(registry_url, name) == before
    assert "NOTHING WAS REGISTERED" in capsys.readouterr().out


def test_update_replaces_what_the_component_wrote_and_keeps_what_people_added(registry_url: str) -> None:
    name = fresh_name()
    register(registry_url, model_name=name, custom_properties={"training_loss": 1, "note": "old", "eval_old": 1})
    (version,) = versions_of(registry_url, name)
    by_hand = {"production": text(""), "reviewed by": text("ada"), "rank": {"metadataType": "MetadataIntValue"}}
    by_hand |= {"best_metric": text("eval_old"), "best_score": text("1")}  # as an older run leaves them
    by_hand |= {"my_training_note": text("stays"), "best_scores": text("stay")}  # others' names, if similar
    by_hand["rank"]["int_value"] = "7"
    call(
        registry_url,
        "PATCH",
        f"/model_versions/{version['id']}",
        {"customProperties": version["customProperties"] | by_hand, "description": "By hand.", "state": "LIVE"},
    )
    register(
        registry_url,
        model_name=name,
        model_uri="gs://second/model",
        source_pipeline_run_id="run-2",
        source_pipeline_run_name="",
        source_pipeline_name="",
        on_existing_version="update",
        custom_properties={"training_accuracy": 0.9, "NOTE": "new"},
    )
    (version,) = versions_of(registry_url, name)
    assert values(version) == {
        "production": "",
        "reviewed by": "ada",
        "rank": "7",
        "my_training_note": "stays",
        "best_scores": "stay",
        "NOTE": "new",
        "training_accuracy": 0.9,
        "pipeline_run_id": "run-2",
        "pipeline_namespace": "team-a",
    }
    assert version["description"] == "By hand."
    (artifact,) = version["artifacts"]
    assert (artifact["uri"], artifact["modelSourceId"], artifact["state"]) == ("gs://second/model", "run-2", "LIVE")
    assert not artifact.get("modelSourceName"), "the link must not lead to the older run's name"


def test_an_update_stores_no_empty_description_where_there_was_none(registry_url: str) -> None:
    name = fresh_name()
    add_version(registry_url, name)
    register(registry_url, model_name=name, on_existing_version="update", author="")
    (version,) = versions_of(registry_url, name)
    assert "description" not in version
    assert "author" not in version


def test_increment_takes_the_patch_beyond_the_highest_and_a_retry_finds_it(registry_url: str) -> None:
    name = fresh_name()
    for taken in ("1.0.0", "1.0.9", "1.0.10", "1.1.30", "1.0.x"):
        add_version(registry_url, name, taken)
    for _ in range(2):
        register(registry_url, model_name=name, on_existing_version="increment")
    names = [version["name"] for version in versions_of(registry_url, name)]
    assert names == ["1.0.0", "1.0.9", "1.0.10", "1.1.30", "1.0.x", "1.0.11"]


def test_increment_finds_its_version_by_location_where_there_is_no_run(registry_url: str) -> None:
    name = fresh_name()
    add_version(registry_url, name)
    for _ in range(2):
        register(registry_url, model_name=name, source_pipeline_run_id="", on_existing_version="increment")
    assert [version["name"] for version in versions_of(registry_url, name)] == ["1.0.0", "1.0.1"]


def test_two_models_of_one_run_are_not_each_others_retry(registry_url: str) -> None:
    name = fresh_name()
    register(registry_url, model_name=name, model_uri="gs://bucket/first")
    with pytest.raises(RuntimeError, match="exists"):
        register(registry_url, model_name=name, model_uri="gs://bucket/second")
    for _ in range(2):
        register(registry_url, model_name=name, model_uri="gs://bucket/second", on_existing_version="increment")
    uris = [[artifact["uri"] for artifact in version["artifacts"]] for version in versions_of(registry_url, name)]
    assert uris == [["gs://bucket/first"], ["gs://bucket/second"]]


def test_an_own_version_without_artifact_is_completed(registry_url: str) -> None:
    name = fresh_name()
    add_version(registry_url, name, uri="", customProperties={"pipeline_run_id": text("run-1"), "mine": text("")})
    register(registry_url, model_name=name)
    (version,) = versions_of(registry_url, name)
    assert [artifact["uri"] for artifact in version["artifacts"]] == [
        "s3://models/digits?endpoint=http://minio:9000&defaultRegion=eu"
    ]
    assert values(version)["pipeline_name"] == "train"
    assert values(version)["mine"] == ""


def test_a_version_without_artifact_and_run_is_completed_where_there_is_no_run(registry_url: str) -> None:
    name = fresh_name()
    add_version(registry_url, name, uri="")
    register(registry_url, model_name=name, source_pipeline_run_id="", model_uri="gs://b/k")
    (version,) = versions_of(registry_url, name)
    assert [artifact["uri"] for artifact in version["artifacts"]] == ["gs://b/k"]


def test_an_update_gives_a_version_without_artifact_one(registry_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    name = fresh_name()
    add_version(registry_url, name, uri="", customProperties={"pipeline_run_id": text("run-0")})
    register(registry_url, model_name=name, model_uri="gs://b/k", on_existing_version="update")
    (version,) = versions_of(registry_url, name)
    assert [(artifact["uri"], artifact["modelSourceId"]) for artifact in version["artifacts"]] == [
        ("gs://b/k", "run-1")
    ]
    assert values(version)["pipeline_run_id"] == "run-1"
    assert f"Updated {name} v1.0.0 at" in capsys.readouterr().out


def test_an_update_changes_no_state_and_empties_nothing(registry_url: str) -> None:
    name = fresh_name()
    version = add_version(registry_url, name, uri="", author="ada", description="By hand.")
    add_artifact(registry_url, version, name="a", uri="gs://old", state="PENDING")
    register(registry_url, model_name=name, on_existing_version="update", author="")
    (version,) = versions_of(registry_url, name)
    assert (version["author"], version["description"]) == ("ada", "By hand.")
    assert version["artifacts"][0]["state"] == "PENDING"
    assert version["artifacts"][0]["modelSourceId"] == "run-1"


def test_of_many_artifacts_the_newest_is_what_the_version_holds(registry_url: str) -> None:
    name = fresh_name()
    version = add_version(registry_url, name, uri="", customProperties={"pipeline_run_id": text("run-1")})
    for uri in [*(f"gs://old/{number}" for number in range(11)), "gs://b/k"]:
        add_artifact(registry_url, version, name=uri, uri=uri)
    model_id = register(registry_url, model_name=name, model_uri="gs://b/k")
    assert [model["id"] for model in models_named(registry_url, name)] == [model_id]


def test_another_runs_version_without_artifact_is_not_ours(registry_url: str) -> None:
    name = fresh_name()
    add_version(registry_url, name, uri="", customProperties={"pipeline_run_id": text("run-0")})
    for run_id in ("run-1", ""):
        with pytest.raises(RuntimeError, match="exists"):
            register(registry_url, model_name=name, source_pipeline_run_id=run_id)


def test_the_artifacts_run_makes_a_version_ours_too(registry_url: str) -> None:
    name = fresh_name()
    version = add_version(registry_url, name, uri="")
    add_artifact(registry_url, version, name="a", uri="gs://b/k", modelSourceId="run-1")
    register(registry_url, model_name=name, model_uri="gs://b/k")
    (version,) = versions_of(registry_url, name)
    assert values(version)["pipeline_run_id"] == "run-1"
    assert len(version["artifacts"]) == 1


def test_a_document_beside_the_model_is_left_alone(registry_url: str) -> None:
    name = fresh_name()
    version = add_version(registry_url, name, uri="", customProperties={"pipeline_run_id": text("run-1")})
    add_artifact(registry_url, version, artifactType="doc-artifact", name="card", uri="gs://b/card.md")
    register(registry_url, model_name=name, model_uri="gs://b/k")
    (version,) = versions_of(registry_url, name)
    assert [artifact["uri"] for artifact in version["artifacts"]] == ["gs://b/card.md", "gs://b/k"]


@pytest.mark.parametrize("policy", ["fail", "skip", "update"])
def test_an_archived_version_is_an_error_and_stays_archived(registry_url: str, policy: str) -> None:
    name = fresh_name()
    added = add_version(registry_url, name)
    call(registry_url, "PATCH", f"/model_versions/{added['id']}", {"state": "ARCHIVED"})
    with pytest.raises(RuntimeError, match="ARCHIVED"):
        register(registry_url, model_name=name, on_existing_version=policy)
    (version,) = versions_of(registry_url, name)
    assert version["state"] == "ARCHIVED"
    assert values(version) == {}


@pytest.mark.parametrize("run_id", ["run-1", ""])
def test_increment_passes_over_an_archived_version(registry_url: str, run_id: str) -> None:
    name = fresh_name()
    added = add_version(registry_url, name)
    call(registry_url, "PATCH", f"/model_versions/{added['id']}", {"state": "ARCHIVED"})
    register(registry_url, model_name=name, source_pipeline_run_id=run_id, on_existing_version="increment")
    states = [(version["name"], version["state"]) for version in versions_of(registry_url, name)]
    assert states == [("1.0.0", "ARCHIVED"), ("1.0.1", "LIVE")]


def test_an_archived_model_is_an_error_and_stays_archived(registry_url: str) -> None:
    name = fresh_name()
    model_id = register(registry_url, model_name=name)
    call(registry_url, "PATCH", f"/registered_models/{model_id}", {"state": "ARCHIVED"})
    with pytest.raises(RuntimeError, match="ARCHIVED"):
        register(registry_url, model_name=name, model_version="2.0.0")
    assert models_named(registry_url, name)[0]["state"] == "ARCHIVED"
    assert len(versions_of(registry_url, name)) == 1


def test_an_update_may_change_what_type_a_value_has(registry_url: str) -> None:
    name = fresh_name()
    whole = {"metadataType": "MetadataIntValue", "int_value": "3"}
    fraction = {"metadataType": "MetadataDoubleValue", "double_value": 1.5}
    theirs = {"training_epochs": whole, "eval_acc": text("N/A"), "training_note": fraction, "rank": whole}
    add_version(registry_url, name, customProperties=theirs)
    new = {"training_epochs": 4, "eval_acc": 0.75, "training_note": "warm"}
    for _ in range(2):
        register(registry_url, model_name=name, on_existing_version="update", custom_properties=new)
        (version,) = versions_of(registry_url, name)
        held = values(version)
        assert {key: held[key] for key in new} == new
        assert version["customProperties"]["training_epochs"]["metadataType"] == "MetadataDoubleValue"
        assert held["rank"] == "3"


def test_values_that_no_client_model_parses_do_no_harm(registry_url: str) -> None:
    name = fresh_name()
    big = {"metadataType": "MetadataIntValue", "int_value": "2147483647"}
    version = add_version(registry_url, name, uri="", customProperties={"big": big})
    add_artifact(registry_url, version, name="a", uri="gs://old", customProperties={"big": big})
    for _ in range(2):
        register(registry_url, model_name=name, on_existing_version="update")
    (version,) = versions_of(registry_url, name)
    assert version["customProperties"]["big"] == version["artifacts"][0]["customProperties"]["big"] == big
    assert values(version)["pipeline_run_id"] == version["artifacts"][0]["modelSourceId"] == "run-1"


@pytest.mark.parametrize("policy", ["skip", "increment", "update"])
def test_another_s_struct_does_no_harm_and_stays(
    registry_url: str, policy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name = fresh_name()
    tree = {"metadataType": "MetadataStructValue", "struct_value": "eyJhIjogMX0="}
    version = add_version(registry_url, name, uri="", customProperties={"tree": tree})
    add_artifact(registry_url, version, name="a", uri="gs://old", customProperties={"tree": tree})
    (before,) = versions_of(registry_url, name)
    for _ in range(2):
        register(registry_url, model_name=name, on_existing_version=policy)
    (now, *_) = versions_of(registry_url, name)
    assert now["customProperties"]["tree"] == before["customProperties"]["tree"]
    assert now["artifacts"][0]["customProperties"] == before["artifacts"][0]["customProperties"]
    assert (now["artifacts"][0]["uri"] == "gs://old") == (policy != "update")
    assert "kept properties otherwise" not in capsys.readouterr().out


def test_a_name_of_the_greatest_length_registers_and_is_found_again(registry_url: str) -> None:
    name = fresh_name("n" * 200)[:255].ljust(255, "x")
    first = register(registry_url, model_name=name, model_version="v" * 244)
    assert register(registry_url, model_name=name, model_version="v" * 244) == first
    (version,) = versions_of(registry_url, name)
    assert [artifact["name"] for artifact in version["artifacts"]] == [name[:244]]


def test_the_greatest_number_of_properties_is_stored(registry_url: str) -> None:
    name = fresh_name()
    register(registry_url, model_name=name, custom_properties={f"p{number}": number for number in range(1200)})
    (version,) = versions_of(registry_url, name)
    assert len(version["customProperties"]) == 1000
    assert values(version)["pipeline_run_id"] == "run-1"
