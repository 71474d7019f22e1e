"""Where KFP's artifacts and the model are, as URIs for KServe and the UI; others say what is mounted and exists.

The order: the caller's URI, the artifact's own, the claim that holds a path. Never a path inside a pod.
"""

import json
import os.path
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .properties import log, unwrapped
from .redaction import redact_address, without_credentials

Exists = Callable[[str], bool]

URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
LONGEST_URI = 2600  # bytes; PostgreSQL takes no more (measured)


@dataclass(frozen=True)
class Artifact:
    """An input artifact, empty if none is connected.

    Attributes:
        uri: Where KFP keeps it; a folder's ends in `/`.
        path: Its copy in this pod.
        metadata: Its metadata, less what still holds a placeholder.
        is_copied: Whether the copy is there: KFP names outputs that a step never wrote (measured).
    """

    uri: str = ""
    path: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    is_copied: bool = True


@dataclass(frozen=True)
class Mount:
    """A volume mount of this pod.

    Attributes:
        path: Where it is mounted.
        sub_path: The folder of the volume that is mounted, "" for all of it.
        claim: The volume's claim, "" if it has none.
        lasting: Whether the claim outlives the run.
    """

    path: str
    sub_path: str
    claim: str
    lasting: bool


@dataclass(frozen=True)
class BestModel:
    """The model of an AutoGluon artifact that is to be deployed.

    Attributes:
        folder: Its folder in the artifact, "" if unknown.
        metrics: Its scores on the test data.
    """

    folder: str
    metrics: dict[str, Any]


def folder_uri(uri: str, inner: str = "") -> str:
    """Write a folder's URI: KServe takes a key as a prefix, and of `…/model` it fetches `…/model_lora`, too (measured).

    Args:
        uri: The folder, or the one that it is in, perhaps with a query.
        inner: The folder in it, "" for itself.

    Returns:
        The URI with a slash at its end, before the query.
    """
    outer, mark, query = uri.partition("?")
    return f"{os.path.join(outer, inner, '')}{mark}{query}"


def needs_mounts(model_uri: str, artifact: Artifact) -> bool:
    """Tell whether the pod's mounts are needed: reading them takes a right that many accounts lack.

    Args:
        model_uri: The caller's location, "" for none.
        artifact: The model's artifact.

    Returns:
        Whether the model may lie on a volume claim.
    """
    if model_uri:
        return model_uri.startswith("/")
    return not URI.match(artifact.uri) or ("pvc_model_dir" in artifact.metadata and not artifact.is_copied)


def locate_model(
    model_uri: str, artifact: Artifact, workspace: str, mounts: Sequence[Mount] | None, exists: Exists
) -> str:
    """Find the URI to register: the caller's, the artifact's, or that of the claim that holds the model.

    Args:
        model_uri: The caller's location, a URI or an absolute path; "" for none.
        artifact: The model's artifact.
        workspace: The folder of `pvc_mount_path`, "" for none.
        mounts: This pod's mounts, None outside of a cluster.
        exists: Tells whether a path exists.

    Returns:
        The URI: `s3://…?endpoint=…`, `gs://`, `oci://`, `pvc://<claim>/<path>`, `file://` outside of a cluster, or what
        the caller gave.

    Raises:
        ValueError: There is no model, no claim is known to hold it, or its URI is too long. Nothing was registered.
    """
    if URI.match(model_uri):
        location = store_location(model_uri, {})
    elif model_uri.startswith("/"):
        location = path_location(model_uri, mounts)
    elif model_uri:
        shown = redact_address(model_uri)
        raise ValueError(f"model_uri {shown!r} is neither a URI nor an absolute path. Nothing was sent.")
    else:
        location = artifact_location(artifact, workspace, mounts, exists)
    if (size := len(location.encode())) > LONGEST_URI:
        raise ValueError(
            f"The model's URI has {size:,} bytes and the registry takes {LONGEST_URI:,} at most: {location[:100]}… "
            "Store the model under a shorter name. Nothing was sent."
        )
    return location


def location_or_reason(*where: Any) -> str:
    """Find the URI, or say why there is none: where nothing will be registered, that is no error.

    Args:
        where: What `locate_model` takes.

    Returns:
        The URI, or "none" and the reason, to be printed.
    """
    try:
        return locate_model(*where)
    except ValueError as problem:
        return f"none ({problem})"


def store_location(uri: str, metadata: dict[str, Any]) -> str:
    """Write where a model or results are stored, without credentials.

    `s3://bucket/key?endpoint=…&defaultRegion=…` is the one S3 form whose location the registry's UI shows, and KServe's
    downloader takes the key verbatim (measured); `minio://` cannot be served at all.

    Args:
        uri: The URI.
        metadata: The artifact's metadata, with KFP's session info.

    Returns:
        The URI to register; for S3 without an endpoint `s3://bucket/key` alone, with a line in the log.
    """
    location = without_credentials(uri)
    if location != uri:
        log.info("A location held credentials, without which it is registered.")
    if location.startswith("/"):  # the local runner's results
        return f"file://{location}"
    if not location.startswith(("s3://", "minio://")):
        return location
    location = f"s3://{location.partition('://')[2]}"
    if re.search("[?&]endpoint=", location):
        return location
    if re.search("[?#]", location):
        log.warning("An S3 URI cannot express %r: KServe reads no further than to the first ? or #.", location)
    if query := s3_query(metadata):
        return f"{location}?{query}"
    log.info(
        "The object store's endpoint is unknown, so the UI shows no location for %s. For a model, "
        "pass model_uri=s3://<bucket>/<key>?endpoint=<scheme://host:port>&defaultRegion=<region>.",
        location,
    )
    return location


