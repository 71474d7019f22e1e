"""The registered location really deploys: KServe's own downloader finds the same bytes there.

The object store is a real S3 API on loopback, or as much of Google's as KServe asks for; the code is KServe's, in the
version that the rules were measured with.
"""

# ruff: noqa: D103

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse

import pytest

from .builders import model_artifact, store_session_info
from .local_registry import LocalRegistry
from .registering import register
from .subject import cluster, location

Artifact: Any = location.Artifact
Mount: Any = location.Mount
locate_model = location.locate_model

boto3 = pytest.importorskip("boto3", reason="needs the deploy extra")
moto_server = pytest.importorskip("moto.server", reason="needs the deploy extra")
kserve_storage = pytest.importorskip("kserve_storage", reason="needs the deploy extra")

pytestmark = pytest.mark.deploy

FILES = {"config.json": b'{"a": 1}\n', "weights/part 1.bin": bytes(range(256)) * 64}
# What lies beside the model, under a key that begins with the model's.
NEIGHBOURS = {"_lora/adapter.bin": b"of another model", ".json": b"of another file"}
FOLDERS = ["runs/0a1b/model", "runs/a b/model", "runs/模型-é", "runs/100%25 a+b;c=d&e", "runs/trailing/"]


def registered_uri(uri: str) -> str:
    """The URI as a deployment gets it back from the registry, once the component has registered it."""
    with LocalRegistry() as registry:
        register(registry.url, model_uri=uri)
        (artifact,) = registry.artifacts()
        return str(artifact["uri"])


def write_model(folder: Path, files: dict[str, bytes] = FILES) -> Path:
    """A model: a folder of two files."""
    for name, content in files.items():
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


def keys(folder: str, files: dict[str, bytes]) -> dict[str, bytes]:
    """The objects of a store that holds a model, and what begins like it."""
    model = folder.rstrip("/")
    stored = {f"{model}/{name}": content for name, content in files.items()}
    return stored | {f"{model}{ending}": content for ending, content in NEIGHBOURS.items()}


def stored_model(object_store: str, folder: str, files: dict[str, bytes], copy: Path, **metadata: Any) -> Artifact:
    """A model in the pipeline's object store, as a pod receives it: with a copy of its own."""
    s3 = boto3.client("s3", endpoint_url=f"http://{object_store}", region_name="us-east-1")
    s3.create_bucket(Bucket="mlpipeline")
    for key, content in keys(folder, files).items():
        s3.put_object(Bucket="mlpipeline", Key=key, Body=content)
    session = store_session_info(endpoint=object_store, region="us-east-1", disable_ssl="true")
    metadata = {"store_session_info": session, **metadata}
    return cluster.received(model_artifact(f"minio://mlpipeline/{folder}", metadata, write_model(copy, files)))


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_model_of_the_pipeline_s_object_store_deploys_without_its_neighbours(
    folder: str, object_store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    model = stored_model(object_store, folder, FILES, tmp_path / "copy")
    uri = locate_model("", model, "", (), os.path.exists)
    assert [record.message for record in caplog.records if record.name == "model_registry"] == []
    assert download(registered_uri(uri), tmp_path / "served", monkeypatch) == FILES


def test_the_best_model_of_an_autogluon_artifact_deploys_alone(
    object_store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["LightGBM_BAG_L1_FULL", "WeightedEnsemble_L3_FULL"]
    folders = [*(f"{name}/predictor" for name in names), f"{names[1]}/predictor_old"]
    files = {f"{folder}/{file}": folder.encode() + content for folder in folders for file, content in FILES.items()}
    models = [{"name": name, "location": {"predictor": f"{name}/predictor"}} for name in names]
    context = {"best_model_name": names[1], "models": models}
    model = stored_model(object_store, "runs/models", files, tmp_path / "copy", context=context)
    uri = locate_model("", model, "", (), os.path.exists)
    served = {file: folders[1].encode() + content for file, content in FILES.items()}
    assert download(registered_uri(uri), tmp_path / "served", monkeypatch) == served


@pytest.fixture
def google_store(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bytes]]:
    """A bucket of Google's on loopback, by key: what KServe asks of it is a listing by prefix and an object's bytes."""
    bucket: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            prefix = parse_qs(query).get("prefix", [""])[0]
            listed = [{"name": key, "bucket": "models"} for key in sorted(bucket) if key.startswith(prefix)]
            body = json.dumps({"items": listed}).encode()
            if not path.endswith("/o"):
                body = bucket[unquote(path.rpartition("/o/")[2])]
            self.send_response(200)
            self.send_header("Content-Type", "application/json" if path.endswith("/o") else "application/octet-stream")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Keep the tests' output to what the tests say."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "toy")
        yield bucket
        server.shutdown()


@pytest.mark.parametrize("folder", ["runs/0a1b/model", "runs/a b/模型-é"])
def test_a_model_in_google_s_store_deploys_without_its_neighbours(
    folder: str, google_store: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    google_store.update(keys(folder, FILES))
    model = cluster.received(model_artifact(f"gs://models/{folder}", path=write_model(tmp_path / "copy")))
    uri = locate_model("", model, "", (), os.path.exists)
    assert uri == f"gs://models/{folder}/"
    assert download(registered_uri(uri), tmp_path / "served", monkeypatch) == FILES


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
