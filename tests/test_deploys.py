"""The registered location really deploys: KServe's own downloader finds the same bytes there.

The object store is a real S3 API on loopback; the code is KServe's, in the version that the rules were measured with.
"""

# ruff: noqa: D103

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest

from .builders import store_session_info
from .local_registry import LocalRegistry
from .registering import register
from .subject import location

Artifact: Any = location.Artifact
Mount: Any = location.Mount
locate_model = location.locate_model

boto3 = pytest.importorskip("boto3", reason="needs the deploy extra")
moto_server = pytest.importorskip("moto.server", reason="needs the deploy extra")
kserve_storage = pytest.importorskip("kserve_storage", reason="needs the deploy extra")

pytestmark = pytest.mark.deploy

FILES = {"config.json": b'{"a": 1}\n', "weights/part 1.bin": bytes(range(256)) * 64}
FOLDERS = ["runs/0a1b/model", "runs/a b/model", "runs/模型-é", "runs/100%25 a+b;c=d&e", "runs/trailing/"]


def registered_uri(uri: str) -> str:
    """The URI as a deployment gets it back from the registry, once the component has registered it."""
    with LocalRegistry() as registry:
        register(registry.url, model_uri=uri)
        (artifact,) = registry.artifacts()
        return str(artifact["uri"])


def write_model(folder: Path) -> Path:
    """A model: a folder of two files."""
    for name, content in FILES.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return folder


def files_below(folder: Path) -> dict[str, bytes]:
    """What was downloaded: every file's name and bytes."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture
def object_store(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An S3 API on loopback, as host:port, and credentials for it."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "toy")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"{host}:{port}"
    server.stop()


def download(uri: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Deploy: the URI's query becomes the storage secret's environment, as the registry's UI and KServe arrange it."""
    query = parse_qs(urlparse(uri).query)
    if "endpoint" in query:
        monkeypatch.setenv("AWS_ENDPOINT_URL", query["endpoint"][0])
        monkeypatch.setenv("AWS_DEFAULT_REGION", query["defaultRegion"][0])
    kserve_storage.Storage.download(uri, str(folder))
    return files_below(folder)


def stored_model(object_store: str, folder: str, files: dict[str, bytes], **metadata: Any) -> Artifact:
    """A model in the pipeline's object store."""
    s3 = boto3.client("s3", endpoint_url=f"http://{object_store}", region_name="us-east-1")
    s3.create_bucket(Bucket="mlpipeline")
    for name, content in files.items():
        s3.put_object(Bucket="mlpipeline", Key=f"{folder.rstrip('/')}/{name}", Body=content)
    session = store_session_info(endpoint=object_store, region="us-east-1", disable_ssl="true")
    return Artifact(f"minio://mlpipeline/{folder}", "", {"store_session_info": session, **metadata})


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_model_of_the_pipeline_s_object_store_deploys(
    folder: str, object_store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    uri = locate_model("", stored_model(object_store, folder, FILES), "", (), os.path.exists)
    assert [record.message for record in caplog.records if record.name == "model_registry"] == []
    assert download(registered_uri(uri), tmp_path, monkeypatch) == FILES


def test_the_best_model_of_an_autogluon_artifact_deploys_alone(
    object_store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["LightGBM_BAG_L1_FULL", "WeightedEnsemble_L3_FULL"]
    files = {f"{name}/predictor/{file}": name.encode() + content for name in names for file, content in FILES.items()}
    models = [{"name": name, "location": {"predictor": f"{name}/predictor"}} for name in names]
    context = {"best_model_name": names[1], "models": models}
    uri = locate_model("", stored_model(object_store, "runs/models", files, context=context), "", (), os.path.exists)
    served = {file: names[1].encode() + content for file, content in FILES.items()}
    assert download(registered_uri(uri), tmp_path, monkeypatch) == served


@pytest.mark.parametrize("name", ["model", "a b", "模型-é%20"])
def test_a_model_of_the_local_runner_deploys(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = write_model(tmp_path / "outputs" / name)
    uri = locate_model("", Artifact(str(model), str(model)), "", None, os.path.exists)
    target = tmp_path / "served"
    kserve_storage.Storage.download(registered_uri(uri), str(target))
    assert {name: (target / name).read_bytes() for name in FILES} == FILES


def test_a_model_on_a_claim_deploys(tmp_path: Path) -> None:
    # KServe mounts the claim, and its code downloads from the path below the mount: pvc://<claim>/<path> says both.
    claim = tmp_path / "claim"
    write_model(claim / "team" / "runs" / "a b")
    mounts = [Mount("/mnt/models", "team", "team-models", lasting=True)]
    uri = locate_model("", Artifact(metadata={"pvc_model_dir": "/mnt/models/runs/a b"}), "", mounts, os.path.exists)
    name, _, path = registered_uri(uri).removeprefix("pvc://").partition("/")
    assert name == "team-models"
    target = tmp_path / "served"
    kserve_storage.Storage.download(str(claim / path), str(target))
    assert {name: (target / name).read_bytes() for name in FILES} == FILES
