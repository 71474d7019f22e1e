"""Where the model is: which source of a location wins, and the claim or file that a path stands for."""

# ruff: noqa: D103

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest

from .builders import store_session_info
from .locating import DATA, ENDPOINT, LAPTOP, WORKSPACE, Artifact, Mount, artifact, claim, locate
from .subject import location


def uncopied(uri: str, session: str = "", **metadata: Any) -> Artifact:
    """A model artifact that KFP found nothing of: no step wrote it."""
    return replace(artifact(uri, session, **metadata), is_copied=False)


# --- which source wins ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ({"model_uri": "gs://b/given"}, "gs://b/given"),
        ({}, "s3://b/key" + ENDPOINT),
    ],
)
def test_the_caller_s_location_wins_over_the_artifact_s(what: dict[str, Any], expected: str) -> None:
    assert locate(artifact("minio://b/key", store_session_info()), final_model=True, **what) == (expected, [])


@pytest.mark.parametrize("directory", ["/mnt/data/model", "/kfp-workspace/model"])
def test_an_object_store_wins_over_every_claim(directory: str) -> None:
    found = locate(artifact("minio://b/key", store_session_info(), pvc_model_dir=directory), final_model=True)
    assert found == ("s3://b/key" + ENDPOINT, [])


def test_a_copy_in_the_workspace_does_not_hide_the_artifact_s_uri() -> None:
    found = locate(artifact("minio://b/key", store_session_info(), _kfp_workspace=True), seen=(WORKSPACE,))
    assert found == ("s3://b/key" + ENDPOINT, [])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (artifact("/mnt/data/out", pvc_model_dir="/mnt/data/model"), "pvc://team-models/model"),
        (artifact("/mnt/data/out"), "pvc://team-models/out"),
        (artifact("/kfp-workspace/out", pvc_model_dir="/mnt/data/model"), "pvc://team-models/model"),
        (artifact("/mnt/data/out", pvc_model_dir=""), "pvc://team-models/out"),
        (artifact("/mnt/data/out", pvc_model_dir=None), "pvc://team-models/out"),
        (Artifact(), "pvc://team-models/final_model"),
    ],
)
def test_a_model_on_a_claim(given: Artifact, expected: str) -> None:
    assert locate(given, final_model=True) == (expected, [])


def test_another_model_is_never_registered_in_place_of_the_artifact() -> None:
    with pytest.raises(ValueError, match="'/elsewhere/model'"):
        locate(artifact("/elsewhere/model"), final_model=True)


@pytest.mark.parametrize(
    ("model_uri", "given", "needed"),
    [
        ("", Artifact(), True),
        ("", artifact("/mnt/data/m"), True),
        ("/mnt/data/m", artifact("s3://b/k"), True),
        ("", artifact("minio://b/k", pvc_model_dir="/mnt/data/m"), False),
        ("", uncopied("minio://b/k", pvc_model_dir="/mnt/data/m"), True),
        ("", uncopied("minio://b/k"), False),
        ("gs://b/given", uncopied("minio://b/k", pvc_model_dir="/mnt/data/m"), False),
        ("", artifact("oci://quay.io/org/model:1"), False),
        ("pvc://claim/m", Artifact(), False),
        ("file:///mnt/data/m", Artifact(), False),
    ],
)
def test_the_claims_are_needed_only_for_a_path_in_the_pod(model_uri: str, given: Artifact, needed: bool) -> None:
    assert location.needs_mounts(model_uri, given) is needed


# --- the caller's own location -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "uri",
    [
        "gs://b/k",
        "pvc://claim/models/m",
        "oci://quay.io/org/model@sha256:0a1b",
        "hf://org/model:main",
        "https://example.com/m.tar.gz?download=1",
        "abfs://container@account.dfs.core.windows.net/m",
        "file:///models/m",
        "model-registry://m/1",
        "s3://b/k?endpoint=https://s3.example.com&defaultRegion=r",
        "gs://b/bs=8&max_token=512/model",
        "pvc://claim/runs/lr=1&max_token=512/model",
    ],
)
def test_a_given_uri_is_registered_as_given(uri: str) -> None:
    assert locate(model_uri=uri) == (uri, [])


