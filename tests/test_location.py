"""Where the model is: the four sources of a location, in their order."""

# ruff: noqa: D103

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any
from urllib.parse import urlparse

import pytest

from .builders import model_artifact, store_session_info
from .subject import location

hypothesis = pytest.importorskip("hypothesis")
given, example, st = hypothesis.given, hypothesis.example, hypothesis.strategies
settings, HealthCheck = hypothesis.settings, hypothesis.HealthCheck

Artifact: Any = location.Artifact
Mount: Any = location.Mount
received = location.received

ENDPOINT = "?endpoint=http://minio-service.kubeflow:9000&defaultRegion=us-east-1"

Located = tuple[str, list[str]]
Locate = Callable[..., Located]


def claim(path: str, name: str, sub_path: str = "", lasting: bool = True) -> Mount:
    return Mount(path, sub_path, name, lasting)


LAPTOP = None
DATA = claim("/mnt/data", "team-models")
WORKSPACE = claim("/kfp-workspace", "train-x7k2p-kfp-workspace", lasting=False)


def artifact(uri: str = "", session: str = "", path: str = "", **metadata: Any) -> Artifact:
    """What the component hands on of a model artifact: KFP's own class says its path."""
    return received(model_artifact(uri, ({"store_session_info": session} if session else {}) | metadata, path))


@pytest.fixture
def locate(caplog: pytest.LogCaptureFixture) -> Locate:
    """Locate a model where everything is that an artifact names, and return the location and the remarks."""

    def located(
        given: Artifact | None = None,
        model_uri: str = "",
        seen: tuple[Mount, ...] | None = (DATA, WORKSPACE),
        mount: str = "/mnt/data",
        final_model: bool = False,
        missing: tuple[str, ...] = (),
    ) -> Located:
        def exists(path: str) -> bool:
            return final_model if path == os.path.join(mount, "final_model") else path not in missing

        caplog.clear()
        found = location.locate_model(model_uri, given or Artifact(), mount, seen, exists)
        return found, caplog.messages

    return located


def session(**params: Any) -> str:
    """Session info with exactly these parameters; `provider` names the provider."""
    return json.dumps({"Provider": params.pop("provider", "minio"), "Params": params})


MINIO, AWS = {"endpoint": "m:9000", "region": "r"}, {"provider": "s3", "region": "eu-west-1"}


# --- which source wins -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ({"model_uri": "gs://b/given"}, "gs://b/given"),
        ({}, "s3://b/key" + ENDPOINT),
    ],
)
def test_the_caller_s_location_wins_over_the_artifact_s(locate: Locate, what: dict[str, Any], expected: str) -> None:
    assert locate(artifact("minio://b/key", store_session_info()), final_model=True, **what) == (expected, [])


@pytest.mark.parametrize("directory", ["/mnt/data/model", "/kfp-workspace/model"])
def test_an_object_store_wins_over_every_claim(locate: Locate, directory: str) -> None:
    found = locate(artifact("minio://b/key", store_session_info(), pvc_model_dir=directory), final_model=True)
    assert found == ("s3://b/key" + ENDPOINT, [])


def test_a_copy_in_the_workspace_does_not_hide_the_artifact_s_uri(locate: Locate) -> None:
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
def test_a_model_on_a_claim(locate: Locate, given: Artifact, expected: str) -> None:
    assert locate(given, final_model=True) == (expected, [])


def test_another_model_is_never_registered_in_place_of_the_artifact(locate: Locate) -> None:
    with pytest.raises(ValueError, match="'/elsewhere/model'"):
        locate(artifact("/elsewhere/model"), final_model=True)


@pytest.mark.parametrize(
    ("model_uri", "given", "needed"),
    [
        ("", Artifact(), True),
        ("", artifact("/mnt/data/m"), True),
        ("/mnt/data/m", artifact("s3://b/k"), True),
        ("", artifact("minio://b/k", pvc_model_dir="/mnt/data/m"), False),
        ("", artifact("oci://quay.io/org/model:1"), False),
        ("pvc://claim/m", Artifact(), False),
        ("file:///mnt/data/m", Artifact(), False),
    ],
)
def test_the_claims_are_needed_only_for_a_path_in_the_pod(model_uri: str, given: Artifact, needed: bool) -> None:
    assert location.needs_mounts(model_uri, given, lambda path: True) is needed


