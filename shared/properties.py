"""Names and values that every registry takes, and the sources joined; it knows no score.

A property's name needs no quotes in the server's filter (`eval_arc_easy_acc > 0.7`), and its value is a double or a
text: what a database would merge, cut, refuse or hide is settled here.
"""

import hashlib
import json
import logging
import math
import re
from collections.abc import Iterable
from typing import Any

from .redaction import HIDDEN, names_credential, redact

Properties = dict[str, float | str]
Entry = tuple[str, Any]

LONGEST_NAME = 255  # characters; more are a 500 from the server (measured)
LONGEST_TEXT = 4096
MOST_PROPERTIES = 1000
KFP_KEYS = ("display_name", "store_session_info", "_kfp_workspace")
# Of a model, what is recorded as base model, location and test scores.
ELSEWHERE = ("model_name", "pvc_model_dir", "context", "model_names")

log = logging.getLogger("model_registry")


def remark(what: str, names: Iterable[str]) -> None:
    """Log how many names these are, and the first ten.

    Args:
        what: What became of them.
        names: Their names; without one nothing is logged.
    """
    if listed := list(names):
        shown = listed[:10] + ["…"] * (len(listed) > 10)
        log.info("%s: %s (%s).", what, f"{len(listed):,}", ", ".join(shown))


def plain_word(key: str) -> str:
    """Write a key as a filter takes it, without lm-eval's `,none`."""
    return re.sub("[^A-Za-z0-9]+", "_", key.removesuffix(",none")).strip("_")


def property_name(prefix: str, key: str) -> str:
    """Name a key's property.

    Args:
        prefix: "training" or "eval".
        key: What the source calls it; a prefix that is there is not repeated.

    Returns:
        The name, of at most 255 characters: a longer one ends in a short hash of the key.
    """
    name = f"{prefix}_{re.sub(f'(?i)^({prefix}_)+', '', plain_word(key)) or 'unnamed'}"
    if len(name) > LONGEST_NAME:
        name = f"{name[:246].rstrip('_')}_{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()[:8]}"
    return name


def holds_placeholder(value: Any) -> bool:
    """Tell whether a text still holds a KFP placeholder."""
    return isinstance(value, str) and "{{$" in value


def metric_entries(metadata: dict[str, Any]) -> list[Entry]:
    """List what a Metrics artifact holds.

    Args:
        metadata: The artifact's metadata.

    Returns:
        Key and value, of nested dicts with dotted keys; without what KFP itself keeps there.
    """
    entries: list[Entry] = []
    for key, value in metadata.items():
        value = unwrapped(value)
        if isinstance(value, dict) and value:
            entries += metric_entries({f"{key}.{inner}": item for inner, item in value.items()})
        elif key not in KFP_KEYS:
            entries.append((key, value))
    return entries


def unwrapped(value: Any) -> Any:
    """Take a value out of KFP's wrappers `{"list": […]}` and `{"struct": {…}}`."""
    if isinstance(value, dict) and len(value) == 1:
        [(wrapper, content)] = value.items()
        if (wrapper, type(content)) in (("list", list), ("struct", dict)):
            return unwrapped(content)
    return value


def stored_number(value: float) -> float | str:
    """Return a double, as text if JSON has none: NaN and infinities are a 400 from the server (measured)."""
    return float(value) if math.isfinite(value) else json.dumps(value)


