"""The registered location really deploys: KServe's own downloader finds the same bytes there.

The object store is a real S3 API on loopback; the code is KServe's, in the version that the rules were measured with.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import pytest
from builders import store_session_info
from kfp_model_registry import component
from local_registry import LocalRegistry
from registering import register

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


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_model_of_the_pipeline_s_object_store_deploys(
    folder: str, object_store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3 = boto3.client("s3", endpoint_url=f"http://{object_store}", region_name="us-east-1")
    s3.create_bucket(Bucket="mlpipeline")
    for name, content in FILES.items():
        s3.put_object(Bucket="mlpipeline", Key=f"{folder.rstrip('/')}/{name}", Body=content)
    session = store_session_info(endpoint=object_store, region="us-east-1", disable_ssl="true")
    artifact = {"uri": f"minio://mlpipeline/{folder}", "path": "", "metadata": {"store_session_info": session}}
    uri, remarks = component.locate_model("", artifact, "", False, {"in_cluster": True, "mounts": []})
    assert remarks == []
    assert download(registered_uri(uri), tmp_path, monkeypatch) == FILES


@pytest.mark.parametrize("name", ["model", "a b", "模型-é%20"])
def test_a_model_of_the_local_runner_deploys(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = write_model(tmp_path / "outputs" / name)
    artifact = {"uri": str(model), "path": str(model), "metadata": {}}
    uri, _ = component.locate_model("", artifact, "", False, {"in_cluster": False, "mounts": []})
    target = tmp_path / "served"
    kserve_storage.Storage.download(registered_uri(uri), str(target))
    assert {name: (target / name).read_bytes() for name in FILES} == FILES


def test_a_model_on_a_claim_deploys(tmp_path: Path) -> None:
    # KServe mounts the claim, and its code downloads from the path below the mount: pvc://<claim>/<path> says both.
    claim = tmp_path / "claim"
    write_model(claim / "team" / "runs" / "a b")
    mounts = [{"mount_path": "/mnt/models", "sub_path": "team", "claim": "team-models", "lasting": True}]
    artifact = {"uri": "/mnt/models/runs/a b", "path": "/mnt/models/runs/a b", "metadata": {}}
    uri, _ = component.locate_model("", artifact, "", False, {"in_cluster": True, "mounts": mounts})
    name, _, path = registered_uri(uri).removeprefix("pvc://").partition("/")
    assert name == "team-models"
    target = tmp_path / "served"
    kserve_storage.Storage.download(str(claim / path), str(target))
    assert {name: (target / name).read_bytes() for name in FILES} == FILES