# --- the caller's own location -----------------------------------------------------------------------------------


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
def test_a_given_uri_is_registered_as_given(locate: Locate, uri: str) -> None:
    assert locate(model_uri=uri) == (uri, [])


@pytest.mark.parametrize("scheme", ["s3", "minio"])
def test_a_given_s3_uri_without_an_endpoint_stays_as_it_is_and_the_log_says_what_lacks(
    locate: Locate, scheme: str
) -> None:
    found, remarks = locate(artifact("minio://other/k", store_session_info()), model_uri=f"{scheme}://b/k")
    assert found == "s3://b/k"
    assert len(remarks) == 1
    assert "endpoint is unknown" in remarks[0]
    assert "pass model_uri=s3://<bucket>/<key>?endpoint=<scheme://host:port>&defaultRegion=<region>" in remarks[0]


def test_a_given_path_is_looked_up_like_an_artifact_s(locate: Locate) -> None:
    assert locate(artifact("/mnt/data/out"), model_uri="/mnt/data/m") == ("pvc://team-models/m", [])


def test_a_given_location_that_is_none_is_refused(locate: Locate) -> None:
    with pytest.raises(ValueError, match="model_uri 'bucket/key' is neither a URI nor an absolute path"):
        locate(model_uri="bucket/key")


# --- object stores -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "uri",
    [
        "gs://bucket/a b/é%20",
        "oci://quay.io/org/model:1",
        "oci://localhost:5000/org/model@sha256:0a1b",
        "hf://org/model:rev",
        "http://example.com:8080/m",
        "https://account.blob.core.windows.net/c/m",
        "abfs://container@account.dfs.core.windows.net/m",
        "abfss://container@account.dfs.core.windows.net/m",
    ],
)
def test_other_stores_uris_stay_as_they_are(locate: Locate, uri: str) -> None:
    assert locate(artifact(uri, store_session_info("gs"))) == (uri, [])


@pytest.mark.parametrize("scheme", ["s3", "minio"])
@pytest.mark.parametrize(
    ("params", "query"),
    [
        (MINIO, "endpoint=https://m:9000&defaultRegion=r"),
        ({**MINIO, "disableSSL": "true"}, "endpoint=http://m:9000&defaultRegion=r"),
        ({**MINIO, "disableSSL": "True"}, "endpoint=http://m:9000&defaultRegion=r"),
        ({**MINIO, "disableSSL": "T"}, "endpoint=http://m:9000&defaultRegion=r"),
        ({**MINIO, "disableSSL": "false"}, "endpoint=https://m:9000&defaultRegion=r"),
        ({**MINIO, "disableSSL": ""}, "endpoint=https://m:9000&defaultRegion=r"),
        ({**MINIO, "endpoint": "http://m:9000/"}, "endpoint=http://m:9000&defaultRegion=r"),
        ({**MINIO, "endpoint": "https://m:9000", "disableSSL": "true"}, "endpoint=https://m:9000&defaultRegion=r"),
        ({**MINIO, "endpoint": "[fd00::1]:9000"}, "endpoint=https://[fd00::1]:9000&defaultRegion=r"),
        ({"endpoint": "m:9000"}, "endpoint=https://m:9000"),
        ({"endpoint": "m:9000", "region": ""}, "endpoint=https://m:9000"),
        ({"endpoint": "m:9000", "region": None}, "endpoint=https://m:9000"),
        (AWS, "endpoint=https://s3.eu-west-1.amazonaws.com&defaultRegion=eu-west-1"),
        ({**AWS, "endpoint": ""}, "endpoint=https://s3.eu-west-1.amazonaws.com&defaultRegion=eu-west-1"),
        (
            {**AWS, "endpoint": "s3.amazonaws.com"},
            "endpoint=https://s3.eu-west-1.amazonaws.com&defaultRegion=eu-west-1",
        ),
        (
            {"region": "eu-west-1", "endpoint": "https://s3.amazonaws.com", "disableSSL": "false"},
            "endpoint=https://s3.eu-west-1.amazonaws.com&defaultRegion=eu-west-1",
        ),
        ({"provider": "s3", "endpoint": "s3.amazonaws.com"}, "endpoint=https://s3.amazonaws.com"),
        (
            {**AWS, "region": "cn-north-1"},
            "endpoint=https://s3.cn-north-1.amazonaws.com.cn&defaultRegion=cn-north-1",
        ),
        ({**AWS, "endpoint": "https://ceph.example.com"}, "endpoint=https://ceph.example.com&defaultRegion=eu-west-1"),
    ],
)
def test_session_info_becomes_the_one_s3_form_that_the_ui_shows(
    locate: Locate, scheme: str, params: dict[str, Any], query: str
) -> None:
    assert locate(artifact(f"{scheme}://b/key", session(**params))) == (f"s3://b/key?{query}", [])


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "{",
        "null",
        "[]",
        '"text"',
        "5",
        "{}",
        '{"Provider": "minio"}',
        '{"Provider": "minio", "Params": null}',
        '{"Provider": "minio", "Params": []}',
        '{"Provider": "minio", "Params": "text"}',
        '{"Provider": null, "Params": {"endpoint": null}}',
        session(region="us-east-1"),
        session(provider="s3"),
    ],
)
def test_without_usable_session_info_it_is_bucket_and_key_alone_and_the_log_says_so(
    locate: Locate, broken: str
) -> None:
    found, remarks = locate(artifact("minio://b/key", broken))
    assert (found, len(remarks)) == ("s3://b/key", 1)
    assert "endpoint is unknown" in remarks[0]


