"""What any registry holds about a model, read over HTTP and printed for people; it works for both API versions."""

from __future__ import annotations

import json
import urllib.request
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote

from .schema import APIS, JSON

PATIENCE = 10  # seconds for one answer


class Unreadable(Exception):
    """Why nothing can be shown, in one sentence for people."""


def shown_registration(url: str, model_id: str) -> str:
    """What the registry holds about a registered model and its newest version, for people to read.

    Args:
        url: The registry's address.
        model_id: The registered model's ID.

    Returns:
        The text, in several lines.

    Raises:
        Unreadable: Nobody answers, the registry refuses, or it holds no such model.
    """
    try:
        model = held(url, f"registered_models/{model_id}")
    except Missing as error:
        raise no_such_model(url, model_id) from error
    lines = [
        f"In the registry at {url}:",
        f"registered model  {model['name']} (ID: {model['id']}, {model.get('state', 'no state')}, "
        f"owner {model.get('owner', 'unknown')})",
        *described(model),
    ]
    newest = f"registered_models/{model['id']}/versions?orderBy=ID&sortOrder=DESC&pageSize=1"
    for version in held(url, newest)["items"]:
        lines += [
            f"model version     {version['name']} (ID: {version['id']}, {version.get('state', 'no state')}, "
            f"author {version.get('author', 'unknown')})",
            *described(version),
        ]
        for artifact in held(url, f"model_versions/{version['id']}/artifacts")["items"]:
            lines += shown_artifact(artifact)
    return "\n".join(lines)


def found_id(url: str, name_or_id: str) -> str:
    """The ID of the registered model of this name; what is no model's name is taken for an ID.

    Raises:
        Unreadable: Nobody answers, the registry refuses, or it holds no such model.
    """
    literal = name_or_id.replace("\\", "\\\\").replace("'", "\\'")
    condition = f"name = '{literal}'"
    named = held(url, f"registered_models?filterQuery={quote(condition)}")["items"]
    if named:
        return str(named[0]["id"])
    if name_or_id.isascii() and name_or_id.isdigit():
        return name_or_id
    raise no_such_model(url, name_or_id)


def no_such_model(url: str, name_or_id: str) -> Unreadable:
    """What is said of a model that is not there."""
    return Unreadable(f"The registry at {url} holds no registered model of the name or ID {name_or_id!r}.")


def check_answers(url: str) -> None:
    """Make sure that a registry is there; whether it wants a token, others ask.

    Raises:
        Unreadable: Nobody answers, or what answers is no Model Registry.
    """
    try:
        held(url, "registered_models?pageSize=1")
    except Refused:
        return


class Refused(Unreadable):
    """The registry is there, and answers with an error."""


class Missing(Refused):
    """The registry is there, and does not hold what was asked for."""


def held(url: str, path: str) -> JSON:
    """What stands at a path below the API version."""
    if "://" not in url:
        raise Unreadable(f"MODEL_REGISTRY_URL is no URL: {url!r}. Write it with its scheme, such as http://{url}.")
    # the registry is on this machine or in the cluster, not behind a proxy
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for api in APIS:
        try:
            with opener.open(f"{url}/api/model_registry/{api}/{path}", timeout=PATIENCE) as answer:
                found: JSON = json.load(answer)
                return found
        except HTTPError as error:
            if error.code != 404 or "json" in error.headers.get("Content-Type", ""):
                kind = Missing if error.code == 404 else Refused
                raise kind(f"The registry at {url} answers {path} with {error}: {answer_text(error)}") from error
        except OSError as error:
            raise Unreadable(f"Nobody answers at {url}: {getattr(error, 'reason', error)}.") from error
        except (HTTPException, ValueError) as error:
            raise Unreadable(f"What answers at {url} is no Model Registry: {error}.") from error
    raise Unreadable(f"What answers at {url} is no Model Registry: it has neither API ({', '.join(APIS)}).")


def answer_text(error: HTTPError) -> str:
    """The beginning of what came with an error."""
    return " ".join(error.read(300).decode(errors="replace").split()) or "no text"


def described(entity: JSON) -> list[str]:
    """An entity's description and its custom properties, sorted by name, in lines below its own."""
    properties = sorted(entity.get("customProperties", {}).items())
    width = max((len(name) for name, _ in properties), default=0)
    texts = [entity["description"]] if entity.get("description") else []
    texts += [f"{name.ljust(width)}  {shown_value(typed)}" for name, typed in properties]
    return [f"                  {text}" for text in texts]


def shown_value(typed: JSON) -> str:
    """A typed property as text; an empty string is what the registry's UI shows as a label."""
    plain: Any = next((value for name, value in typed.items() if name != "metadataType"), "")
    return "(a label)" if plain == "" else str(plain)


def shown_artifact(artifact: JSON) -> list[str]:
    """A version's artifact and the run that made it, in lines."""
    run = (artifact.get(f"modelSource{part}") or "unknown" for part in ("Name", "Id", "Group"))
    return [
        f"model artifact    {artifact.get('uri', '')} (ID: {artifact['id']}, {artifact.get('state', 'no state')})",
        f"                  format {artifact.get('modelFormatName', '')} {artifact.get('modelFormatVersion', '')}",
        "made by           run {}, ID {}, namespace {}".format(*run),
    ]
