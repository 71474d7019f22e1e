"""What a location in an object store looks like: the one S3 form, a folder's slash, no credentials."""

# ruff: noqa: D103

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pytest

from .builders import model_artifact, store_session_info
from .locating import ENDPOINT, LAPTOP, artifact, locate
from .subject import cluster, location

hypothesis = pytest.importorskip("hypothesis")
given, example, st = hypothesis.given, hypothesis.example, hypothesis.strategies

received = cluster.received


def session(**params: Any) -> str:
    """Session info with exactly these parameters; `provider` names the provider."""
    return json.dumps({"Provider": params.pop("provider", "minio"), "Params": params})


MINIO, AWS = {"endpoint": "m:9000", "region": "r"}, {"provider": "s3", "region": "eu-west-1"}


# --- object stores -------------------------------------------------------------------------------------------------


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
def test_other_stores_uris_stay_as_they_are(uri: str) -> None:
    assert locate(artifact(uri, store_session_info("gs"))) == (uri, [])


@pytest.mark.parametrize("scheme", ["s3", "minio"])
@pytest.mark.parametrize(
    ("params", "query"),
    [
        (MINIO, "endpoint=https://m:9000&defaultRegion=r"),
        ({**MINIO, "disableSSL": "true"}, "endpoint=http://m:9000&defaultRegion=r"),
        ({**MINIO, "disableSSL": "false"}, "endpoint=https://m:9000&defaultRegion=r"),
        ({**MINIO, "endpoint": "http://m:9000"}, "endpoint=http://m:9000&defaultRegion=r"),
        ({**MINIO, "endpoint": "https://m:9000", "disableSSL": "true"}, "endpoint=https://m:9000&defaultRegion=r"),
        ({**MINIO, "endpoint": "[fd00::1]:9000"}, "endpoint=https://[fd00::1]:9000&defaultRegion=r"),
        ({"endpoint": "m:9000"}, "endpoint=https://m:9000"),
        ({"endpoint": "m:9000", "region": ""}, "endpoint=https://m:9000"),
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
    scheme: str, params: dict[str, Any], query: str
) -> None:
    assert locate(artifact(f"{scheme}://b/key", session(**params))) == (f"s3://b/key?{query}", [])


@pytest.mark.parametrize("provider", ["minio", "s3"])
@pytest.mark.parametrize("params", [{}, {"fromEnv": "true"}, {"endpoint": "", "region": ""}])
def test_without_an_endpoint_it_is_bucket_and_key_alone_and_the_log_says_so(
    provider: str, params: dict[str, str]
) -> None:
    # `fromEnv` is all that KFP says of an imported artifact, and where the pipeline root has a query.
    found, remarks = locate(artifact("minio://b/key", session(provider=provider, **params)))
    assert (found, len(remarks)) == ("s3://b/key", 1)
    assert "endpoint is unknown" in remarks[0]


@pytest.mark.parametrize(
    "info",
    ["", "no JSON", "[]", "{}", '{"Provider": "s3", "Params": null}', '{"Params": {"region": "eu"}}', {"Params": 1}],
)
def test_session_info_that_cannot_be_read_costs_the_endpoint_alone(info: Any) -> None:
    found, remarks = locate(artifact("s3://b/key", info))
    assert (found, len(remarks)) == ("s3://b/key", 1)


@pytest.mark.parametrize("given", [artifact("minio://b/key"), artifact("minio://b/key", session(region="us-east-1"))])
def test_a_region_alone_names_no_endpoint(given: Any) -> None:
    assert locate(given)[0] == "s3://b/key"


@pytest.mark.parametrize("uri", ["s3://b/k?endpoint=http://mine:9000", "s3://b/k?defaultRegion=r&endpoint=http://mine"])
def test_a_uri_that_names_its_endpoint_is_left_alone(uri: str) -> None:
    assert locate(artifact(uri, store_session_info())) == (uri, [])


@pytest.mark.parametrize("region", ["us-east-1", ""])
def test_the_form_is_the_client_s_own(region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    s3_uri_from = pytest.importorskip("model_registry.utils").s3_uri_from
    monkeypatch.setenv("AWS_S3_BUCKET", "b")
    monkeypatch.setenv("AWS_S3_ENDPOINT", "http://m:9000")
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    info = store_session_info(endpoint="m:9000", region=region)
    assert locate(artifact("minio://b/a b/é%20/", info)) == (s3_uri_from("a b/é%20/", "b"), [])


@pytest.mark.parametrize(
    "key", ["k", "a/b/", "a b", "100%", "a%20b", "é/模型", "a+b", "a&b=c", "a;b", "v1//m", "[x]", " k "]
)
def test_a_key_goes_in_verbatim(key: str) -> None:
    assert locate(artifact(f"minio://b/{key}", store_session_info())) == (f"s3://b/{key}{ENDPOINT}", [])


@pytest.mark.parametrize("key", ["what?", "a#b", "?", "a/b?c/"])
def test_a_key_that_a_uri_cannot_express_is_registered_with_a_warning(key: str) -> None:
    found, remarks = locate(artifact(f"minio://b/{key}", store_session_info()))
    assert found == f"s3://b/{key}{ENDPOINT}"
    assert [f"cannot express 's3://b/{key}'" in remark for remark in remarks] == [True]


# No key that KFP makes begins with a slash or holds control characters, which urllib drops.
@given(st.from_regex(r"[^/\x00-\x1f\ud800-\udfff][^\x00-\x1f\ud800-\udfff]{0,60}", fullmatch=True))
@example("a b%2F;é")
@example("x?endpoint=y")
def test_kserve_reads_back_every_key_that_was_not_warned_of(key: str) -> None:
    # What kserve-storage 0.21 does with an S3 URI; test_deploys.py does it with the real code.
    found, remarks = locate(artifact(f"s3://bucket/{key}", store_session_info()))
    read = urlparse(found, scheme="s3")
    assert remarks or "endpoint=" in key or (read.netloc, read.path.lstrip("/")) == ("bucket", key)


# --- credentials ---------------------------------------------------------------------------------------------------


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
        ("https://h/m?X-Amz-Credential=hunter2&X-Amz-Date=1", "https://h/m?X-Amz-Credential=REDACTED&X-Amz-Date=1"),
        ("https://h/m?Signature=hunter2&Expires=1", "https://h/m?Signature=REDACTED&Expires=1"),
        ("https://h/m?private_token=hunter2", "https://h/m?private_token=REDACTED"),
        ("https://h/m?api_key=hunter2", "https://h/m?api_key=REDACTED"),
    ],
)
@pytest.mark.parametrize("source", ["caller", "artifact"])
def test_credentials_are_neither_registered_nor_logged(uri: str, expected: str, source: str) -> None:
    found, remarks = locate(model_uri=uri) if source == "caller" else locate(artifact(uri))
    assert found == expected
    assert len(remarks) == 1
    assert "credentials" in remarks[0]
    assert "hunter2" not in remarks[0]