@pytest.mark.parametrize("value", [None, 5, True, ["x"], {"Provider": "minio"}])
def test_session_info_that_is_no_text_costs_the_endpoint_only(locate: Locate, value: Any) -> None:
    assert locate(artifact("minio://b/key", store_session_info=value))[0] == "s3://b/key"


@pytest.mark.parametrize("uri", ["s3://b/k?endpoint=http://mine:9000", "s3://b/k?defaultRegion=r&endpoint=http://mine"])
def test_a_uri_that_names_its_endpoint_is_left_alone(locate: Locate, uri: str) -> None:
    assert locate(artifact(uri, store_session_info())) == (uri, [])


@pytest.mark.parametrize("region", ["us-east-1", ""])
def test_the_form_is_the_client_s_own(locate: Locate, region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    s3_uri_from = pytest.importorskip("model_registry.utils").s3_uri_from
    monkeypatch.setenv("AWS_S3_BUCKET", "b")
    monkeypatch.setenv("AWS_S3_ENDPOINT", "http://m:9000")
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    info = store_session_info(endpoint="m:9000", region=region)
    assert locate(artifact("minio://b/a b/é%20/", info)) == (s3_uri_from("a b/é%20/", "b"), [])


@pytest.mark.parametrize(
    "key", ["k", "a/b/", "a b", "100%", "a%20b", "é/模型", "a+b", "a&b=c", "a;b", "v1//m", "[x]", " k "]
)
def test_a_key_goes_in_verbatim(locate: Locate, key: str) -> None:
    assert locate(artifact(f"minio://b/{key}", store_session_info())) == (f"s3://b/{key}{ENDPOINT}", [])


@pytest.mark.parametrize("key", ["what?", "a#b", "?", "/leading", "a\tb", "a\nb"])
def test_a_key_that_a_uri_cannot_express_is_registered_with_a_warning(locate: Locate, key: str) -> None:
    found, remarks = locate(artifact(f"minio://b/{key}", store_session_info()))
    assert found == f"s3://b/{key}{ENDPOINT}"
    assert [repr(key) in remark and "cannot express" in remark for remark in remarks] == [True]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=60))
@example("a b%2F;é")
@example("x?endpoint=y")
def test_kserve_reads_back_every_key_that_was_not_warned_of(locate: Locate, key: str) -> None:
    # What kserve-storage 0.21 does with an S3 URI; test_deploys.py does it with the real code.
    found, remarks = locate(artifact(f"s3://bucket/{key}", store_session_info()))
    read = urlparse(found, scheme="s3")
    assert remarks or "endpoint=" in key or (read.netloc, read.path.lstrip("/")) == ("bucket", key)


