"""The Kubernetes edge: what this pod and its workflow say; it draws no conclusions.

Best effort: without a cluster, or without the right to read, the registration goes on and the log says what is unknown.
"""

import json
import logging
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .address import ACCOUNT
from .location import Mount
from .provenance import Run, traced

log = logging.getLogger("model_registry")

SECONDS = 10.0
REFERENCE = re.compile(r"\$\((\w+)\)")  # in a subPathExpr


@dataclass(frozen=True)
class Pod:
    """What was seen.

    Attributes:
        run: What the pod's labels, its namespace and its workflow's annotation say of the run.
        mounts: The pod's mounts; empty if they were not needed or could not be read, None outside of a cluster.
    """

    run: Run
    mounts: tuple[Mount, ...] | None


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
        try:
            run = Run(namespace=Path(asked).read_text("utf-8").strip())
            if needs_mounts or not (given.id and given.name):
                name = os.environ.get("KFP_POD_NAME") or os.environ["HOSTNAME"]
                asked = f"/api/v1/namespaces/{run.namespace}/pods/{name}"
                pod = read(asked, account)
                labels = pod["metadata"].get("labels", {})
                run = replace(
                    run,
                    id=labels.get("pipeline/runid", ""),
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


def read(path: str, account: str) -> Any:
    """Read an object, raw: the client's models refuse some. A call that hangs ends after SECONDS."""
    from kubernetes import client
    from kubernetes.config.incluster_config import InClusterConfigLoader

    configuration = client.Configuration()
    InClusterConfigLoader(f"{account}/token", f"{account}/ca.crt").load_and_set(configuration)
    configuration.retries = False
    answer = client.ApiClient(configuration).call_api(
        path,
        "GET",
        auth_settings=["BearerToken"],
        _preload_content=False,
        _return_http_data_only=True,
        _request_timeout=(SECONDS, SECONDS),
    )
    return json.loads(answer.data)


def pod_mounts(pod: dict[str, Any]) -> tuple[Mount, ...]:
    """List the mounts of Argo's container `main`, or of all containers of a notebook's pod."""
    claims = {}
    for volume in pod["spec"].get("volumes", []):
        claim = volume.get("persistentVolumeClaim", {}).get("claimName", "")
        claims[volume["name"]] = claim, not claim.endswith("-kfp-workspace")  # which goes with the run
        if "ephemeral" in volume:
            claims[volume["name"]] = f"{pod['metadata']['name']}-{volume['name']}", False
    containers, mounts = pod["spec"]["containers"], []
    for container in [one for one in containers if one["name"] == "main"] or containers:
        for mount in container.get("volumeMounts", []):
            folder = mount.get("subPath") or mount.get("subPathExpr", "")
            folder = REFERENCE.sub(lambda name: os.environ.get(name[1], name[0]), folder)
            mounts.append(Mount(mount["mountPath"], folder, *claims[mount["name"]]))
    return tuple(mounts)
