"""This pod's edge: what its files, its processes, Kubernetes and its workflow say; it draws no conclusions.

Best effort: without a cluster, or without the right to read, the registration goes on and the log says what is unknown.
"""

import json
import logging
import os
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .address import ACCOUNT
from .location import Artifact, Mount, folder_uri
from .properties import holds_placeholder
from .provenance import Run, traced

log = logging.getLogger("model_registry")

SECONDS = 10


@dataclass(frozen=True)
class Pod:
    """What was seen.

    Attributes:
        run: What the launcher, the pod's labels, its namespace and its workflow's annotation say of the run.
        mounts: The pod's mounts; empty if they were not needed or could not be read, None outside of a cluster.
    """

    run: Run
    mounts: tuple[Mount, ...] | None


def received(artifact: Any) -> Artifact:
    """Read an input artifact, less the placeholders that KFP never resolves in an importer's metadata (measured).

    Args:
        artifact: What KFP passes, None if nothing is connected.

    Returns:
        Its parts, and what its copy in this pod tells; of oci:// none is expected, as KFP mounts an image.
    """
    if artifact is None:
        return Artifact()
    metadata = {key: value for key, value in artifact.metadata.items() if not holds_placeholder(value)}
    uri, path = artifact.uri, artifact.path
    if uri.startswith("oci://"):
        return Artifact(uri, path, metadata)
    return Artifact(folder_uri(uri) if os.path.isdir(path) else uri, path, metadata, os.path.exists(path))


def observe(given: Run, needs_mounts: bool, account: str = ACCOUNT) -> Pod:
    """Ask Kubernetes for what nothing nearer tells, in at most two calls, and log what stays unknown.

    Args:
        given: What the caller said of the run; a pod is asked only for the rest.
        needs_mounts: Whether the model may lie on a volume claim.
        account: The folder of the service account.

    Returns:
        What was seen.
    """
    run, reason = Run(), "this runs outside a cluster"
    mounts: tuple[Mount, ...] | None = None
    if os.environ.get("KUBERNETES_SERVICE_HOST"):
        mounts, reason, asked = (), "pod and workflow do not say", f"{account}/namespace"
        run = launched()
        try:
            run = replace(run, namespace=Path(asked).read_text("utf-8").strip())
            if needs_mounts or not (given.name and (given.id or run.id)):
                name = os.environ.get("KFP_POD_NAME") or os.environ["HOSTNAME"]
                asked = f"/api/v1/namespaces/{run.namespace}/pods/{name}"
                pod = read(asked, account)
                labels = pod["metadata"].get("labels", {})
                run = replace(
                    run,
                    id=run.id or labels.get("pipeline/runid", ""),
                    resource_name=labels.get("workflows.argoproj.io/workflow", ""),
                )
                mounts = pod_mounts(pod)
            if run.resource_name and not given.name:
                asked = f"/apis/argoproj.io/v1alpha1/namespaces/{run.namespace}/workflows/{run.resource_name}"
                annotations = read(asked, account)["metadata"].get("annotations", {})
                run = replace(run, name=annotations.get("pipelines.kubeflow.org/run_name", ""))
        except Exception as error:  # an odd answer must not cost a registration
            status = getattr(error, "status", 0)
            why = f"HTTP {status}" if status else f"{type(error).__name__}: {error}"
            reason = f"{asked} gave {why}"
    # What stays unknown is said once, for all that was asked above.
    known = traced(given, run)
    facts = {"namespace": known.namespace, "run ID": known.id, "run name": known.name}
    unknown = [title for title, fact in facts.items() if not fact]
    if needs_mounts and mounts == ():
        unknown.append("volume claims")
    if unknown:
        log.info("Unknown: %s, since %s.", ", ".join(unknown), " ".join(reason.split()))
    return Pod(run, mounts)


def launched() -> Run:
    """Read pipeline and run off the command line of KFP's launcher, a parent of this process: that needs no right.

    Its argv has the two flags before all that a step brings along, and so has Argo's emissary, its parent (measured).
    """
    process = os.getppid()
    with suppress(OSError):  # as outside of Linux
        while process:
            line = Path(f"/proc/{process}/cmdline").read_text("utf-8", "replace")
            flags = dict(re.findall(r"\0--(pipeline_name|run_id)[\0=]([^\0]*)", line))
            if len(flags) == 2:
                return Run(flags["pipeline_name"], flags["run_id"])
            process = int(Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()[1])
    return Run()


def read(path: str, account: str) -> Any:
    """Read an object, raw: the client's models refuse some. A call that hangs ends after SECONDS."""
    from kubernetes import client
    from kubernetes.config.incluster_config import InClusterConfigLoader

    configuration = client.Configuration()
    InClusterConfigLoader(f"{account}/token", f"{account}/ca.crt").load_and_set(configuration)
    configuration.retries = False
    answer, *_ = client.ApiClient(configuration).call_api(
        path,
        "GET",
        auth_settings=["BearerToken"],
        _preload_content=False,
        _request_timeout=(SECONDS, SECONDS),
    )
    return json.loads(answer.data)


def pod_mounts(pod: dict[str, Any]) -> tuple[Mount, ...]:
    """List the mounts of all containers; Argo's sidecar has them in folders that no step sees."""
    claims = {}
    for volume in pod["spec"].get("volumes", []):
        claim = volume.get("persistentVolumeClaim", {}).get("claimName", "")
        claims[volume["name"]] = claim, not claim.endswith("-kfp-workspace")  # which goes with the run
        if "ephemeral" in volume:
            claims[volume["name"]] = f"{pod['metadata']['name']}-{volume['name']}", False
    return tuple(
        Mount(mount["mountPath"], mount.get("subPath", ""), *claims[mount["name"]])
        for container in pod["spec"]["containers"]
        for mount in container.get("volumeMounts", [])
    )