@pytest.mark.parametrize("scheme", ["s3", "minio"])
def test_a_given_s3_uri_without_an_endpoint_stays_as_it_is_and_the_log_says_what_lacks(scheme: str) -> None:
    found, remarks = locate(artifact("minio://other/k", store_session_info()), model_uri=f"{scheme}://b/k")
    assert found == "s3://b/k"
    assert len(remarks) == 1
    assert "endpoint is unknown" in remarks[0]
    assert "pass model_uri=s3://<bucket>/<key>?endpoint=<scheme://host:port>&defaultRegion=<region>" in remarks[0]


def test_a_given_path_is_looked_up_like_an_artifact_s() -> None:
    assert locate(artifact("/mnt/data/out"), model_uri="/mnt/data/m") == ("pvc://team-models/m", [])


def test_a_given_location_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="model_uri 'bucket/key' is neither a URI nor an absolute path"):
        locate(model_uri="bucket/key")


# --- claims --------------------------------------------------------------------------------------------------------

NESTED = (
    claim("/", "root"),
    claim("/mnt", "outer"),
    claim("/mnt/models", "models", sub_path="teams/a/"),
    claim("/mnt/models/cache", ""),
    claim("/mnt/models/cache/kept", "kept"),
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/mnt/x", "pvc://outer/x"),
        ("/mnt/models/llm", "pvc://models/teams/a/llm"),
        ("/mnt/models", "pvc://models/teams/a"),
        ("/mnt", "pvc://outer"),
        ("/mnt/models2/llm", "pvc://outer/models2/llm"),
        ("/mnt/models/cache/kept/m", "pvc://kept/m"),
        ("/mnt/models/../x/./y/", "pvc://outer/x/y"),
        ("/data/m", "pvc://root/data/m"),
        ("/mnt/a b/é%20?#", "pvc://outer/a b/é%20?#"),
    ],
)
def test_the_longest_matching_mount_tells_the_claim(path: str, expected: str) -> None:
    assert locate(artifact(path), seen=NESTED) == (expected, [])


def test_what_lies_in_an_empty_dir_inside_a_claim_s_mount_is_not_in_the_claim() -> None:
    with pytest.raises(ValueError, match="no volume claim is known to hold it"):
        locate(artifact("/mnt/models/cache/llm"), seen=NESTED)


def test_the_mount_path_is_not_the_claim_s_name() -> None:
    assert locate(seen=(claim("/workspace", "pvc-0a1b"),), mount="/workspace/", final_model=True) == (
        "pvc://pvc-0a1b/final_model",
        [],
    )


@pytest.mark.parametrize("lost", [WORKSPACE, claim("/kfp-workspace", "train-3961-scratch", lasting=False)])
def test_a_claim_that_goes_with_the_run_is_registered_with_a_warning(lost: Mount) -> None:
    found, remarks = locate(artifact("/kfp-workspace/model"), seen=(lost, DATA))
    assert found == f"pvc://{lost.claim}/model"
    assert len(remarks) == 1
    assert f"{found} will not outlive the run" in remarks[0]


@pytest.mark.parametrize("seen", [(DATA,), ()])
def test_a_path_that_no_claim_is_known_to_hold_is_refused_with_the_way_out(seen: tuple[Mount, ...]) -> None:
    with pytest.raises(ValueError, match="no volume claim is known to hold it") as refused:
        locate(artifact("/tmp/model"), seen=seen)
    assert str(refused.value).startswith("The model lies at '/tmp/model' in this pod, ")
    assert "Nothing was registered. Pass its location as model_uri" in str(refused.value)