# --- credentials -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("https://me:hunter2@example.com/m", "https://example.com/m"),
        ("https://hunter2@example.com/m", "https://example.com/m"),
        ("https://me:hun@ter2@example.com/m", "https://example.com/m"),
        ("s3://me:hunter2@b/k?endpoint=https://h", "s3://b/k?endpoint=https://h"),
        ("s3://b/k?endpoint=https://me:hunter2@h:9000", "s3://b/k?endpoint=https://h:9000"),
        ("minio://me:hunter2@b/k?endpoint=https://h", "s3://b/k?endpoint=https://h"),
        (
            "https://a.blob.core.windows.net/m?sv=1&sig=hunter2&se=2",
            "https://a.blob.core.windows.net/m?sv=1&sig=REDACTED&se=2",
        ),
        ("https://h/m?X-Amz-Signature=hunter2", "https://h/m?X-Amz-Signature=REDACTED"),
        ("https://h/m?Signature=hunter2&Expires=1", "https://h/m?Signature=REDACTED&Expires=1"),
        ("https://h/m?private_token=hunter2", "https://h/m?private_token=REDACTED"),
        ("https://h/m?api_key=hunter2", "https://h/m?api_key=REDACTED"),
    ],
)
@pytest.mark.parametrize("source", ["caller", "artifact"])
def test_credentials_are_neither_registered_nor_logged(locate: Locate, uri: str, expected: str, source: str) -> None:
    found, remarks = locate(model_uri=uri) if source == "caller" else locate(artifact(uri))
    assert found == expected
    assert len(remarks) == 1
    assert "credentials" in remarks[0]
    assert "hunter2" not in remarks[0]


def test_credentials_of_the_endpoint_are_not_registered(locate: Locate) -> None:
    info = session(endpoint="http://me:hunter2@m:9000", region="r")
    assert locate(artifact("minio://b/k", info))[0] == "s3://b/k?endpoint=http://m:9000&defaultRegion=r"


# --- claims ------------------------------------------------------------------------------------------------------

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
def test_the_longest_matching_mount_tells_the_claim(locate: Locate, path: str, expected: str) -> None:
    assert locate(artifact(path), seen=NESTED) == (expected, [])


def test_what_lies_in_an_empty_dir_inside_a_claim_s_mount_is_not_in_the_claim(locate: Locate) -> None:
    with pytest.raises(ValueError, match="no volume claim is known to hold it"):
        locate(artifact("/mnt/models/cache/llm"), seen=NESTED)


def test_the_mount_path_is_not_the_claim_s_name(locate: Locate) -> None:
    assert locate(seen=(claim("/workspace", "pvc-0a1b"),), mount="/workspace/", final_model=True) == (
        "pvc://pvc-0a1b/final_model",
        [],
    )


@pytest.mark.parametrize("lost", [WORKSPACE, claim("/kfp-workspace", "train-3961-scratch", lasting=False)])
def test_a_claim_that_goes_with_the_run_is_registered_with_a_warning(locate: Locate, lost: Mount) -> None:
    found, remarks = locate(artifact("/kfp-workspace/model"), seen=(lost, DATA))
    assert found == f"pvc://{lost.claim}/model"
    assert len(remarks) == 1
    assert f"{found} will not outlive the run" in remarks[0]


@pytest.mark.parametrize("seen", [(DATA,), ()])
def test_a_path_that_no_claim_is_known_to_hold_is_refused_with_the_way_out(
    locate: Locate, seen: tuple[Mount, ...]
) -> None:
    with pytest.raises(ValueError, match="no volume claim is known to hold it") as refused:
        locate(artifact("/tmp/model"), seen=seen)
    assert str(refused.value).startswith("The model lies at '/tmp/model' in this pod, ")
    assert "Nothing was registered. Pass its location as model_uri" in str(refused.value)


# --- the local runner --------------------------------------------------------------------------------------------


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
def test_on_the_local_runner_a_path_is_an_absolute_file_uri(
    locate: Locate, what: dict[str, Any], expected: str
) -> None:
    assert locate(**what, seen=LAPTOP) == (expected, [])


