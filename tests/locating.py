"""How tests locate a model: an artifact as a pod receives it, the claims that a pod has, and what was said on the way.

found, remarks = locate(artifact("minio://b/key", store_session_info()))
"""

from __future__ import annotations

import logging
import os
from typing import Any

from .subject import location

Artifact: Any = location.Artifact
Mount: Any = location.Mount

ENDPOINT = "?endpoint=http://minio-service.kubeflow:9000&defaultRegion=us-east-1"


def claim(path: str, name: str, sub_path: str = "", lasting: bool = True) -> Mount:
    """A claim's mount."""
    return Mount(path, sub_path, name, lasting)


LAPTOP = None
DATA = claim("/mnt/data", "team-models")
WORKSPACE = claim("/kfp-workspace", "train-x7k2p-kfp-workspace", lasting=False)


def artifact(uri: str = "", session: str = "", **metadata: Any) -> Artifact:
    """What the component hands on of a model artifact that KFP copied into the pod."""
    return Artifact(uri, metadata=({"store_session_info": session} if session else {}) | metadata)


class Remarks(logging.Handler):
    """Keeps what is said."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one remark."""
        self.said.append(record.getMessage())


def locate(
    given: Artifact | None = None,
    model_uri: str = "",
    seen: tuple[Mount, ...] | None = (DATA, WORKSPACE),
    mount: str = "/mnt/data",
    final_model: bool = False,
    missing: tuple[str, ...] = (),
) -> tuple[str, list[str]]:
    """Locate a model in a pod.

    Args:
        given: The model's artifact, None for none.
        model_uri: The caller's location.
        seen: The pod's mounts, LAPTOP outside of a cluster.
        mount: The caller's workspace.
        final_model: Whether the workspace holds a `final_model`.
        missing: What the pod does not hold; all other paths exist.

    Returns:
        The location and the remarks.
    """

    def exists(path: str) -> bool:
        return final_model if path == os.path.join(mount, "final_model") else path not in missing

    remarks, log = Remarks(), logging.getLogger("model_registry")
    log.addHandler(remarks)
    try:
        return location.locate_model(model_uri, given or Artifact(), mount, seen, exists), remarks.said
    finally:
        log.removeHandler(remarks)
