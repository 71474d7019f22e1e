"""What the caller asked for, checked before anything is read or sent; it does neither.

A mistake in an argument is found here, but for two: `location` reads `model_uri`, and `address` the file that
`registry_ca_path` names.
"""

import os
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .address import registry_base_url
from .properties import LONGEST_NAME, LONGEST_TEXT, holds_placeholder, stored_text
from .provenance import RUN_PROPERTIES, Run
from .redaction import redact
from .registration import ModelCard, semantic_version

POLICIES = ("fail", "skip", "update", "increment")
LONGEST_VERSION = 244  # the server stores "<model ID>:<name>" in 255 characters
CONTROL_CATEGORIES = ("Cc", "Cs", "Zl", "Zp")


@dataclass(frozen=True)
class Request:
    """The arguments, checked; "" for what is not given.

    Attributes:
        card: Names, description, author and format.
        model_uri: The location that the caller names.
        workspace: The folder of `pvc_mount_path`.
        log_path: The shared log's absolute path, inside the workspace.
        registry_url: Scheme, host, port and path prefix of the registry; "" registers nothing.
        ca_path: A CA bundle in the pod.
        policy: One of POLICIES.
        run: What the caller says of the run.
        custom: The caller's own properties, as given.
    """

    card: ModelCard
    model_uri: str
    workspace: str
    log_path: str
    registry_url: str
    ca_path: str
    policy: str
    run: Run
    custom: dict[str, Any]


def checked(arguments: Mapping[str, Any]) -> Request:
    """Check the arguments.

    Args:
        arguments: The component's parameters by name. A text that still holds a KFP placeholder, as the local runner
            leaves some, counts as empty, and so does None.

    Returns:
        The request.

    Raises:
        ValueError: An argument cannot be used. One sentence names it and its value; nothing was sent.
    """
    given = {name: "" if value is None or holds_placeholder(value) else value for name, value in arguments.items()}
    card = ModelCard(
        checked_name("model_name", given["model_name"], LONGEST_NAME),
        checked_name("model_version", given["model_version"], LONGEST_VERSION),
        cleaned(given["model_description"]),
        cleaned(given["author"], 255),
        cleaned(given["model_format_name"]),
        cleaned(given["model_format_version"]),
    )
    port, policy, address = given["registry_port"], given["on_existing_version"], str(given["registry_address"]).strip()
    if type(port) is not int or not 1 <= port <= 65535:
        raise refusal(f"registry_port={port!r} is no port: it is a number from 1 to 65535.")
    if policy not in POLICIES:
        raise refusal(f"on_existing_version={policy!r} is unknown: it is one of {', '.join(POLICIES)}.")
    if policy == "increment" and not semantic_version(card.version_name):
        raise refusal(
            f"model_version={card.version_name!r} cannot be incremented: on_existing_version=increment needs a "
            "semantic version such as 1.0.0."
        )
    return Request(
        card,
        model_uri=str(given["model_uri"]).strip(),
        workspace=given["pvc_mount_path"],
        log_path=shared_log_path(given["pvc_mount_path"], given["shared_log_file"]),
        registry_url=registry_base_url(address, port, bool(given["is_secure"])) if address else "",
        ca_path=given["registry_ca_path"],
        policy=policy,
        run=Run(*(str(given[f"source_{fact}"]).strip() for fact in (*RUN_PROPERTIES[:3], "namespace"))),
        custom=checked_custom(given["custom_properties"] or {}),
    )


def refusal(sentence: str) -> ValueError:
    """Make the error for an argument: at this point nothing was sent."""
    return ValueError(f"{sentence} Nothing was sent.")


def cleaned(text: object, longest: int = LONGEST_TEXT) -> str:
    """Return a text as the registry stores it, without secrets."""
    return stored_text(redact(str(text)), longest)


def checked_name(parameter: str, value: object, limit: int) -> str:
    """Trim a name; refuse what the registry would refuse, or store and never find again."""
    name = str(value).strip()
    if not name:
        raise refusal(f"{parameter} is empty: give the model a name and a version.")
    if len(name) > limit:
        raise refusal(f"{parameter}={name[:40]!r}… has {len(name)} characters, the registry keeps {limit}.")
    if any(unicodedata.category(character) in CONTROL_CATEGORIES for character in name):
        raise refusal(f"{parameter}={name!r} holds control characters.")
    return name


def shared_log_path(workspace: str, log_file: str) -> str:
    """Find the shared log; refuse a path that leads out of the workspace (`..`, a link)."""
    if not workspace or not log_file:
        return ""
    root = os.path.realpath(workspace)
    path = os.path.realpath(os.path.join(root, log_file))
    if os.path.commonpath([root, path]) != root or path == root:
        raise refusal(f"shared_log_file={log_file!r} leaves pvc_mount_path={workspace!r}: name a file inside of it.")
    return path


def checked_custom(custom: Any) -> dict[str, Any]:
    """Check the caller's own properties: they keep their names, so a name that no registry stores is an error."""
    for name in custom:
        about = f"custom_properties: the name {redact(repr(name))}"
        if not name.strip() or len(name) > LONGEST_NAME or stored_text(name) != name:
            raise refusal(f"{about} must be a text of 1 to 255 characters that a registry can store.")
        if name.lower() == "pipeline_run_id":
            raise refusal(f"{about} tells this step which version is its own: use source_pipeline_run_id instead.")
    return custom
