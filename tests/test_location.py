"""Where the model is: the four sources of a location, in their order."""

from __future__ import annotations

import json
import os
from typing import Any
from urllib.parse import urlparse

import pytest
from builders import model_artifact, store_session_info
from hypothesis import example, given
from hypothesis import strategies as st
from kfp_model_registry import component
from model_registry.utils import s3_uri_from

ENDPOINT = "?endpoint=http://minio-service.kubeflow:9000&defaultRegion=us-east-1"


def claim(mount_path: str, name: str, sub_path: str = "", lasting: bool = True) -> dict[str, Any]:
    return {"mount_path": mount_path, "sub_path": sub_path, "claim": name, "lasting": lasting}


def cluster(*mounts: dict[str, Any], in_cluster: bool = True) -> dict[str, Any]:
    return {"in_cluster": in_cluster, "mounts": list(mounts)}


LAPTOP = cluster(in_cluster=False)
DATA = claim("/mnt/data", "team-models")
WORKSPACE = claim("/kfp-workspace", "train-x7k2p-kfp-workspace", lasting=False)


def artifact(uri: str = "", session: str = "", path: str = "", **metadata: Any) -> dict[str, Any]:
    """What the component hands on of a model artifact: KFP's own class says its path."""
    model = model_artifact(uri, ({"store_session_info": session} if session else {}) | metadata, path)
    return {"uri": model.uri, "path": model.path, "metadata": model.metadata}


def locate(
    given: dict[str, Any] | None = None,
    model_uri: str = "",
    seen: dict[str, Any] | None = None,
    mount: str = "/mnt/data",
    final_model: bool = False,
) -> tuple[str, list[str]]:
    return component.locate_model(model_uri, given or {}, mount, final_model, seen or cluster(DATA, WORKSPACE))


def session(**params: Any) -> str:
    """Session info with exactly these parameters; `provider` names the provider."""
    return json.dumps({"Provider": params.pop("provider", "minio"), "Params": params})


MINIO, AWS = {"endpoint": "m:9000", "region": "r"}, {"provider": "s3", "region": "eu-west-1"}


# --- which source wins -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "location"),
    [
        ({"model_uri": "gs://b/given"}, "gs://b/given"),
        ({}, "s3://b/key" + ENDPOINT),
    ],
)
def test_the_caller_s_location_wins_over_the_artifact_s(what: dict[str, Any], location: str) -> None:
    assert locate(artifact("minio://b/key", store_session_info()), final_model=True, **what) == (location, [])


@pytest.mark.parametrize("directory", ["/mnt/data/model", "/kfp-workspace/model"])
def test_an_object_store_wins_over_every_claim(directory: str) -> None:
    found = locate(artifact("minio://b/key", store_session_info(), pvc_model_dir=directory), final_model=True)
    assert found == ("s3://b/key" + ENDPOINT, [])


def test_a_copy_in_the_workspace_does_not_hide_the_artifact_s_uri() -> None:
    found = locate(artifact("minio://b/key", store_session_info(), _kfp_workspace=True), seen=cluster(WORKSPACE))
    assert found == ("s3://b/key" + ENDPOINT, [])


@pytest.mark.parametrize(
    ("given", "location"),
    [
        (artifact("/mnt/data/out", pvc_model_dir="/mnt/data/model"), "pvc://team-models/model"),
        (artifact("/mnt/data/out"), "pvc://team-models/out"),
        (artifact("file:///mnt/data/a b%20é"), "pvc://team-models/a b%20é"),
        (artifact("/kfp-workspace/out", pvc_model_dir="/mnt/data/model"), "pvc://team-models/model"),
        (artifact("/mnt/data/out", pvc_model_dir="/kfp-workspace/model"), "pvc://team-models/out"),
        (artifact("/mnt/data/out", pvc_model_dir=""), "pvc://team-models/out"),
        (artifact("/mnt/data/out", pvc_model_dir=None), "pvc://team-models/out"),
        ({}, "pvc://team-models/final_model"),
        ({"uri": "", "path": "", "metadata": {}}, "pvc://team-models/final_model"),
    ],
)
def test_a_model_on_a_claim(given: dict[str, Any], location: str) -> None:
    assert locate(given, final_model=True) == (location, [])


def test_another_model_is_never_registered_in_place_of_the_artifact() -> None:
    with pytest.raises(ValueError, match="'/elsewhere/model'"):
        locate(artifact("/elsewhere/model"), final_model=True)


@pytest.mark.parametrize(
    ("model_uri", "given", "needed"),
    [
        ("", {}, True),
        ("", artifact("/mnt/data/m"), True),
        ("", artifact("file:///mnt/data/m"), True),
        ("/mnt/data/m", artifact("s3://b/k"), True),
        ("", artifact("minio://b/k", pvc_model_dir="/mnt/data/m"), False),
        ("", artifact("oci://quay.io/org/model:1"), False),
        ("pvc://claim/m", {}, False),
        ("file:///mnt/data/m", {}, False),
        (" ", artifact("s3://b/k"), False),
    ],
)
def test_the_claims_are_needed_only_for_a_path_in_the_pod(model_uri: str, given: dict[str, Any], needed: bool) -> None:
    assert component.claims_are_needed(model_uri, given) is needed


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
    ],
)
def test_a_given_uri_is_registered_as_given(uri: str) -> None:
    assert locate(model_uri=f" {uri}\n") == (uri, [])


