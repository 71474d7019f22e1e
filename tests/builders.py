"""Builders for what KFP hands to a component: artifacts, session info, and the executor input of a pod.

Everything here is KFP's own class or the JSON that KFP's launcher writes, so that a test says only what it is about:

    model = model_artifact(uri="s3://bucket/model", metadata={"model_name": "toy-org/toy-model"})
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from kfp import dsl

ArtifactT = TypeVar("ArtifactT", bound=dsl.Artifact)


def artifact(kind: type[ArtifactT], name: str, uri: str, metadata: dict[str, Any], path: str | Path) -> ArtifactT:
    """An artifact of a KFP class.

    Args:
        kind: The class, such as dsl.Model.
        name: The artifact's name.
        uri: Where the artifact is; without one, its path.
        metadata: The artifact's metadata, as the launcher gives it to the pod.
        path: Where the file is in this "pod", if that does not follow from the URI.

    Returns:
        The artifact.
    """
    built = kind(name=name, uri=uri or str(path), metadata=dict(metadata))
    if path:
        built.custom_path = str(path)
    return built


def model_artifact(uri: str = "", metadata: dict[str, Any] | None = None, path: str | Path = "") -> dsl.Model:
    """A model artifact as a training step leaves it behind."""
    return artifact(dsl.Model, "output_model", uri, metadata or {}, path)


def metrics(values: dict[str, Any] | None = None) -> dsl.Metrics:
    """A metrics artifact; its values are its metadata."""
    return artifact(dsl.Metrics, "output_metrics", "", values or {}, "")


def results_artifact(path: str | Path) -> dsl.Artifact:
    """An evaluation results artifact whose file, or folder, is at `path`."""
    return artifact(dsl.Artifact, "output_results", "", {}, path)


def store_session_info(
    provider: str = "minio",
    endpoint: str = "minio-service.kubeflow:9000",
    region: str = "us-east-1",
    disable_ssl: str = "true",
    **params: str,
) -> str:
    """The metadata value `store_session_info`: JSON text in which every value is a string, booleans too.

    Args:
        provider: "minio", "s3", "gs", …
        endpoint: Host and port of the object store; empty, it is left out.
        region: The store's region; empty, it is left out.
        disable_ssl: "true" or "false"; empty, it is left out.
        **params: Further parameters.

    Returns:
        The JSON text.
    """
    known = {"endpoint": endpoint, "region": region, "disableSSL": disable_ssl}
    credentials = {"fromEnv": "false", "secretName": "mlpipeline-minio-artifact"}
    return json.dumps(
        {"Provider": provider, "Params": {key: value for key, value in known.items() if value} | credentials | params}
    )


def executor_input(
    parameters: dict[str, Any], artifacts: dict[str, dsl.Artifact | None], output_dir: str | Path
) -> dict[str, Any]:
    """The executor input that KFP's launcher passes to a pod, for a component with one output parameter.

    Args:
        parameters: The input parameters' values.
        artifacts: The input artifacts; one that is None is not connected and so not mentioned.
        output_dir: Where the pod writes its output.

    Returns:
        The executor input, ready for json.dumps.
    """
    connected = {name: runtime_artifact(given) for name, given in artifacts.items() if given is not None}
    return {
        "inputs": {
            "parameterValues": dict(parameters),
            "artifacts": {name: {"artifacts": [given]} for name, given in connected.items()},
        },
        "outputs": {
            "parameters": {"Output": {"outputFile": str(Path(output_dir) / "Output")}},
            "outputFile": str(Path(output_dir) / "executor_output.json"),
        },
    }


def runtime_artifact(given: dsl.Artifact) -> dict[str, Any]:
    """An artifact as the executor input describes it; its numbers come back from protobuf, where 3.0 is 3."""
    return {
        "name": given.name,
        "type": {"schemaTitle": given.schema_title, "schemaVersion": given.schema_version},
        "uri": given.uri,
        "metadata": json.loads(json.dumps(given.metadata), parse_float=cluster_number),
    }


def cluster_number(text: str) -> int | float:
    """A number as it arrives in a pod: KFP's launcher writes a whole double without its fraction."""
    number = float(text)
    return int(number) if number.is_integer() else number