# --- limits ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", [5, True, ["a"], {"a": 1}, " "])
def test_a_model_folder_that_is_no_text_costs_no_registration(locate: Locate, folder: Any) -> None:
    assert locate(artifact("gs://b/key", pvc_model_dir=folder)) == ("gs://b/key", [])


def test_no_model_at_all_is_refused(locate: Locate) -> None:
    with pytest.raises(
        ValueError, match=r"There is no model to register: .* no final_model in pvc_mount_path '/mnt/data'"
    ):
        locate()
    with pytest.raises(ValueError, match="no final_model in pvc_mount_path ''"):
        locate(mount="", final_model=True)


@pytest.mark.parametrize("uri", ["me:hunter2@host/model", "b/k?sig=hunter2"])
def test_what_is_no_uri_is_refused_without_its_credentials(locate: Locate, uri: str) -> None:
    with pytest.raises(ValueError, match="neither a URI nor an absolute path") as refused:
        locate(model_uri=uri)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("letter", ["k", "é"])
def test_a_uri_may_have_2600_bytes_and_not_one_more(locate: Locate, letter: str) -> None:
    room = 2600 - len("gs://bucket/")
    longest = "gs://bucket/" + letter * (room // len(letter.encode()))
    assert len(longest.encode()) == 2600
    assert locate(model_uri=longest) == (longest, [])
    with pytest.raises(ValueError, match="URI has 2,601 bytes and the registry takes 2,600 at most: gs://bucket/"):
        locate(model_uri=longest + "k")


def test_the_endpoint_counts_too(locate: Locate) -> None:
    with pytest.raises(ValueError, match="2,600 at most"):
        locate(artifact("minio://b/" + "k" * 2580, store_session_info()))


def test_a_relative_model_folder_lies_in_the_workspace(locate: Locate) -> None:
    assert locate(artifact(pvc_model_dir="runs/final"))[0] == "pvc://team-models/runs/final"


# --- a location where something is -------------------------------------------------------------------------------

NEVER_WRITTEN = ("/minio/b/key", "/gcs/b/key")


@pytest.mark.parametrize(
    ("uri", "expected"), [("minio://b/key", "s3://b/key" + ENDPOINT), ("gs://b/key", "gs://b/key")]
)
@pytest.mark.parametrize("directory", ["", "/mnt/data/gone"])
def test_a_uri_that_kfp_copied_nothing_from_is_registered_with_a_warning(
    locate: Locate, caplog: pytest.LogCaptureFixture, uri: str, expected: str, directory: str
) -> None:
    given = artifact(uri, store_session_info(), **({"pvc_model_dir": directory} if directory else {}))
    found, (remark,) = locate(given, missing=(*NEVER_WRITTEN, "/mnt/data/gone"))
    assert found == expected
    assert remark == f"Nothing seems to be at {uri}: KFP copied nothing from there."
    assert caplog.records[0].levelname == "WARNING"


def test_a_model_folder_wins_over_a_uri_that_no_step_wrote(locate: Locate) -> None:
    given = artifact("minio://b/key", store_session_info(), pvc_model_dir="runs/final")
    assert locate(given, missing=NEVER_WRITTEN) == ("pvc://team-models/runs/final", [])


def test_the_launcher_s_copy_in_the_workspace_tells_too(locate: Locate) -> None:
    given = artifact("minio://b/key", store_session_info(), _kfp_workspace=True, pvc_model_dir="/mnt/data/model")
    copy = "/kfp-workspace/.artifacts/minio/b/key"
    assert locate(given) == ("s3://b/key" + ENDPOINT, [])
    assert locate(given, missing=(copy,)) == ("pvc://team-models/model", [])


@pytest.mark.parametrize(
    ("given", "there", "needed"),
    [
        (artifact("minio://b/k", pvc_model_dir="/mnt/data/m"), False, True),
        (artifact("minio://b/k", pvc_model_dir="/mnt/data/m"), True, False),
        (artifact("minio://b/k"), False, False),
        (artifact("oci://quay.io/org/model:1", pvc_model_dir="/mnt/data/m"), False, False),
    ],
)
def test_the_claims_are_needed_where_a_model_folder_may_win(given: Artifact, there: bool, needed: bool) -> None:
    assert location.needs_mounts("", given, lambda path: there) is needed
    assert location.needs_mounts("gs://b/given", given, lambda path: there) is False


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        (artifact("oci://quay.io/org/model:1"), (DATA,)),  # KFP's launcher waits for an image
        (artifact("gs://b/key"), LAPTOP),  # the local runner copies nothing
        (Artifact("gs://b/key"), (DATA,)),
    ],
)
def test_nothing_is_said_where_existence_cannot_be_told(
    locate: Locate, given: Artifact, seen: tuple[Mount, ...] | None
) -> None:
    assert locate(given, seen=seen, missing=(given.path,)) == (given.uri, [])