@pytest.mark.parametrize("scheme", ["s3", "minio"])
def test_a_given_s3_uri_without_an_endpoint_stays_as_it_is_and_the_log_says_what_lacks(scheme: str) -> None:
    location, remarks = locate(artifact("minio://other/k", store_session_info()), model_uri=f"{scheme}://b/k")
    assert location == "s3://b/k"
    assert len(remarks) == 1
    assert "endpoint is unknown" in remarks[0]
    assert "pass model_uri=s3://<bucket>/<key>?endpoint=<scheme://host:port>&defaultRegion=<region>" in remarks[0]


def test_a_given_path_is_looked_up_like_an_artifact_s() -> None:
    assert locate(artifact("/mnt/data/out"), model_uri="/mnt/data/m") == ("pvc://team-models/m", [])


def test_a_given_location_that_is_none_is_refused() -> None:
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
def test_other_stores_uris_stay_as_they_are(uri: str) -> None:
    assert locate(artifact(uri, store_session_info("gs"))) == (uri, [])


@pytest.mark.parametrize("scheme", ["s3", "minio"])
@pytest.mark.parametrize(
    ("params", "query"),
    [
        (MINIO, "endpoint=https://m:9000&defaultRegion=r"),
        ({**MINIO, "disableSSL": "true"}, "endpoint=http://m:9000&defaultRegion=r"),
        ({**MINIO, "disableSSL": "True"}, "endpoint=http://m:9000&defaultRegion=r"),
        ({**MINIO, "disableSSL": "T"}, "endpoint=http://m:9000&defaultRegion=r"),
        ({**MINIO, "disableSSL": True}, "endpoint=http://m:9000&defaultRegion=r"),
        ({**MINIO, "disableSSL": "false"}, "endpoint=https://m:9000&defaultRegion=r"),
        ({**MINIO, "disableSSL": ""}, "endpoint=https://m:9000&defaultRegion=r"),
        ({**MINIO, "endpoint": "http://m:9000/"}, "endpoint=http://m:9000&defaultRegion=r"),
        ({**MINIO, "endpoint": "https://m:9000", "disableSSL": "true"}, "endpoint=https://m:9000&defaultRegion=r"),
        ({**MINIO, "endpoint": "[fd00::1]:9000"}, "endpoint=https://[fd00::1]:9000&defaultRegion=r"),
        ({"endpoint": "m:9000"}, "endpoint=https://m:9000"),
        ({"endpoint": "m:9000", "region": ""}, "endpoint=https://m:9000"),
        ({"endpoint": "m:9000", "region": None}, "endpoint=https://m:9000"),
        ({"endpoint": "m:9000", "region": 5}, "endpoint=https://m:9000"),
        ({"endpoint": "m:9000", "region": "a&b"}, "endpoint=https://m:9000"),
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
        session(endpoint=9000),
        session(endpoint="   "),
        session(endpoint="a b"),
        session(endpoint="h?x=1"),
        session(endpoint="ftp://h"),
        session(region="us-east-1"),
        session(provider="s3"),
    ],
)
def test_without_usable_session_info_it_is_bucket_and_key_alone_and_the_log_says_so(broken: str) -> None:
    location, remarks = locate(artifact("minio://b/key", broken))
    assert (location, len(remarks)) == ("s3://b/key", 1)
    assert "endpoint is unknown" in remarks[0]


@pytest.mark.parametrize("value", [None, 5, True, ["x"], {"Provider": "minio"}])
def test_session_info_that_is_no_text_costs_the_endpoint_only(value: Any) -> None:
    assert locate(artifact("minio://b/key", store_session_info=value))[0] == "s3://b/key"


def test_aws_without_a_provider_is_told_by_the_scheme() -> None:
    info = json.dumps({"Params": {"region": "us-east-2"}})
    assert locate(artifact("s3://b/k", info))[0] == (
        "s3://b/k?endpoint=https://s3.us-east-2.amazonaws.com&defaultRegion=us-east-2"
    )


@pytest.mark.parametrize("uri", ["s3://b/k?endpoint=http://mine:9000", "s3://b/k?defaultRegion=r&endpoint=http://mine"])
def test_a_uri_that_names_its_endpoint_is_left_alone(uri: str) -> None:
    assert locate(artifact(uri, store_session_info())) == (uri, [])


@pytest.mark.parametrize("region", ["us-east-1", ""])
def test_the_form_is_the_client_s_own(region: str, monkeypatch: pytest.MonkeyPatch) -> None:
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


