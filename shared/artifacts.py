"""An artifact as KFP hands it over; it knows KFP's shapes, not their meaning."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Artifact:
    """An input artifact and its copy's path in this pod; empty if not connected."""

    uri: str = ""
    path: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)


def received(artifact: Any) -> Artifact:
    """Read an input artifact, without the placeholders that KFP never resolves (measured)."""
    if artifact is None:
        return Artifact()
    if not isinstance(artifact.metadata, dict):  # KFP cannot tell the path then either
        return Artifact(artifact.uri or "")
    metadata = {key: value for key, value in artifact.metadata.items() if not holds_placeholder(value)}
    return Artifact(artifact.uri or "", artifact.path or "", metadata)


def holds_placeholder(value: Any) -> bool:
    """Tell whether a text holds a KFP placeholder."""
    return isinstance(value, str) and "{" + "{$" in value