def artifact_location(artifact: Artifact, workspace: str, mounts: Sequence[Mount] | None, exists: Exists) -> str:
    """Find where the artifact's model is."""
    uri, folder = artifact.uri, artifact.metadata.get("pvc_model_dir")
    path = os.path.join(workspace, str(folder)) if folder else uri
    if URI.match(uri):
        is_empty = mounts is not None and not artifact.is_copied  # the local runner copies nothing
        if not (is_empty and folder and exists(path)):
            path = uri
            if is_empty:
                log.warning("Nothing seems to be at %s: KFP copied nothing from there.", uri)
    elif not path:
        path = os.path.join(workspace, "final_model")
        if not (workspace and exists(path)):
            raise ValueError(
                "There is no model to register: no model_uri, no input_model with a location, no final_model in "
                f"pvc_mount_path {workspace!r}. Nothing was registered."
            )
    best = best_model(artifact.metadata)
    if best and best.folder:
        path = folder_uri(path, best.folder)
    elif best:
        log.warning("AutoGluon's best model has no folder in its artifact.")
    return store_location(path, artifact.metadata) if URI.match(path) else path_location(path, mounts)


def path_location(path: str, mounts: Sequence[Mount] | None) -> str:
    """Name the claim that holds a path, and the path in it; the local runner has files."""
    path = os.path.abspath(path)
    if mounts is None:
        return f"file://{path}"
    # The longest one decides: an emptyDir inside a claim's mount is not in the claim.
    around = [mount for mount in mounts if f"{path}/".startswith(f"{mount.path.rstrip('/')}/")]
    mount = max(around, key=lambda mount: len(mount.path), default=None)
    if not mount or not mount.claim:
        raise ValueError(
            f"The model lies at {path!r} in this pod, and no volume claim is known to hold it. Nothing was registered. "
            "Pass its location as model_uri (pvc://<claim>/<path>, s3://…), or let the service account read pods."
        )
    parts = (mount.claim, mount.sub_path.strip("/"), os.path.relpath(path, mount.path))
    location = "pvc://" + "/".join(part for part in parts if part not in ("", "."))
    if not mount.lasting:
        log.warning("%s will not outlive the run: the claim goes with it.", location)
    return location


def s3_query(metadata: dict[str, Any]) -> str:
    """Write KFP's session info (a JSON text, all values texts; KFP's source) as a query, "" without an endpoint."""
    try:
        session = json.loads(metadata["store_session_info"])
        params = session["Params"]
        endpoint, region = params.get("endpoint"), params.get("region")
        if not endpoint and region and session["Provider"] == "s3":
            endpoint = "s3.amazonaws.com"
    except (KeyError, ValueError, TypeError, AttributeError):
        return ""
    if not endpoint:
        return ""
    if "://" not in endpoint:
        endpoint = f"{'http' if params.get('disableSSL') == 'true' else 'https'}://{endpoint}"
    if region and endpoint.endswith("//s3.amazonaws.com"):  # AWS needs its regional endpoint
        endpoint = f"https://s3.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"
    return f"endpoint={endpoint}" + (f"&defaultRegion={region}" if region else "")


def best_model(metadata: dict[str, Any]) -> BestModel | None:
    """Read AutoGluon's metadata; None if the artifact is not AutoGluon's."""
    context = as_dict(metadata.get("context"))
    models = unwrapped(context.get("models"))
    if models is None and "location" not in context:
        return None
    # The first components wrote one model an artifact.
    models = [as_dict(model) for model in models] if isinstance(models, list) else [context]
    wanted = context.get("best_model_name")
    fitting = [model for model in models if wanted in (None, model.get("name"))]
    best = fitting[0] if len(fitting) == 1 else {}
    folder = inner_folder(as_dict(best.get("location")).get("predictor"))
    return BestModel(folder, as_dict(as_dict(best.get("metrics")).get("test_data")))


def inner_folder(folder: Any) -> str:
    """Return a folder if it is inside the artifact; the first components named a file in it."""
    path = os.path.normpath(folder).removesuffix("/predictor.pkl") if isinstance(folder, str) else ""
    return "" if path.split("/")[0] in ("", ".", "..") else path


def as_dict(value: Any) -> dict[str, Any]:
    """Return a dict, out of KFP's wrapper; {} for anything else."""
    value = unwrapped(value)
    return value if isinstance(value, dict) else {}
