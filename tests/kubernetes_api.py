"""A Kubernetes API on loopback: the pod of a pipeline's step and its Argo Workflow, over https as in a cluster.

The real `kubernetes` client talks to it. What a cluster gives to a pod is there too: the service account's folder and
the environment.

    with KubernetesApi(tmp_path) as api:
        api.pods["train-x7k2p-3961"] = pod("train-x7k2p-3961", "train-x7k2p", run_id="0a1b")
        seen = cluster.observe(Run(name="nightly"), False, api.account_dir)
"""

from __future__ import annotations

import json
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

from .certificates import certificate


def claim_volume(name: str, claim: str) -> dict[str, Any]:
    """A volume that is a claim."""
    return {"name": name, "persistentVolumeClaim": {"claimName": claim}}


def ephemeral_volume(name: str) -> dict[str, Any]:
    """A generic ephemeral volume, whose claim Kubernetes names `<pod>-<volume>`."""
    return {"name": name, "ephemeral": {"volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"]}}}}


def mount(volume: str, path: str, **more: str) -> dict[str, Any]:
    """Where a container has a volume; `more` is subPath."""
    return {"name": volume, "mountPath": path, **more}


def pod(
    name: str,
    workflow: str = "",
    run_id: str = "",
    volumes: list[dict[str, Any]] | None = None,
    mounts: list[dict[str, Any]] | None = None,
    container: str = "main",
) -> dict[str, Any]:
    """The pod of a pipeline's step, as Argo makes it; without a workflow and a run ID, it has no labels."""
    labels = {"workflows.argoproj.io/workflow": workflow, "pipeline/runid": run_id}
    # Argo's sidecar has the same volumes elsewhere; its mounts must not count.
    sidecar = [mount(given["name"], f"/mainctrfs{given['mountPath']}") for given in mounts or []]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name} | ({"labels": labels} if workflow or run_id else {}),
        "spec": {
            "volumes": [{"name": "kfp-launcher", "emptyDir": {}}, *(volumes or [])],
            "containers": [
                {"name": "wait", "volumeMounts": sidecar},
                {"name": container, "volumeMounts": [mount("kfp-launcher", "/kfp-launcher"), *(mounts or [])]},
            ],
        },
    }


def workflow(name: str, run_name: str = "") -> dict[str, Any]:
    """The Argo Workflow of a run; without a run name, it has no annotations."""
    annotations = {"annotations": {"pipelines.kubeflow.org/run_name": run_name}} if run_name else {}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": name} | annotations}


class QuietServer(ThreadingHTTPServer):
    """Says nothing of a client that hangs up, as one does that waited for long enough."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print what is a fault of these tests alone."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class KubernetesApi:
    """The API server, and what it gives to a pod.

    Attributes:
        pods: The pods by name; an unknown one is a 404.
        workflows: The Workflows by name.
        answers: By "pods" or "workflows", what goes wrong there: an HTTP status, "hang" (no answer for
            5 s), "drop" (the connection closes) or "html" (a proxy's page).
        requests: The paths asked for so far.
        account_dir: The service account's folder.
        environment: The environment variables that a pod has.
    """

    def __init__(self, folder: Path, namespace: str = "team-a") -> None:
        """Prepare the service account's folder in `folder`."""
        self.pods: dict[str, dict[str, Any]] = {}
        self.workflows: dict[str, dict[str, Any]] = {}
        self.answers: dict[str, int | str] = {}
        self.requests: list[str] = []
        self.stopping = threading.Event()
        self.account_dir = str(folder)
        self.namespace = namespace
        ca_file, server = certificate(folder / "tls")
        (folder / "ca.crt").write_bytes(Path(ca_file).read_bytes())
        (folder / "token").write_text("pod-token")
        (folder / "namespace").write_text(f"{namespace}\n")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*server)
        self.server = QuietServer(("127.0.0.1", 0), handler(self))
        self.server.daemon_threads = True
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)

    @property
    def environment(self) -> dict[str, str]:
        """Kubernetes puts its own address into every pod."""
        return {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(self.server.server_port)}

    def __enter__(self) -> KubernetesApi:
        """Start to serve."""
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, and let go of whoever still waits for an answer."""
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()

    def answer(self, path: str, authorization: str) -> tuple[int, dict[str, Any]]:
        """What the API server says to a GET."""
        if authorization.lower() != "bearer pod-token":
            return 401, status(401, "Unauthorized")
        known = {
            "pods": (f"/api/v1/namespaces/{self.namespace}/pods/", self.pods),
            "workflows": (f"/apis/argoproj.io/v1alpha1/namespaces/{self.namespace}/workflows/", self.workflows),
        }
        for kind, (prefix, objects) in known.items():
            wrong = self.answers.get(kind)
            name = path.removeprefix(prefix)
            if path.startswith(prefix) and isinstance(wrong, int):
                return wrong, status(wrong, f"{kind} {name!r}: no")
            if path.startswith(prefix) and name in objects:
                return 200, objects[name]
        return 404, status(404, "not found")


def status(code: int, message: str) -> dict[str, Any]:
    """An error, as the API server words it."""
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}


def handler(api: KubernetesApi) -> type[BaseHTTPRequestHandler]:
    """Make the HTTP side of an API server."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            api.requests.append(self.path)
            wrong = next((what for kind, what in api.answers.items() if f"/{kind}/" in self.path), None)
            if wrong == "drop":
                self.close_connection = True
                return
            # A sick server recovers after a while: who waits for it for ever fails a test instead of hanging it.
            if wrong == "hang":
                api.stopping.wait(5)
            code, found = api.answer(self.path, self.headers.get("Authorization", ""))
            body = b"<html>gateway</html>" if wrong == "html" else json.dumps(found).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Keep the tests' output to what the tests say."""

    return Handler