@pytest.mark.parametrize("key", ["what?", "a#b", "?", "/leading", "a\tb", "a\nb"])
def test_a_key_that_a_uri_cannot_express_is_registered_with_a_warning(key: str) -> None:
    location, remarks = locate(artifact(f"minio://b/{key}", store_session_info()))
    assert location == f"s3://b/{key}{ENDPOINT}"
    assert [repr(key) in remark and "cannot express" in remark for remark in remarks] == [True]


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=60))
@example("a b%2F;é")
@example("x?endpoint=y")
def test_kserve_reads_back_every_key_that_was_not_warned_of(key: str) -> None:
    # What kserve-storage 0.21 does with an S3 URI; test_deploys.py does it with the real code.
    location, remarks = locate(artifact(f"s3://bucket/{key}", store_session_info()))
    read = urlparse(location, scheme="s3")
    assert remarks or "endpoint=" in key or (read.netloc, read.path.lstrip("/")) == ("bucket", key)


# --- credentials -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uri", "location"),
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
    ],
)
@pytest.mark.parametrize("source", ["caller", "artifact"])
def test_credentials_are_neither_registered_nor_logged(uri: str, location: str, source: str) -> None:
    found, remarks = locate(model_uri=uri) if source == "caller" else locate(artifact(uri))
    assert found == location
    assert len(remarks) == 1
    assert "credentials" in remarks[0]
    assert "hunter2" not in remarks[0]


def test_credentials_of_the_endpoint_are_not_registered() -> None:
    info = session(endpoint="http://me:hunter2@m:9000", region="r")
    assert locate(artifact("minio://b/k", info))[0] == "s3://b/k?endpoint=http://m:9000&defaultRegion=r"


# --- claims ------------------------------------------------------------------------------------------------------

NESTED = cluster(
    claim("/", "root"),
    claim("/mnt", "outer"),
    claim("/mnt/models", "models", sub_path="teams/a/"),
    claim("/mnt/models/cache", ""),
    claim("/mnt/models/cache/kept", "kept"),
)


@pytest.mark.parametrize(
    ("path", "location"),
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
def test_the_longest_matching_mount_tells_the_claim(path: str, location: str) -> None:
    assert locate(artifact(path), seen=NESTED) == (location, [])


def test_what_lies_in_an_empty_dir_inside_a_claim_s_mount_is_not_in_the_claim() -> None:
    with pytest.raises(ValueError, match="no volume claim of this pod holds it"):
        locate(artifact("/mnt/models/cache/llm"), seen=NESTED)


def test_the_mount_path_is_not_the_claim_s_name() -> None:
    assert locate(seen=cluster(claim("/workspace", "pvc-0a1b")), mount="/workspace/", final_model=True) == (
        "pvc://pvc-0a1b/final_model",
        [],
    )


@pytest.mark.parametrize("lost", [WORKSPACE, claim("/kfp-workspace", "train-3961-scratch", lasting=False)])
def test_a_claim_that_goes_with_the_run_is_registered_with_a_warning(lost: dict[str, Any]) -> None:
    location, remarks = locate(artifact("/kfp-workspace/model"), seen=cluster(lost, DATA))
    assert location == f"pvc://{lost['claim']}/model"
    assert len(remarks) == 1
    assert f"{location} will not outlive the run" in remarks[0]


@pytest.mark.parametrize(
    ("seen", "why"), [(cluster(DATA), "no volume claim of this pod holds it"), (cluster(), "spec could not be read")]
)
def test_a_path_that_no_claim_is_known_to_hold_is_refused_with_the_way_out(seen: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why) as refused:
        locate(artifact("/tmp/model"), seen=seen)
    assert str(refused.value).startswith("The model lies at '/tmp/model' inside this pod, ")
    assert "Nothing was registered. Pass its location as model_uri" in str(refused.value)


# --- the local runner --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "location"),
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
def test_on_the_local_runner_a_path_is_an_absolute_file_uri(what: dict[str, Any], location: str) -> None:
    assert locate(**what, seen=LAPTOP) == (location, [])


# --- limits ------------------------------------------------------------------------------------------------------


def test_no_model_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match=r"There is no model to register: .*'/mnt/data/final_model'"):
        locate()
    with pytest.raises(ValueError, match="and no pvc_mount_path with a final_model"):
        locate(mount="")


@pytest.mark.parametrize("uri", ["me:hunter2@host/model", "b/k?sig=hunter2"])
def test_what_is_no_uri_is_refused_without_its_credentials(uri: str) -> None:
    with pytest.raises(ValueError, match="neither a URI nor an absolute path") as refused:
        locate(model_uri=uri)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("character", ["\0", "\ud800"])
def test_a_uri_that_no_registry_stores_is_refused(character: str) -> None:
    with pytest.raises(ValueError, match="holds a character that no registry stores"):
        locate(model_uri=f"gs://b/{character}k")


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
    mounts = [{"mount_path": "/workspace", "sub_path": "", "claim": "team-models", "lasting": True}]
    on_claim = {"uri": "", "path": "", "metadata": {"pvc_model_dir": "runs/final"}}
    location, _ = component.locate_model("", on_claim, "/workspace", False, {"in_cluster": True, "mounts": mounts})
    assert location == "pvc://team-models/runs/final"