# --- AutoGluon's artifacts ---------------------------------------------------------------------------------------


def autogluon(predictor: str = "LightGBM_FULL/predictor") -> dict[str, Any]:
    """An artifact's metadata as AutoGluon's components write them."""
    model = {"name": "LightGBM_FULL", "location": {"predictor": predictor}, "metrics": {"test_data": {"r2": 0.85}}}
    return {"best_model_name": "LightGBM_FULL", "models": [model]}


@pytest.mark.parametrize(
    ("given", "seen", "expected"),
    [
        ("minio://b/key", (DATA,), "s3://b/key/LightGBM_FULL/predictor" + ENDPOINT),
        ("minio://b/key/", (DATA,), "s3://b/key/LightGBM_FULL/predictor" + ENDPOINT),
        ("gs://b/key", (DATA,), "gs://b/key/LightGBM_FULL/predictor"),
        ("s3://b/key?endpoint=http://m", (DATA,), "s3://b/key/LightGBM_FULL/predictor?endpoint=http://m"),
        ("/mnt/data/out", (DATA,), "pvc://team-models/out/LightGBM_FULL/predictor"),
        ("/home/me/out", LAPTOP, "file:///home/me/out/LightGBM_FULL/predictor"),
    ],
)
def test_the_best_model_of_an_autogluon_artifact_is_located(
    locate: Locate, given: str, seen: tuple[Mount, ...] | None, expected: str
) -> None:
    assert locate(artifact(given, store_session_info(), context=autogluon()), seen=seen) == (expected, [])


def test_the_best_model_lies_in_the_model_folder_too(locate: Locate) -> None:
    given = artifact(pvc_model_dir="/mnt/data/model", context=autogluon())
    assert locate(given) == ("pvc://team-models/model/LightGBM_FULL/predictor", [])


@pytest.mark.parametrize("predictor", ["../other/predictor", "/etc", "a/../../b", ""])
def test_a_folder_that_leaves_the_artifact_costs_a_warning(
    locate: Locate, caplog: pytest.LogCaptureFixture, predictor: str
) -> None:
    found, (remark,) = locate(artifact("minio://b/key", store_session_info(), context=autogluon(predictor)))
    assert found == "s3://b/key" + ENDPOINT
    assert "AutoGluon's best model has no folder" in remark
    assert caplog.records[0].levelname == "WARNING"


def test_the_caller_s_location_is_no_autogluon_artifact(locate: Locate) -> None:
    assert locate(artifact("minio://b/key", context=autogluon()), model_uri="gs://b/mine") == ("gs://b/mine", [])


# --- results have the same form ----------------------------------------------------------------------------------


def test_results_are_located_in_the_form_that_the_model_has() -> None:
    metadata = {"store_session_info": store_session_info()}
    assert location.store_location("minio://b/results.json", metadata) == "s3://b/results.json" + ENDPOINT
    assert location.store_location("/outputs/results.json", {}) == "/outputs/results.json"


def test_a_remark_on_results_does_not_speak_of_the_model(caplog: pytest.LogCaptureFixture) -> None:
    assert location.store_location("s3://me:hunter2@b/res?ults", {}) == "s3://b/res?ults"
    assert len(caplog.messages) == 3
    for remark in caplog.messages:
        assert "the model" not in remark.lower()
        assert "hunter2" not in remark