# --- folders -----------------------------------------------------------------------------------------------------


def received_model(path: Path, uri: str = "minio://b/key", **metadata: Any) -> Any:
    """A model artifact whose copy in this pod is at `path`."""
    return received(model_artifact(uri, {"store_session_info": store_session_info(), **metadata}, path))


@pytest.fixture(params=["folder", "file", "nothing"])
def copied(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    """What KFP copied into the pod, and where."""
    path = tmp_path / "model"
    if request.param == "folder":
        path.mkdir()
    elif request.param == "file":
        path.write_bytes(b"weights")
    return request.param, path


@pytest.mark.parametrize(
    ("uri", "folder", "other"),
    [
        ("minio://b/key", "s3://b/key/" + ENDPOINT, "s3://b/key" + ENDPOINT),
        ("minio://b/key/", "s3://b/key/" + ENDPOINT, "s3://b/key/" + ENDPOINT),
        ("s3://b/key?endpoint=http://m", "s3://b/key/?endpoint=http://m", "s3://b/key?endpoint=http://m"),
        ("s3://b", "s3://b/" + ENDPOINT, "s3://b" + ENDPOINT),
        ("gs://b/key", "gs://b/key/", "gs://b/key"),
        ("oci://quay.io/org/model:1", "oci://quay.io/org/model:1", "oci://quay.io/org/model:1"),
        ("/mnt/data/key", "pvc://team-models/key", "pvc://team-models/key"),
    ],
)
def test_a_folder_s_location_ends_in_a_slash_as_kserve_takes_a_key_as_a_prefix(
    copied: tuple[str, Path], uri: str, folder: str, other: str
) -> None:
    kind, path = copied
    assert locate(received_model(path, uri))[0] == (folder if kind == "folder" else other)


def test_what_kfp_copied_tells_whether_anything_is_there(copied: tuple[str, Path]) -> None:
    kind, path = copied
    assert received_model(path).is_copied is (kind != "nothing")
    assert received_model(path, "oci://quay.io/org/model:1").is_copied, "an image is mounted, not copied"


def test_a_file_uri_of_the_local_runner_needs_no_slash(tmp_path: Path) -> None:
    assert locate(received_model(tmp_path, str(tmp_path)), seen=LAPTOP) == (f"file://{tmp_path}", [])


def test_what_the_caller_gives_stays_as_given(tmp_path: Path) -> None:
    assert locate(received_model(tmp_path), model_uri="gs://b/given") == ("gs://b/given", [])


def test_no_artifact_is_an_empty_one_and_an_importer_s_placeholders_are_none() -> None:
    assert received(None) == location.Artifact()
    imported = received(model_artifact("gs://b/k", {"model_name": "{{$.inputs.parameters['metadata']}}", "team": "a"}))
    assert imported.metadata == {"team": "a"}


# --- results have the same form ------------------------------------------------------------------------------------


def test_results_are_located_in_the_form_that_the_model_has() -> None:
    metadata = {"store_session_info": store_session_info()}
    assert location.store_location("minio://b/results.json", metadata) == "s3://b/results.json" + ENDPOINT
    assert location.store_location("/outputs/results.json", {}) == "file:///outputs/results.json"


def test_a_remark_on_results_does_not_speak_of_the_model(caplog: pytest.LogCaptureFixture) -> None:
    assert location.store_location("s3://me:hunter2@b/res?ults", {}) == "s3://b/res?ults"
    assert len(caplog.messages) == 3
    for remark in caplog.messages:
        assert "the model" not in remark.lower()
        assert "hunter2" not in remark


def test_results_in_a_folder_end_in_a_slash_too(tmp_path: Path) -> None:
    results = received_model(tmp_path, "minio://b/results")
    assert location.store_location(results.uri, results.metadata) == "s3://b/results/" + ENDPOINT