# --- the local runner ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ({"given": artifact("/home/me/local_outputs/a b/é%20")}, "file:///home/me/local_outputs/a b/é%20"),
        ({"given": artifact("file:///home/me/m")}, "file:///home/me/m"),
        ({"given": artifact("out/m")}, f"file://{os.getcwd()}/out/m"),
        ({"given": artifact("/out/m", pvc_model_dir="/data/m")}, "file:///data/m"),
        ({"model_uri": "/data/m"}, "file:///data/m"),
        ({"final_model": True, "mount": "/data"}, "file:///data/final_model"),
        ({"final_model": True, "mount": "data"}, f"file://{os.getcwd()}/data/final_model"),
        ({"given": artifact("gs://b/k")}, "gs://b/k"),
    ],
)
def test_on_the_local_runner_a_path_is_an_absolute_file_uri(what: dict[str, Any], expected: str) -> None:
    assert locate(**what, seen=LAPTOP) == (expected, [])


# --- limits --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", [5, True, ["a"], {"a": 1}, None])
def test_a_model_folder_that_is_no_text_costs_no_registration(folder: Any) -> None:
    assert locate(artifact("gs://b/key", pvc_model_dir=folder)) == ("gs://b/key", [])


def test_no_model_at_all_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"There is no model to register: .* no final_model in pvc_mount_path '/mnt/data'"
    ):
        locate()
    with pytest.raises(ValueError, match="no final_model in pvc_mount_path ''"):
        locate(mount="", final_model=True)


@pytest.mark.parametrize("uri", ["password=hunter2", "b/k?sig=hunter2", "ada:hunter2@store/model"])
def test_what_is_no_uri_is_refused_without_its_credentials(uri: str) -> None:
    with pytest.raises(ValueError, match="neither a URI nor an absolute path") as refused:
        locate(model_uri=uri)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("letter", ["k", "é"])
def test_a_uri_may_have_2600_bytes_and_not_one_more(letter: str) -> None:
    room = 2600 - len("gs://bucket/")
    longest = "gs://bucket/" + letter * (room // len(letter.encode()))
    assert len(longest.encode()) == 2600
    assert locate(model_uri=longest) == (longest, [])
    with pytest.raises(ValueError, match="URI has 2,601 bytes and the registry takes 2,600 at most: gs://bucket/"):
        locate(model_uri=longest + "k")


def test_the_endpoint_counts_too() -> None:
    with pytest.raises(ValueError, match="2,600 at most"):
        locate(artifact("minio://b/" + "k" * 2580, store_session_info()))


def test_a_relative_model_folder_lies_in_the_workspace() -> None:
    assert locate(artifact(pvc_model_dir="runs/final"))[0] == "pvc://team-models/runs/final"


# --- a location where something is ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uri", "expected"), [("minio://b/key", "s3://b/key" + ENDPOINT), ("gs://b/key", "gs://b/key")]
)
@pytest.mark.parametrize("directory", ["", "/mnt/data/gone"])
def test_a_uri_that_kfp_copied_nothing_from_is_registered_with_a_warning(
    uri: str, expected: str, directory: str, caplog: pytest.LogCaptureFixture
) -> None:
    given = uncopied(uri, store_session_info(), **({"pvc_model_dir": directory} if directory else {}))
    found, (remark,) = locate(given, missing=("/mnt/data/gone",))
    assert found == expected
    assert remark == f"Nothing seems to be at {uri}: KFP copied nothing from there."
    assert caplog.records[0].levelname == "WARNING"


@pytest.mark.parametrize("directory", ["runs/final", "/mnt/data/runs/final"])
def test_a_model_folder_wins_over_a_uri_that_no_step_wrote(directory: str) -> None:
    given = uncopied("minio://b/key", store_session_info(), pvc_model_dir=directory)
    assert locate(given) == ("pvc://team-models/runs/final", [])


def test_on_the_local_runner_nothing_is_said_as_it_copies_nothing() -> None:
    assert locate(uncopied("gs://b/key", pvc_model_dir="/mnt/data/m"), seen=LAPTOP) == ("gs://b/key", [])