def stored_text(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return text that the server takes and gives back.

    Args:
        text: Any text.
        longest: Its most characters; a longer one is cut and says so at its end.

    Returns:
        The text without NUL (refused), lone surrogates (no UTF-8) and `mlmd-struct::`: a text that begins with it makes
        all lists that hold it unreadable (measured).
    """
    text = text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
    text = text.replace("mlmd-struct::", "mlmd_struct::")
    if len(text) > longest:
        ending = f"… [cut from {len(text):,} characters]"
        text = text[: longest - len(ending)] + ending
    return text


def property_value(key: str, value: Any) -> float | str:
    """Turn a value into what is stored, without secrets.

    All numbers become doubles: ints are stored in 32 bits, and KFP makes 3 of 3.0 on a cluster only (measured).

    Args:
        key: Its key: one that names a credential hides a text.
        value: A JSON value.

    Returns:
        A double or a text; "" for None.
    """
    if value is None:
        return ""
    if isinstance(value, bool):  # the registry's UI hides the bool type
        return str(value).lower()
    if isinstance(value, int | float):
        return stored_number(value)
    value = publishable(key, value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "" if holds_placeholder(text) else stored_text(text)


def publishable(key: str, value: Any) -> Any:
    """Return a value without secrets, and with ints where KFP may have made doubles of them."""
    value = unwrapped(value)
    if isinstance(value, str):
        return HIDDEN if value and any(map(names_credential, (key, *key.split(".")))) else redact(value)
    if isinstance(value, list):
        # In a command line an option names what follows: ["--api-key", "…"].
        names = [item if re.match(r"--\w", str(item)) else key for item in value]
        return [publishable(name, item) for name, item in zip([key, *names], value, strict=False)]
    if isinstance(value, dict):
        # Kubernetes writes an environment as {"name": "HF_TOKEN", "value": "…"}.
        owners = {"value": value.get("name")} if isinstance(value.get("name"), str) else {}
        return {redact(k): publishable(f"{owners.get(k, key)}.{k}", item) for k, item in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value


def named_properties(prefix: str, entries: Iterable[Entry]) -> Properties:
    """Name and clean what a source measured; two values never share a name.

    Names are compared in any case, as MySQL does. Of two keys on one name with different values the second gets a
    number; a key without the prefix comes first: logs hold `learning_rate` beside `training_learning_rate` (measured).

    Args:
        prefix: "training" or "eval".
        entries: Key and value.

    Returns:
        The properties; what is empty is left out, what is renamed is logged.
    """
    stored = [(redact(key), property_value(key, value)) for key, value in entries]
    bare = {f"{prefix}_{plain_word(key)}".lower() for key, _ in stored}
    stored.sort(key=lambda entry: plain_word(entry[0]).lower() in bare)
    properties: Properties = {}
    held: Properties = {}  # by name in lower case, as MySQL compares
    empty, renamed = [], []
    for key, value in stored:
        name = free = property_name(prefix, key)
        if not str(value).strip():  # the registry's UI would show a label
            empty.append(name)
            continue
        number = 1
        while held.get(free.lower(), value) != value:
            number += 1
            free = f"{name[:249]}_{number}"
        if free.lower() not in held:
            properties[free] = held[free.lower()] = value
            if free not in (f"{prefix}_{plain_word(key)}", plain_word(key)):
                renamed.append(f"{stored_text(key, 99)} is {free}")
    remark(f"Empty {prefix} values, left out", empty)
    remark(f"Renamed {prefix} values", renamed)
    return properties


def training_properties(metrics: dict[str, Any], model: dict[str, Any]) -> Properties:
    """Record what the training step said: its metrics and hyperparameters, and what it wrote on its model.

    Args:
        metrics: The metrics' metadata.
        model: The model artifact's; what has a place of its own is left out, and paths, which mean a pod that is gone.

    Returns:
        The properties.
    """
    about = metric_entries({key: value for key, value in model.items() if key not in ELSEWHERE})
    lasting = [(key, value) for key, value in about if not str(value).startswith("/")]
    return named_properties("training", metric_entries(metrics) + lasting)


def joined_properties(run: Properties, custom: Properties, evaluation: Properties, training: Properties) -> Properties:
    """Join the sources; at most MOST_PROPERTIES are kept, what matters least is cut.

    Args:
        run: What names the run.
        custom: The caller's; they win.
        evaluation: The evaluation's, the foremost first.
        training: The training's.

    Returns:
        All properties of the version.
    """
    # An evaluation of hundreds of tasks must not crowd out the hyperparameters.
    foremost = dict(list(evaluation.items())[: MOST_PROPERTIES // 2])
    given = {name.lower() for name in custom}
    derived = run | custom | foremost | training | evaluation
    joined = {name: value for name, value in derived.items() if name in custom or name.lower() not in given} | custom
    remark(f"Properties beyond the first {MOST_PROPERTIES:,}, left out", list(joined)[MOST_PROPERTIES:])
    return dict(list(joined.items())[:MOST_PROPERTIES])
