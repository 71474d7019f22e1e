"""Register a trained model in Kubeflow Model Registry, as the last step of a Kubeflow pipeline.

The component is at the end; above it stand its helpers, in the order in which the data travels: arguments and
artifacts, names and values, evaluation results, location, provenance, address and token, registration, report. KFP
ships the source of each function to the pod: so each imports what it needs inside itself, and there are no module
constants.
"""

from typing import Any, BinaryIO, Callable  # noqa: UP035 (the pod resolves annotations with `from typing import *`)

from kfp import dsl


def without_placeholder(value: Any) -> Any:
    """Empty a text that still holds a KFP placeholder: the local runner leaves some as they are."""
    return "" if isinstance(value, str) and "{" + "{$" in value else value


def checked_name(parameter: str, value: str, limit: int) -> str:
    """Trim a name and check what the registry would refuse, or store unreadably.

    Raises:
        ValueError: It is empty, longer than `limit` characters, or holds control characters.
    """
    import unicodedata

    name = str(value).strip()
    if not name:
        raise ValueError(f"{parameter} is empty: give the model a name and a version. Nothing was sent.")
    if len(name) > limit:
        raise ValueError(
            f"{parameter}={name[:40] + '…'!r} has {len(name)} characters, the registry keeps {limit}. Nothing was sent."
        )
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name):
        raise ValueError(f"{parameter}={name!r} holds control characters. Nothing was sent.")
    return name


def check_request(given: dict[str, Any]) -> dict[str, Any]:
    """Check the component's arguments before anything is read or sent.

    Args:
        given: The arguments by name, without the artifacts.

    Returns:
        The same, with placeholders emptied, names trimmed, and two more: `registry_url` ("" = skip) and `log_path`.

    Raises:
        ValueError: With one sentence that names the argument.
    """
    request = {name: "" if value is None else without_placeholder(value) for name, value in given.items()}
    # The server stores a version as "<model ID>:<name>" in 255 characters, and an ID has up to ten digits.
    request["model_name"] = checked_name("model_name", request["model_name"], 255)
    request["model_version"] = checked_name("model_version", request["model_version"], 244)
    port = request["registry_port"]
    if isinstance(port, bool) or not isinstance(port, int) or not 1 <= port <= 65535:
        raise ValueError(f"registry_port={port!r} is no port: it is a number from 1 to 65535. Nothing was sent.")
    policies = ("fail", "skip", "update", "increment")
    if request["on_existing_version"] not in policies:
        raise ValueError(
            f"on_existing_version={request['on_existing_version']!r} is unknown: it is one of {', '.join(policies)}. "
            "Nothing was sent."
        )
    if request["on_existing_version"] == "increment" and not semantic_version(request["model_version"]):
        raise ValueError(
            f"model_version={request['model_version']!r} cannot be incremented: on_existing_version=increment needs a "
            "semantic version such as 1.0.0. Nothing was sent."
        )
    for fact in ("run_id", "run_name", "namespace", "pipeline_name"):
        request[fact] = str(request[fact]).strip()
    address = str(request["registry_address"]).strip()
    request["registry_url"] = registry_base_url(address, port) if address else ""
    request["log_path"] = shared_log_path(request["pvc_mount_path"], request["shared_log_file"])
    custom = request["custom_properties"] or {}
    if not isinstance(custom, dict):
        raise ValueError(f"custom_properties is a {type(custom).__name__}, not a dict of values. Nothing was sent.")
    request["custom_properties"] = custom_properties_checked(
        {name: without_placeholder(value) for name, value in custom.items()}
    )
    return request


def shared_log_path(pvc_mount_path: str, shared_log_file: str) -> str:
    """Find the shared log inside the workspace, and nowhere else.

    Returns:
        Its path, "" if there is no workspace or no log file to write to.

    Raises:
        ValueError: `shared_log_file` leads out of `pvc_mount_path`: absolute, by `..` or by a symbolic link.
    """
    import os

    if not pvc_mount_path or not shared_log_file:
        return ""
    root = os.path.realpath(pvc_mount_path)
    path = os.path.realpath(os.path.join(root, shared_log_file.replace("\0", "")))
    is_inside = os.path.commonpath([root, path]) == root != path
    if not is_inside or os.path.isabs(shared_log_file) or ".." in shared_log_file.split("/") or "\0" in shared_log_file:
        raise ValueError(
            f"shared_log_file={shared_log_file!r} leaves pvc_mount_path={pvc_mount_path!r}: name a file inside of it. "
            "Nothing was sent."
        )
    return path


def plain_artifact(artifact: Any) -> dict[str, Any]:
    """Read a KFP artifact as plain data: `uri`, `path` (in this pod) and `metadata`; {} for an input not connected."""
    if artifact is None:
        return {}
    if not isinstance(artifact.metadata, dict):  # KFP cannot tell the path then either
        return {"uri": artifact.uri or "", "path": "", "metadata": {}}
    return {"uri": artifact.uri or "", "path": artifact.path or "", "metadata": dict(artifact.metadata)}


def fold_name(name: str) -> str:
    """Fold a name to what MySQL and MariaDB compare: case, accents and trailing blanks do not count."""
    import unicodedata

    letters = unicodedata.normalize("NFKD", name.casefold())
    return "".join(c for c in letters if not unicodedata.combining(c)).casefold().rstrip()


def names_credential(key: str) -> bool:
    """Say whether a key names a credential: password, secret, token, api key and their kin.

    A token is one only as the last word, and not where it is a piece of text, as in `eos_token` or `pad_token`.
    """
    import re

    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", key)
    words = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")
    credential = (
        r"password|passwd|passphrase|credential|authorization|apikey|secret$"
        r"|(^|_)(pwd|passcode|secrets?|creds?|bearer|cookies?)(_|$)|(^|_)(auth|dsn|pat|connection_string)$"
        r"|(^|_)(db|database|user|smtp|redis|mysql|pg)_?pass$|(^|_)(jwt|oauth|auth_header)$|^pass$|(^|_)(hf|user)_tokens$"
        r"|(^|_)(openai|anthropic|wandb|hf|azure|kaggle|hmac|rsa)_key$"
        r"|(^|_)(api|access|private|secret|encryption|signing|ssh|auth|client|service|shared|master|account|storage|license"
        r"|subscription)_?keys?(_|$)"
        r"|(^|_)(api|access|auth|bearer|refresh|session|security)_?tokens?(_|$)"
    )
    piece_of_text = (
        r"(^|_)(bos|eos|pad|unk|sep|cls|mask|eot|eom|eod|boi|eoi|sos|start|begin|stop|end|special|extra|added|image|audio|"
        r"video|vision|per|first|last|next|prev|new|prompt|prefix|suffix|middle|fim|think|tool|split|newline|blank|"
        r"max|min|num|total|by|de|chat|response|assistant|output|input|nl|sot|sentinel|answer|word|target|ignore)_?token$"
    )
    if re.search(credential, words):
        return True
    return words.endswith("token") and not re.search(piece_of_text, words)


def redact_pairs(text: str) -> str:
    """Replace what a credential's name introduces in a text: `password=…`, `"api_key": "…"`, `--hf-token …`."""
    import re

    pair_shape = re.compile(
        r"(?<![\w.-])(?P<option>--)?"
        r"(?P<key>[\w.-]{0,60}(?:pass|pwd|secret|token|key|cred|auth|cookie|dsn|sig)[\w.-]{0,60})"
        r"""(?:(?:\\?["']\]?)?\s{0,3}(?:=>|[:=])\s{0,3}\\?["']?|(?(option)\s{1,3}["']?|(?!)))""",
        re.IGNORECASE,
    )
    value_shape = re.compile(
        r"""(?<=")[^"\\]+|(?<=')[^'\\]+|(?:(?:bearer|basic|token) )?[^\s"'&,;\\\[({<][^\s"'&,;\\]*""", re.IGNORECASE
    )
    done, position = "", 0
    while pair := pair_shape.search(text, position):
        done += text[position : pair.end()]
        position = pair.end()  # a value that is no secret can hold a pair of its own
        value = value_shape.match(text, position) if names_credential(pair["key"]) else None
        if value and not re.fullmatch(r"-?\d*\.\d+(?:[eE][+-]?\d+)?", value[0]):
            done += "[REDACTED]"
            position = value.end()
    return done + text[position:]


def redact_text(text: str) -> str:
    """Replace the secrets in a text: known shapes, PEM blocks, credentials in URLs and in pairs."""
    import re

    shapes = (
        r"-----BEGIN [A-Z0-9 ]+-----.*?(?:-----END [A-Z0-9 ]+-----|\Z)",  # a cut block is as secret as a whole one
        r"(?<![A-Za-z0-9])(?:hf|gh[opsur]|npm|r8|dop_v1|(?:sk|rk)_(?:live|test))_[A-Za-z0-9]{16,}",
        r"(?<![A-Za-z0-9])github_pat_[A-Za-z0-9_]{16,}",
        r"(?<![A-Za-z0-9])(?:glpat|nvapi|pypi)-[A-Za-z0-9_-]{16,}",
        r"(?<![A-Za-z0-9])sk-(?:proj|svcacct|admin|ant|or|lf)-[A-Za-z0-9_-]{16,}",
        r"(?<![A-Za-z0-9])sk-(?:[A-Za-z0-9]{1,12}-){0,3}[A-Za-z0-9_]{16,}[A-Za-z0-9_-]*",
        r"(?<=[?&]sig=)[^&#\s\"']+",
        r"(?<=-Signature=)[A-Fa-f0-9]{16,}",
        r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{12,}",
        r"(?<![A-Za-z0-9])AIza[A-Za-z0-9_-]{30,}",
        r"(?<![A-Za-z0-9])xox[a-z]-[A-Za-z0-9-]{10,}",
        r"(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?",
        r"(?<=[Bb]earer )[A-Za-z0-9._~+/=-]{16,}",
        r"(?<=://)[^\s/?#@:]*:[^\s/?#]*(?=@(?!sha256:))",
        r"(?<=https://)(?=[^@\s]*\d)[A-Za-z0-9_.~-]{20,}(?=@)",
    )
    for shape in shapes:
        text = re.sub(shape, "[REDACTED]", text, flags=re.DOTALL)
    return redact_pairs(text)


def property_name(prefix: str, key: str) -> str:
    """Name a key's property so that the server's filter needs no quotes: `eval_arc_easy_acc > 0.7`."""
    import hashlib
    import re

    word = re.sub(r"[^A-Za-z0-9]+", "_", key.removesuffix(",none")).strip("_") or "unnamed"
    if word.lower().startswith(f"{prefix}_"):
        word = word[len(prefix) + 1 :]
    name = f"{prefix}_{word}"
    if len(name) > 255:  # longer ones are a 500 from the server (measured)
        name = f"{name[:246].rstrip('_')}_{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()[:8]}"
    return name


def unwrap(value: Any) -> Any:
    """Take a list or dict out of the wrapper that KFP stores it in: `{"list": […]}`, `{"struct": {…}}`."""
    while isinstance(value, dict) and len(value) == 1:
        wrapper, content = next(iter(value.items()))
        if (wrapper, type(content)) not in (("list", list), ("struct", dict)):
            break
        value = content
    return value


def flatten(key: str, value: Any, levels: int = 30) -> list[tuple[str, Any]]:
    """List what a value holds, nested dicts with dotted keys (`optimizer.lr`); dicts below `levels` stay one value."""
    value = unwrap(value)
    if not isinstance(value, dict) or not value or levels == 0:
        return [(key, value)]
    parts = [flatten(f"{key}.{inner}", item, levels - 1) for inner, item in value.items()]
    return [part for inner_parts in parts for part in inner_parts]


def publishable(key: str, value: Any, levels: int = 100) -> Any:
    """Return a value without its secrets and with numbers that do not depend on KFP, which may turn 3.0 into 3."""
    import re

    if isinstance(value, int | float) and not isinstance(value, bool):  # never a secret
        number = stored_number(value)
        return int(number) if isinstance(number, float) and abs(number) < 2**53 and number.is_integer() else number
    if isinstance(value, str):
        is_named = any(names_credential(part) for part in (key, *key.split(".")))
        return "[REDACTED]" if value and is_named else redact_text(value)
    if isinstance(value, list | dict) and levels == 0:
        return "[nested too deeply]"
    value = unwrap(value)
    if isinstance(value, list):
        # In a command line, ["--api-key", "…"], the option names what follows it.
        options = [item if isinstance(item, str) and re.fullmatch(r"--[\w-]+", item) else key for item in value]
        return [publishable(name, item, levels - 1) for name, item in zip([key, *options], value, strict=False)]
    if isinstance(value, dict):
        # {"name": "HF_TOKEN", "value": "…"}, as Kubernetes writes an environment, names its value in another member.
        owner = value["name"] if isinstance(value.get("name"), str) else key
        keys = {k: f"{owner}.{k}" if k == "value" else f"{key}.{k}" for k in value}
        return {redact_text(str(k)): publishable(keys[k], item, levels - 1) for k, item in value.items()}
    return value


def stored_number(value: float) -> float | str:
    """Return a number as the server takes it: a double; as text what JSON cannot hold (a 400, measured)."""
    import math

    try:
        number = float(value)
    except OverflowError:
        number = math.inf if value > 0 else -math.inf
    if math.isnan(number):
        return "NaN"
    return number if math.isfinite(number) else ("Infinity" if number > 0 else "-Infinity")


def stored_text(text: str, longest: int = 4096) -> str:
    """Return text that the server takes and gives back: no NUL, no lone surrogate, no leading `mlmd-struct::`."""
    text = text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
    if len(text) > longest:
        ending = f"… [cut from {len(text):,} characters]"
        text = text[: longest - len(ending)] + ending
    # The server takes such a text for a coded struct, and can then read neither this version nor a list that holds it.
    return "mlmd_struct::" + text.removeprefix("mlmd-struct::") if text.startswith("mlmd-struct::") else text


def property_value(key: str, value: Any) -> float | str:
    """Turn one value into a property's: a double or a text. `None` becomes an empty text."""
    import json

    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return stored_number(value)
    value = publishable(key, value)
    return stored_text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))


def count_remark(what: str, names: list[str]) -> list[str]:
    """Return the log's sentence about these names, the first ten of them in full; nothing for no names."""
    if not names:
        return []
    shown = [stored_text(redact_text(name), 300) for name in names[:10]] + ["…"] * (len(names) > 10)
    return [f"{what}: {len(names):,} ({', '.join(shown)})."]


def named_properties(prefix: str, entries: list[tuple[str, Any]]) -> tuple[dict[str, float | str], list[str]]:
    """Name and clean what a source measured, in the order given; two different values never share a name.

    Args:
        prefix: The word that the names begin with.
        entries: Keys as the source wrote them, and their values.

    Returns:
        The properties, and remarks that count what was left out, cut, hidden or renamed.
    """
    properties: dict[str, float | str] = {}
    values_under: dict[str, set[float | str]] = {}  # by folded name, before it gets a number
    taken: set[str] = set()
    empty, cut, hidden, renamed = [], [], [], []
    for key, value in [(redact_text(key), property_value(key, value)) for key, value in entries]:
        name = free = property_name(prefix, key)
        values = values_under.setdefault(fold_name(name), set())
        if value in values:
            continue
        if isinstance(value, str) and not value.strip():
            empty.append(name)
            continue
        number = max(2, len(values) + 1)
        while fold_name(free) in taken:
            free = f"{name[: 255 - len(f'_{number}')]}_{number}"
            number += 1
        properties[free] = value
        taken.add(fold_name(free))
        values.add(value)
        if free != name or len(f"{prefix}_{key}") > 255 or name == f"{prefix}_unnamed":
            renamed.append(f"{key} is {free}")
        if isinstance(value, str) and "[REDACTED]" in value:
            hidden.append(free)
        if isinstance(value, str) and len(value) == 4096 and value.endswith(" characters]"):
            cut.append(free)
    remarks = count_remark(f"Empty {prefix} values, left out", empty)
    remarks += count_remark(f"Long {prefix} values, cut to 4,096 characters", cut)
    remarks += count_remark(f"Secret {prefix} values, hidden", hidden)
    remarks += count_remark(f"Changed {prefix} names (too long, without a letter, or taken)", renamed)
    return properties, remarks


def metric_entries(metadata: dict[str, Any]) -> list[tuple[str, Any]]:
    """List what a Metrics artifact holds, without the keys that KFP itself adds."""
    own_keys = ("display_name", "store_session_info", "_kfp_workspace")
    entries = [flatten(str(key), value) for key, value in metadata.items() if key not in own_keys]
    return [entry for part in entries for entry in part]


def training_properties(metadata: dict[str, Any]) -> tuple[dict[str, float | str], list[str]]:
    """Record the training step's hyperparameters and metrics as `training_<key>`.

    Args:
        metadata: The metadata of the training step's Metrics artifact.

    Returns:
        The properties, and remarks for the log.
    """
    return named_properties("training", metric_entries(metadata))


def skip_json_element(file: BinaryIO) -> None:
    """Move past the JSON string, list or object that starts at the file's position, holding 1 MiB of it.

    Each chunk loses its escapes, then all but quotes and brackets, then what lies between quotes, then pairs of
    brackets, all at C speed: streaming parsers are slower than json.load or refuse NaN (measured). What stays are
    brackets that close what an earlier chunk opened, and brackets that a later one closes. A chunk with the element's
    end is read again in smaller steps.
    """
    other_bytes = bytes(set(range(256)) - set(b'"[]{}'))
    as_lists = bytes.maketrans(b"{}", b"[]")
    is_string = file.read(1) == b'"'
    in_string, depth, step, found = is_string, 1, 64, False
    while True:
        start = file.tell()
        chunk = file.read(step)
        if (len(chunk) - len(chunk.rstrip(b"\\"))) % 2:
            chunk += file.read(1)  # never part a backslash from what it escapes
        if not chunk:
            raise ValueError("the file ends in the middle of a value")
        bare = chunk.replace(b"\\\\", b"").replace(b'\\"', b"").translate(as_lists, other_bytes)
        pieces = bare.split(b'"')
        brackets = unmatched_brackets(b"".join(pieces[in_string::2]))
        ends_here = len(pieces) > 1 if is_string else brackets.count(b"]") >= depth
        if ends_here and step == 1:
            return
        if ends_here:
            file.seek(start)
            step, found = max(1, step // 8), True
            continue
        depth += brackets.count(b"[") - brackets.count(b"]")
        in_string ^= len(pieces) % 2 == 0
        step = step if found else min(step * 4, 1 << 20)


def unmatched_brackets(brackets: bytes, rounds: int = 16) -> bytes:
    """Remove the pairs from a text of square brackets: `][[]` becomes `][`.

    Each round removes one level of nesting; what is nested deeper, as in no real file, is counted bracket by bracket.
    """
    from itertools import accumulate

    for _ in range(rounds):
        fewer = brackets.replace(b"[]", b"")
        if len(fewer) == len(brackets):
            return brackets
        brackets = fewer
    heights = accumulate(1 if bracket == ord("[") else -1 for bracket in brackets)
    closed = max(0, -min(heights, default=0))
    return b"]" * closed + b"[" * (closed + brackets.count(b"[") - brackets.count(b"]"))


def outline_json(file: BinaryIO, longest_text: int = 65_536, most_bytes: int = 1 << 20) -> dict[str, Any]:
    """Read a JSON object's own members; a list, object or long string becomes its place in the file, [start, end]."""
    import json
    import re

    outline, elements = bytearray(), 0
    while chunk := file.read(4096):
        element = re.search(rb'["\[{]', chunk)
        outline += chunk[: element.start()] if element else chunk
        if len(outline) > most_bytes or elements > 10_000:
            raise ValueError("it has more members than lm-eval writes")
        if element is None:
            continue
        start = file.seek(element.start() - len(chunk), 1)
        elements += 1
        if elements == 1:  # the object itself
            outline += file.read(1)
            continue
        skip_json_element(file)
        end = file.tell()
        if element[0] == b'"' and end - start <= longest_text:
            file.seek(start)
            outline += file.read(end - start)
        else:
            outline += b"[%d,%d]" % (start, end)
    members = json.loads(outline, parse_int=float)
    if not isinstance(members, dict):
        raise ValueError("it is not a JSON object")
    return members


def results_file(path: str) -> str:
    """Find the results: the file itself, or the one JSON file in a folder; links in it, pipes and devices do not count.

    Raises:
        ValueError: There is no such file, or more than one.
        OSError: The path cannot be read.
    """
    import stat
    from pathlib import Path

    if not path:
        raise ValueError("the artifact has no path")
    if stat.S_ISREG(Path(path).stat().st_mode):
        return path
    if not Path(path).is_dir():
        raise ValueError("it is neither a file nor a folder")
    found = [file for file in Path(path).rglob("*.json") if stat.S_ISREG(file.lstat().st_mode)]
    if len(found) != 1:
        raise ValueError(f"the folder holds {len(found)} JSON files, not one")
    return str(found[0])


def read_member(file: BinaryIO, value: Any, largest: int = 4 << 20) -> Any:
    """Read one member of the outline: a value as it is, or what stands at its place in the file.

    Raises:
        ValueError: It is no JSON, or larger than anything that lm-eval writes there.
    """
    import json

    if not isinstance(value, list):
        return value
    start, end = int(value[0]), int(value[1])
    if end - start > largest:
        raise ValueError(f"is larger than {largest:,} bytes")
    file.seek(start)
    try:
        return json.loads(file.read(end - start), parse_int=float)
    except (ValueError, RecursionError):
        raise ValueError("is not valid JSON") from None


def read_results(path: str) -> tuple[dict[str, Any], list[str]]:
    """Read what is recorded of lm-eval's results; `samples`, however large, is never held in memory.

    Args:
        path: The results file, or a folder that holds one.

    Returns:
        The wanted members (none of a file that is missing, broken or something else), and remarks for the log.
    """
    wanted = {"results", "groups", "group_subtasks", "higher_is_better", "n-shot", "n-samples", "config"}
    wanted |= {"lm_eval_version", "git_hash"}
    members: dict[str, Any] = {}
    remarks = []
    try:
        with open(results_file(path), "rb") as file:
            for name, value in outline_json(file).items():
                if name not in wanted:
                    continue
                try:
                    members[name] = read_member(file, value)
                except ValueError as error:
                    remarks.append(f"The evaluation results' {name!r} {error}: it is not recorded.")
    except (OSError, ValueError, RecursionError) as error:
        reason = redact_text(str(error))
        return {}, [f"The evaluation results could not be read ({reason}): only their location is recorded."]
    if not remarks and not as_dict(members.get("results")) and not as_dict(members.get("groups")):
        return {}, ["The evaluation results hold no lm-eval scores: only their location is recorded."]
    if not remarks and not task_scores(members):
        remarks.append("The evaluation results hold no score of a task or group: none is recorded.")
    return members, remarks


def as_dict(value: Any) -> dict[str, Any]:
    """Return a dict as it is, and an empty one for anything else: other tools' files are no reason to fail."""
    return value if isinstance(value, dict) else {}


def score_of(value: Any) -> float | None:
    """Read a score that lm-eval wrote as a number or as its text; `None` for "N/A" and whatever is no score."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def task_scores(results: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """List each task's and group's (task, metric key, value) as lm-eval wrote it; counts and `bypass` are no scores."""
    no_scores = ("name", "alias", "sample_len", "sample_count", "samples", "bypass", "bypass_stderr")
    tasks = {**as_dict(results.get("groups")), **as_dict(results.get("results"))}
    return [
        (task, key, value)
        for task, scores in tasks.items()
        for key, value in as_dict(scores).items()
        if key.strip() and key.split(",")[0] not in no_scores
    ]


def subtask_names(results: dict[str, Any]) -> set[str]:
    """Name the tasks that are part of a group's score; in a group without a score each task stands for itself.

    Files without `group_subtasks` show a subtask by a dash before its alias.
    """
    if "group_subtasks" not in results:
        tasks = as_dict(results.get("results")).items()
        return {task for task, scores in tasks if str(as_dict(scores).get("alias")).lstrip().startswith("- ")}
    scored = {task for task, _, value in task_scores(results) if score_of(value) is not None}
    groups = as_dict(results.get("group_subtasks")).items()
    members = [names for group, names in groups if isinstance(names, list) and group in scored]
    return {name for names in members for name in names if isinstance(name, str)}


def higher_is_better(task: str, metric: str, results: dict[str, Any]) -> bool:
    """Say whether a high score is a good one: as declared; a group without a declaration follows all its subtasks."""
    declared, groups = as_dict(results.get("higher_is_better")), as_dict(results.get("group_subtasks"))
    pending, seen, answers = [task], set(), []
    while pending:
        name = pending.pop()
        if not isinstance(name, str) or name in seen:
            continue
        seen.add(name)
        if metric in as_dict(declared.get(name)):
            answers.append(declared[name][metric])
        else:
            pending += groups[name] if isinstance(groups.get(name), list) else []
    return all(answer is True for answer in answers)


def best_score(results: dict[str, Any]) -> tuple[str, float] | None:
    """Pick the top-level tasks' and groups' best accuracy-like score: a share of right answers, 0 to 1."""
    import re

    accuracy_like = r"(?:^|[_-])(?:acc|accuracy|em|f1|match|mc\d|pass@\d+|pass_at_\d+)(?:[_-]|$)"
    subtasks, best = subtask_names(results), None
    for task, key, value in task_scores(results):
        metric, score = key.split(",")[0], score_of(value)
        if score is None or not 0 <= score <= 1 or metric.endswith("_stderr") or not re.search(accuracy_like, metric):
            continue
        if task not in subtasks and higher_is_better(task, metric, results) and (best is None or score > best[1]):
            best = property_name("eval", redact_text(f"{task}_{key}")), score
    return best


def repeated_scores(results: dict[str, Any]) -> set[tuple[str, float | str]]:
    """List what the evaluation step's metrics may repeat of its results, as (folded name, value).

    The evaluation component writes numbers as `<alias>_<metric>,<filter>`, with `holdout` for `custom_holdout_eval`.
    """
    repeated = set()
    for task, scores in {**as_dict(results.get("groups")), **as_dict(results.get("results"))}.items():
        alias = "holdout" if task == "custom_holdout_eval" else as_dict(scores).get("alias", task)
        for key, value in as_dict(scores).items():
            if isinstance(value, int | float):
                names = {fold_name(property_name("eval", f"{shown}_{key}")) for shown in (task, alias)}
                repeated |= {(name, stored_number(value)) for name in names}
    return repeated


def task_counts(results: dict[str, Any]) -> list[tuple[str, Any]]:
    """List few-shot examples and evaluated samples per task; lm-eval 0.3 has one `num_fewshot` for all."""
    counts = [(f"{task}_num_fewshot", shots) for task, shots in as_dict(results.get("n-shot")).items()]
    if not counts:
        counts = [("num_fewshot", as_dict(results.get("config")).get("num_fewshot"))]
    for task, samples in as_dict(results.get("n-samples")).items():
        counted = as_dict(samples)
        counts.append((f"{task}_samples", counted.get("effective")))
        if counted.get("original") != counted.get("effective"):
            counts.append((f"{task}_samples_available", counted.get("original")))
    return [(key, number) for key, count in counts if (number := score_of(count)) is not None]


def evaluation_properties(
    metadata: dict[str, Any], results: dict[str, Any], results_uri: str
) -> tuple[dict[str, float | str], list[str]]:
    """Record the evaluation as `eval_<key>`: what matters most comes first, a score that both sources hold comes once.

    Args:
        metadata: The metadata of the evaluation step's Metrics artifact.
        results: lm-eval's results, as `read_results` returns them.
        results_uri: Where the full results are; empty if there are none.

    Returns:
        The properties, and remarks for the log.
    """
    import re

    best = best_score(results)
    about = [("best_metric", best[0]), ("best_score", best[1])] if best else []
    facts = {
        "results_uri": results_uri,
        "harness_version": results.get("lm_eval_version"),
        "harness_git_hash": results.get("git_hash"),
    }
    about += [(key, value) for key, value in facts.items() if value]
    scores = [(task, key, score_of(value)) for task, key, value in task_scores(results)]
    without_number = [property_name("eval", f"{task}_{key}") for task, key, score in scores if score is None]
    subtasks = subtask_names(results)
    ranked = sorted(scores, key=lambda score: (score[1].split(",")[0].endswith("_stderr"), score[0] in subtasks))
    repeated = repeated_scores(results)
    own = [
        (key, value)
        for key, value in metric_entries(metadata)
        if (fold_name(property_name("eval", key)), property_value(key, value)) not in repeated
    ]
    measured = [(f"{task}_{key}", score) for task, key, score in ranked if score is not None]
    properties, remarks = named_properties("eval", about + own + measured + task_counts(results))
    if best:
        # The step's own, rounded number may have taken the name: point at the property that holds this very score.
        numbered = re.compile(re.escape(fold_name(best[0])) + r"(_\d+)?")
        holders = [
            name for name, value in properties.items() if value == best[1] and numbered.fullmatch(fold_name(name))
        ]
        holder = holders[0] if holders else best[0]
        properties["eval_best_metric"] = holder
        # A version has room for so many properties: what this one names must not be left out for others.
        foremost = [name for name in ("eval_best_metric", "eval_best_score", holder) if name in properties]
        properties = {name: properties[name] for name in foremost} | properties
    return properties, remarks + count_remark("Evaluation scores without a number, left out", without_number)


def custom_properties_checked(custom: dict[str, Any]) -> dict[str, float | str]:
    """Check and clean the caller's own properties; names stay as given, and an empty text stays: it makes a label.

    Args:
        custom: The caller's properties.

    Returns:
        The same names with values that the server takes.

    Raises:
        ValueError: A name or a value that the server would not take.
    """
    names: dict[str, str] = {}
    for name, value in custom.items():
        shown = redact_text(repr(name))
        if not isinstance(name, str) or not name.strip() or len(name) > 255:
            raise ValueError(
                f"custom_properties: the name {shown} must be a text of 1 to 255 characters. Nothing was sent."
            )
        if fold_name(name) == "pipeline_run_id":
            raise ValueError(
                f"custom_properties: {shown} tells this step which version is its own: use source_pipeline_run_id "
                "instead. Nothing was sent."
            )
        if "\0" in name or name != name.encode("utf-8", "replace").decode():
            raise ValueError(
                f"custom_properties: the name {shown} holds a character that no registry stores. Nothing was sent."
            )
        if not isinstance(value, str | bool | int | float):
            kind = type(value).__name__
            raise ValueError(
                f"custom_properties: the value of {shown} must be text, a number or a boolean, not {kind}. "
                "Nothing was sent."
            )
        other = names.setdefault(fold_name(name), name)
        if other != name:
            raise ValueError(
                f"custom_properties: {redact_text(repr(other))} and {shown} are one name to MySQL. Nothing was sent."
            )
    return {name: property_value(name, value) for name, value in custom.items()}


def complete_properties(
    provenance: dict[str, str],
    training: dict[str, float | str],
    evaluation: dict[str, float | str],
    custom: dict[str, float | str],
    most: int = 1000,
) -> tuple[dict[str, float | str], list[str]]:
    """Join the sources into one version's properties: the caller's win, what matters least is cut first.

    Args:
        provenance: Which run made the model: `pipeline_*`, `base_model`.
        training: What `training_properties` returned.
        evaluation: What `evaluation_properties` returned, best first.
        custom: What `custom_properties_checked` returned.
        most: How many properties a version has at most.

    Returns:
        The properties, and a remark that counts what was left out.
    """
    run = {name: property_value(name, value) for name, value in provenance.items() if value.strip()}
    # An evaluation of hundreds of tasks must not crowd out the hyperparameters.
    foremost = dict(list(evaluation.items())[: most // 2])
    given = {fold_name(name) for name in custom}
    derived = foremost | training | evaluation
    replaced = [name for name in run | derived if fold_name(name) in given]
    joined = {name: value for name, value in run.items() if fold_name(name) not in given} | custom
    joined |= {name: value for name, value in derived.items() if fold_name(name) not in given}
    remarks = count_remark("Derived values replaced by custom_properties", replaced)
    remarks += count_remark(f"Properties beyond the first {most:,}, left out", list(joined)[most:])
    return dict(list(joined.items())[:most]), remarks


def uri_scheme(uri: str) -> str:
    """Tell a URI from a path.

    Args:
        uri: What an artifact or a caller names as the model's location.

    Returns:
        The scheme in lower case, or "" for a path in the pod, which is what `file://` means there, too.
    """
    import re

    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", uri)
    return scheme[1].lower() if scheme and scheme[1].lower() != "file" else ""


def without_credentials(uri: str) -> tuple[str, list[str]]:
    """Strip what would publish a credential to everybody who may read the registry.

    `container@account` of an abfs URI and `image@sha256:…` of an oci one are no credentials.

    Args:
        uri: A URI or a path.

    Returns:
        The URI without `user:password@`, `token@` (http) and signatures, and a remark if there were any.
    """
    import re

    clean = re.sub(r"(://)[^/?#\s@]*:[^/?#\s]*@(?!sha256:)", r"\1", uri)
    if clean.lower().startswith("http"):
        clean = re.sub(r"(://)[^/?#\s]*@", r"\1", clean)
        signature = r"sig|token|access_token|X-(?:Amz|Goog)-(?:Signature|Credential|Security-Token)"
        clean = re.sub(rf"([?&](?:{signature})=)[^&#]+", r"\1REDACTED", clean, flags=re.IGNORECASE)
    if clean == uri:
        return uri, []
    return clean, [f"The model's location held credentials; it is registered without them, as {clean}."]


def session_params(metadata: dict[str, Any]) -> dict[str, str]:
    """Read the object store's parameters that KFP's launcher puts on an artifact.

    Only the endpoint's address is ever used; the parameters name the secret's keys, not the secret.

    Args:
        metadata: The artifact's metadata; `store_session_info` is a JSON string
            `{"Provider": "minio"|"s3", "Params": {"endpoint": …, "region": …, "disableSSL": …}}`.

    Returns:
        The provider and whatever parameters are strings; {} for anything broken, as it costs the endpoint only.
    """
    import json

    try:
        session = json.loads(metadata.get("store_session_info") or "{}")
        params = session.get("Params") or {}
        given = {**params, "provider": session.get("Provider")}
    except (ValueError, TypeError, AttributeError):
        return {}
    # Go writes every value as a string; a hand-written true is the one other thing that has an obvious meaning.
    texts = {name: str(value).lower() if isinstance(value, bool) else value for name, value in given.items()}
    return {name: value.strip() for name, value in texts.items() if isinstance(value, str)}


def s3_endpoint(params: dict[str, str]) -> str:
    """Build `<scheme>://<host>:<port>`, as the registry's UI and `model_registry.utils.s3_uri_from` have it.

    Args:
        params: The object store's parameters.

    Returns:
        The endpoint; for AWS itself the regional one, which it needs; "" if unknown or unusable.
    """
    import re

    endpoint, region = params.get("endpoint", "").rstrip("/"), params.get("region", "")
    aws = endpoint or (params.get("provider", "").lower() == "s3" and "s3.amazonaws.com")
    if aws and region and re.fullmatch(r"(https?://)?s3\.amazonaws\.com(:443)?", aws, re.IGNORECASE):
        domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        return f"https://s3.{region}.{domain}"
    if endpoint and "://" not in endpoint:
        # The spellings of Go's strconv.ParseBool, which reads this value in KFP.
        plain = params.get("disableSSL", "").lower() in ("1", "t", "true")
        endpoint = f"{'http' if plain else 'https'}://{endpoint}"
    endpoint, _ = without_credentials(endpoint)
    return endpoint if re.fullmatch(r"https?://[^\s?#&]+", endpoint, re.IGNORECASE) else ""


def s3_location(uri: str, params: dict[str, str]) -> tuple[str, list[str]]:
    """Build the one S3 form that both KServe and the registry's UI can use (README, "Where the model is").

    The key goes in verbatim: KServe's downloader (kserve-storage 0.21, measured) takes what stands between the bucket
    and the first `?` or `#`, drops leading slashes, tabs and line ends, and decodes nothing.

    Args:
        uri: A `minio://` or `s3://` URI; one that names its endpoint already is kept.
        params: The object store's parameters, {} if unknown.

    Returns:
        `s3://bucket/key?endpoint=…&defaultRegion=…`, as far as known, and remarks.
    """
    import re

    location = "s3://" + uri.partition("://")[2]
    if re.search(r"[?&]endpoint=", location):
        return location, []
    remarks = []
    key = location[len("s3://") :].partition("/")[2]
    if key.startswith("/") or re.search(r"[?#\t\r\n]", key):
        remarks.append(
            f"WARNING: The key {key!r} holds a character that an S3 URI cannot express, so KServe will not find the "
            "model there: store it under a key without '?', '#', tabs, line ends and a leading '/'."
        )
    region = params.get("region", "") if re.fullmatch(r"[A-Za-z0-9_-]+", params.get("region", "")) else ""
    endpoint = s3_endpoint({**params, "region": region, "provider": params.get("provider") or uri_scheme(uri)})
    if not endpoint:
        remarks.append(
            f"The object store's endpoint is unknown, so the model is registered as {location} alone: "
            "KServe then takes the endpoint from its own storage secret, and the registry's UI shows no bucket. "
            "To name it, pass model_uri=s3://<bucket>/<key>?endpoint=<scheme://host:port>&defaultRegion=<region>."
        )
        return location, remarks
    return f"{location}?endpoint={endpoint}" + (f"&defaultRegion={region}" if region else ""), remarks


def claims_are_needed(model_uri: str, artifact: dict[str, Any]) -> bool:
    """Tell whether only this pod's own spec can tell the location: it is a path in the pod, nothing else.

    Args:
        model_uri: The caller's location, "" if none.
        artifact: The model artifact as {"uri": …, "path": …, "metadata": …}, or {}.

    Returns:
        True if `locate_model` will ask for the claims, in a cluster.
    """
    given = model_uri.strip()
    return not uri_scheme(given or artifact.get("uri") or "") and not given.lower().startswith("file://")


def pod_mounts(pod: dict[str, Any], environment: dict[str, str]) -> list[dict[str, Any]]:
    """List what is mounted where in this container (core/v1 Pod).

    Args:
        pod: The pod as the Kubernetes API describes it.
        environment: The container's environment, which `subPathExpr` refers to.

    Returns:
        A dict a mount: mount_path, sub_path, claim ("" if the volume is none) and `lasting`: the claim of a generic
        ephemeral volume, `<pod>-<volume>`, goes with the pod, and that of the KFP workspace with the run.
    """
    import re

    spec = pod.get("spec") or {}
    claims: dict[str, str] = {}
    ephemeral: list[str] = []
    for volume in spec.get("volumes") or []:
        if volume.get("ephemeral"):
            claims[volume["name"]] = f"{pod['metadata']['name']}-{volume['name']}"
            ephemeral.append(volume["name"])
        else:
            claims[volume["name"]] = (volume.get("persistentVolumeClaim") or {}).get("claimName", "")
    containers = spec.get("containers") or []
    # Argo calls the step's container "main"; elsewhere (a notebook) all of them are looked at.
    own = [container for container in containers if container.get("name") == "main"] or containers
    mounts = [mount for container in own for mount in container.get("volumeMounts") or []]
    return [
        {
            "mount_path": mount["mountPath"],
            "sub_path": mount.get("subPath")
            or re.sub(r"\$\((\w+)\)", lambda name: environment.get(name[1], name[0]), mount.get("subPathExpr") or ""),
            "claim": claims.get(mount["name"], ""),
            "lasting": mount["name"] not in ephemeral and not claims.get(mount["name"], "").endswith("-kfp-workspace"),
        }
        for mount in mounts
    ]


def finish_within(seconds: float, call: Callable[[], Any]) -> Any:
    """Bound a best-effort call: a client's own time-out starts anew with every byte that a sick server sends.

    Args:
        seconds: How long to wait.
        call: What to do.

    Returns:
        What the call returned, or raises what it raised.

    Raises:
        TimeoutError: There was no answer in time; the call is left to a thread that does not hold up the exit.
    """
    import threading
    from concurrent.futures import Future

    outcome: Future[Any] = Future()

    def run() -> None:
        try:
            outcome.set_result(call())
        except BaseException as error:  # handed to the caller, who raises it
            outcome.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        return outcome.result(seconds)
    except TimeoutError as error:
        raise TimeoutError(f"no answer within {seconds:g} s") from error


def read_resource(path: str, account_dir: str, seconds: float) -> dict[str, Any]:
    """Read one object from the Kubernetes API, as this pod's service account, in one request that is not retried.

    Only the pod's own account counts: the kubeconfig of a laptop is never consulted. The answer is read as raw JSON,
    since the client's models refuse an object that lacks a field they want.

    Args:
        path: The object's path, `/api/v1/namespaces/…`.
        account_dir: The folder with the service account's token and CA.
        seconds: How long to wait for the answer.

    Returns:
        The object.

    Raises:
        LookupError: It cannot be read; one plain sentence says why.
    """
    import json

    def ask() -> Any:
        from kubernetes import client
        from kubernetes.config.incluster_config import InClusterConfigLoader

        configuration = client.Configuration()
        InClusterConfigLoader(f"{account_dir}/token", f"{account_dir}/ca.crt").load_and_set(configuration)
        configuration.retries = False
        answer = client.ApiClient(configuration).call_api(
            path,
            "GET",
            auth_settings=["BearerToken"],
            _preload_content=False,
            _return_http_data_only=True,
            _request_timeout=(seconds, seconds),
        )
        return json.loads(answer.data)

    try:
        return dict(finish_within(seconds, ask))
    except Exception as error:  # best effort: whatever the client raises, the registration goes on
        status = getattr(error, "status", None)
        text = f"HTTP {status} {getattr(error, 'reason', '')}" if status else f"{type(error).__name__}: {error}"
        raise LookupError(f"the Kubernetes API gave no {path}: {' '.join(text.split())[:300]}") from error


def unknown_parts(names: list[str], known: dict[str, Any]) -> list[str]:
    """Name, for the log, what is not known about the run.

    Args:
        names: What to look at, of "namespace", "run_id", "run_name".
        known: What is known.

    Returns:
        The names of the empty ones, as a reader says them.
    """
    titles = {"namespace": "namespace", "run_id": "run ID", "run_name": "run name"}
    return [titles[name] for name in names if not known[name]]


def observe_cluster(
    missing: list[str],
    needs_claims: bool,
    account_dir: str = "/var/run/secrets/kubernetes.io/serviceaccount",
    seconds: float = 10.0,
) -> tuple[dict[str, Any], list[str]]:
    """Look at the pod that this runs in: the one edge of location and provenance.

    The Kubernetes API is asked only for what nothing nearer can tell, in at most two calls: the pod for the run's ID
    and the claims, the Argo Workflow for the run's display name.

    Args:
        missing: What the caller left empty, of "namespace", "run_id", "run_name".
        needs_claims: Whether only the pod's spec can tell the location.
        account_dir: The folder that Kubernetes mounts the service account into.
        seconds: How long to wait for each call.

    Returns:
        {"in_cluster", "namespace", "run_id", "run_name", "workflow", "mounts"}, "" or [] for what is unknown, and one
        remark if something asked for stays unknown.
    """
    import os

    seen: dict[str, Any] = {"in_cluster": bool(os.environ.get("KUBERNETES_SERVICE_HOST"))}
    seen |= {"namespace": "", "run_id": "", "run_name": "", "workflow": "", "mounts": []}
    if not seen["in_cluster"]:
        return seen, []
    reason = f"{account_dir}/namespace is empty"
    try:
        with open(f"{account_dir}/namespace", encoding="utf-8") as file:
            seen["namespace"] = file.read().strip()
        if needs_claims or "run_id" in missing or "run_name" in missing:
            pod_name = os.environ.get("KFP_POD_NAME") or os.environ.get("HOSTNAME")
            if not pod_name:
                raise LookupError("neither KFP_POD_NAME nor HOSTNAME names this pod")
            reason = f"pod {pod_name} lacks the labels of a pipeline's pod"
            pod = read_resource(f"/api/v1/namespaces/{seen['namespace']}/pods/{pod_name}", account_dir, seconds)
            labels = (pod.get("metadata") or {}).get("labels") or {}
            seen["run_id"] = labels.get("pipeline/runid", "")
            seen["workflow"] = labels.get("workflows.argoproj.io/workflow", "")
            seen["mounts"] = pod_mounts(pod, dict(os.environ))
        if "run_name" in missing and seen["workflow"]:
            reason = f"workflow {seen['workflow']} lacks the annotation pipelines.kubeflow.org/run_name"
            workflows = f"/apis/argoproj.io/v1alpha1/namespaces/{seen['namespace']}/workflows"
            workflow = read_resource(f"{workflows}/{seen['workflow']}", account_dir, seconds)
            annotations = (workflow.get("metadata") or {}).get("annotations") or {}
            seen["run_name"] = annotations.get("pipelines.kubeflow.org/run_name", "")
    except Exception as error:  # best effort: an odd answer is no reason to lose a registration
        reason = str(error) or type(error).__name__
    unknown = unknown_parts(missing, seen) + (["volume claims"] if needs_claims and not seen["mounts"] else [])
    return seen, [f"Unknown: {', '.join(unknown)}, since {reason}."] if unknown else []


def pvc_location(path: str, mounts: list[dict[str, Any]]) -> tuple[str, bool]:
    """Turn a path in the pod into one inside the claim that holds it.

    The longest matching mount decides, whatever its volume is: what lies in an emptyDir inside a claim's mount is not
    in the claim. With a `subPath` the mount shows a folder of the claim.

    Args:
        path: An absolute path in the pod.
        mounts: What is mounted where.

    Returns:
        `pvc://<claim>/<path inside the claim>`, "" if no claim holds the path; and whether the claim outlives the run.
    """
    import posixpath

    path = posixpath.normpath(path)
    inside: dict[str, dict[str, Any]] = {}
    for mount in mounts:
        root = posixpath.normpath(mount["mount_path"])
        if path == root or path.startswith(root.rstrip("/") + "/"):
            inside[root] = mount
    if not inside:
        return "", False
    root = max(inside, key=len)
    mount = inside[root]
    if not mount["claim"]:
        return "", False
    below = posixpath.relpath(path, root)
    parts = [mount["claim"], mount["sub_path"].strip("/"), "" if below == "." else below]
    return "pvc://" + "/".join(part for part in parts if part), mount["lasting"]


def volume_location(paths: list[str], mounts: list[dict[str, Any]]) -> tuple[str, list[str]]:
    """Find the claim that holds the model; a claim that outlives the run wins over one that does not.

    Args:
        paths: Absolute paths in the pod where the model lies, the likeliest first.
        mounts: What is mounted where.

    Returns:
        The location and, if it goes with the run, a remark.

    Raises:
        ValueError: No claim holds the model.
    """
    held = [found for found in (pvc_location(path, mounts) for path in paths) if found[0]]
    if not held:
        spec = "no volume claim of this pod holds it" if mounts else "this pod's spec could not be read"
        raise ValueError(
            f"The model lies at {' or '.join(map(repr, paths))} inside this pod, and {spec}, so nothing outside the "
            "pod can find it there. Nothing was registered. Pass its location as model_uri (pvc://<claim>/<path>, "
            "s3://…), or let the pod's service account read pods."
        )
    location, lasting = max(held, key=lambda found: found[1])
    if lasting:
        return location, []
    warning = (
        f"WARNING: {location} will not outlive the run, since the claim goes with it: "
        "store the model in an object store or on a claim of its own to deploy it later."
    )
    return location, [warning]


def model_paths(given: str, artifact: dict[str, Any], pvc_mount_path: str, final_model: str) -> list[str]:
    """List where the model may lie in this pod, when no URI tells.

    Args:
        given: The caller's location, "" if none.
        artifact: The model artifact, or {}.
        pvc_mount_path: Where the pipeline's workspace is mounted; a relative `pvc_model_dir` lies there.
        final_model: The workspace's model folder, "" if there is none.

    Returns:
        Absolute paths, the likeliest first; `final_model` only if nothing names another one.
    """
    import os.path

    folder = (artifact.get("metadata") or {}).get("pvc_model_dir")
    if isinstance(folder, str) and folder.strip():
        folder = os.path.join(pvc_mount_path, folder)
    named = [given] if given else [folder, artifact.get("uri"), artifact.get("path")]
    # file:// is cut off verbatim: KServe's code decodes nothing (measured).
    paths = [path[7:] if path.lower().startswith("file://") else path for path in named if isinstance(path, str)]
    paths = [os.path.abspath(path) for path in paths if path.strip()]
    return list(dict.fromkeys(paths)) or ([os.path.abspath(final_model)] if final_model else [])


def locate_model(
    model_uri: str,
    artifact: dict[str, Any],
    pvc_mount_path: str,
    final_model_exists: bool,
    cluster: dict[str, Any],
) -> tuple[str, list[str]]:
    """Find the location to register, from four sources in this order (README, "Where the model is").

    `model_uri`; the artifact's own URI; a claim that holds the model's path; on the local runner, that path.

    Args:
        model_uri: The caller's location, "" if none.
        artifact: The model artifact as {"uri": …, "path": …, "metadata": …}, or {}.
        pvc_mount_path: Where the pipeline's workspace is mounted.
        final_model_exists: Whether `<pvc_mount_path>/final_model` exists.
        cluster: What `observe_cluster` saw.

    Returns:
        A URI that KServe and the registry's UI can use, and remarks.

    Raises:
        ValueError: There is no model, nothing outside the pod can find it, or its URI is too long.
    """
    given, final_model = model_uri.strip(), f"{pvc_mount_path.rstrip('/')}/final_model"
    uri, remarks = without_credentials(given or artifact.get("uri") or "")
    if uri_scheme(uri) in ("s3", "minio"):
        params = session_params({} if given else artifact.get("metadata") or {})
        location, more = s3_location(uri, params)
    elif uri_scheme(uri) or given.lower().startswith("file://"):
        location, more = uri, []
    elif given and not given.startswith("/"):
        shown = redact_text(given.rpartition("@")[2])
        raise ValueError(f"model_uri {shown!r} is neither a URI nor an absolute path. Nothing was registered.")
    else:
        paths = model_paths(given, artifact, pvc_mount_path, final_model if final_model_exists else "")
        if not paths:
            place = f"no {final_model!r} in this pod" if pvc_mount_path else "no pvc_mount_path with a final_model"
            raise ValueError(
                f"There is no model to register: no model_uri, no input_model that says where it is, and {place}. "
                "Nothing was registered; pass one of them."
            )
        location, more = (
            volume_location(paths, cluster["mounts"]) if cluster["in_cluster"] else (f"file://{paths[0]}", [])
        )
    if stored_text(location, len(location)) != location:
        raise ValueError(
            f"The model's URI {location[:100]!r} holds a character that no registry stores. Nothing was registered; "
            "store the model under another name."
        )
    size = len(location.encode())
    if size > 2600:  # the most that PostgreSQL's index takes (measured)
        raise ValueError(
            f"The model's URI has {size:,} bytes and the registry takes 2,600 at most: {location[:100]}… "
            "Nothing was registered; store the model under a shorter name."
        )
    return location, remarks + more


def trace_run(given: dict[str, str], cluster: dict[str, Any]) -> tuple[dict[str, str], list[str]]:
    """Complete what the caller said about the run with what the cluster tells.

    Args:
        given: pipeline_name, run_id, run_name and namespace, "" where the caller left it empty.
        cluster: What `observe_cluster` saw.

    Returns:
        The same keys, "" where unknown, and outside a cluster one remark about those (inside, `observe_cluster` has
        said why).
    """
    provenance = {name: value or cluster.get(name, "") for name, value in given.items()}
    unknown = unknown_parts(["namespace", "run_id", "run_name"], provenance)
    if cluster["in_cluster"] or not unknown:
        return provenance, []
    return provenance, [f"Unknown: {', '.join(unknown)}, since this runs outside a cluster."]


def model_source(provenance: dict[str, str]) -> dict[str, str]:
    """Name the run on the model artifact; dashboards link to it if group, id and name are there.

    Args:
        provenance: What `trace_run` completed.

    Returns:
        The modelSource fields that are known.
    """
    source = {
        "modelSourceKind": "kfp",
        "modelSourceClass": "pipelinerun",
        "modelSourceGroup": provenance["namespace"],
        "modelSourceId": provenance["run_id"],
        "modelSourceName": redact_text(provenance["run_name"] or provenance["pipeline_name"]),
    }
    return {field: stored_text(value) for field, value in source.items() if value}


def run_properties(provenance: dict[str, str], base_model: str) -> dict[str, str]:
    """Name the run on the model version, where it can be searched for.

    Args:
        provenance: What `trace_run` completed.
        base_model: The model artifact's `model_name`, "" if unknown.

    Returns:
        The properties that are known: the UI shows a property with an empty value as a label.
    """
    properties = {
        "pipeline_name": provenance["pipeline_name"],
        "pipeline_run_id": provenance["run_id"],
        "pipeline_run_name": provenance["run_name"],
        "pipeline_namespace": provenance["namespace"],
        "base_model": base_model,
    }
    return {name: value for name, value in properties.items() if value}


def registry_base_url(address: str, port: int) -> str:
    """Read the server's address in the forms that people write it (README, "TLS and tokens").

    Args:
        address: Host, `host:port`, `[IPv6]:port`, or an http(s) URL with an optional port and path prefix.
        port: Port to use where the address has none, 1 to 65535.

    Returns:
        `<scheme>://<host>:<port><prefix>`, without the API's own path.

    Raises:
        ValueError: It is no address, or it holds credentials, a query or a fragment.
    """
    import contextlib
    import ipaddress
    import re
    from urllib.parse import urlsplit

    refusal = ValueError(
        f"registry_address={redact_text(address)!r} is no server address: write a host, host:port, [IPv6]:port "
        "or an http(s):// URL, without user name, query or fragment. Nothing was sent."
    )
    text = address.strip()
    with contextlib.suppress(ValueError):
        text = f"[{ipaddress.IPv6Address(text)}]"
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        host, own_port = parts.hostname or "", parts.port
        host = f"[{ipaddress.IPv6Address(host)}]" if ":" in host else host.encode("idna").decode()
    except ValueError:
        raise refusal from None
    is_host = host.startswith("[") or re.fullmatch(r"(?!.*\.\.)\w[\w.-]*", host)
    if not is_host or parts.scheme not in ("", "http", "https") or own_port == 0 or re.search(r"\s", text):
        raise refusal
    is_mistyped = re.match(r"https?:/(?!/)", text, re.IGNORECASE)
    if is_mistyped or parts.username is not None or parts.query or parts.fragment:
        raise refusal
    if own_port is None:
        # 8080 is the parameter's default: nobody means it who writes https:// without a port.
        own_port = 443 if parts.scheme == "https" and port == 8080 else port
    scheme = parts.scheme or ("https" if own_port in (443, 8443) else "http")
    prefix = parts.path.split("/api/model_registry")[0].rstrip("/")
    return f"{scheme}://{host}:{own_port}{prefix}"


def may_carry_token(url: str) -> bool:
    """Tell whether a bearer token is safe on the way to a URL.

    Over https it is. In clear it may only go to loopback and to names that no resolver outside of the cluster answers:
    one label, `*.svc` and `*.svc.cluster.local`. A label starts with a letter (RFC 1035), which keeps out numbers that
    resolvers read as IPv4 addresses; `name.namespace` looks like `example.com` and does not count.
    """
    import ipaddress
    import re
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return bool(re.fullmatch(r"[a-z][a-z0-9_-]*|([a-z0-9_-]+\.)+svc(\.cluster\.local\.?)?", host))


def service_account(token: str) -> str:
    """Name the service account that a token's own claims give, for messages only: nothing is verified here."""
    import base64
    import json

    try:
        payload = token.split(".")[1]
        subject = str(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sub"])
    except (IndexError, KeyError, TypeError, ValueError):
        return "an unknown account (the token has no readable claims)"
    kind, _, name = subject.partition("system:serviceaccount:")
    if kind or not name:
        return f"{subject!r}"
    namespace, _, account = name.partition(":")
    return f"service account {account!r} of namespace {namespace!r}"


def bearer_token(
    environment: dict[str, str], account_token: str = "/var/run/secrets/kubernetes.io/serviceaccount/token"
) -> tuple[str, list[str]]:
    """Read the token that KFP mounts for pipeline steps, else the service account's own.

    Returns:
        The token ("" where there is none) and remarks for the log.
    """
    remarks = []
    for path in (environment.get("KF_PIPELINES_SA_TOKEN_PATH", ""), account_token):
        try:
            with open(path, encoding="ascii") as file:
                token = file.read().strip()
        except (OSError, ValueError):
            if path and path != account_token:
                remarks.append(f"KF_PIPELINES_SA_TOKEN_PATH names {path}, which cannot be read.")
            continue
        if token and token.isprintable() and " " not in token:
            return token, remarks
        remarks.append(f"{path} holds no token.")
    return "", remarks


def request_headers(url: str, token: str) -> tuple[dict[str, str], str, list[str]]:
    """Decide who the requests come from.

    Returns:
        The headers of every request, what an error says of the sender, and remarks for the log.
    """
    if not token:
        return {}, "no token was sent (none is mounted in this pod)", []
    if not may_carry_token(url):
        remark = (
            f"The pod's token is not sent to {url}: it would cross the network in clear, and the name may lie outside "
            "of the cluster. Write https://…, or the full name <service>.<namespace>.svc.cluster.local."
        )
        return {}, "no token was sent (it would have crossed the network in clear)", [remark]
    return {"Authorization": f"Bearer {token}"}, f"the token of {service_account(token)} was sent", []


def trusted_authorities(
    url: str,
    ca_path: str,
    service_ca: str = "/var/run/secrets/kubernetes.io/serviceaccount/service-ca.crt",
) -> list[str]:
    """Name the CA bundles that may vouch for the server beside the system's: the caller's and the cluster's service CA.

    Returns:
        Files that hold CA certificates; none for http.

    Raises:
        ValueError: `registry_ca_path` names no readable CA bundle.
    """
    import os
    import ssl

    bundles = []
    for path in (ca_path, service_ca):
        if not url.startswith("https://") or not path or (path == service_ca and not os.path.exists(path)):
            continue
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
            bundles.append(path)
        except OSError as error:
            if path == ca_path:
                raise ValueError(
                    f"registry_ca_path={path!r} is no CA bundle that this pod can read ({error}). Nothing was sent."
                ) from None
    return bundles


def proxy_url(url: str) -> str:
    """Find the environment's proxy for a server, "" for none.

    A proxy could read a token that goes in clear, and an in-cluster name is not for it anyway.
    """
    from urllib.parse import urlsplit
    from urllib.request import getproxies, proxy_bypass

    target = urlsplit(url)
    is_direct = target.scheme == "http" and may_carry_token(url)
    if is_direct or proxy_bypass(target.hostname or ""):
        return ""
    proxy = getproxies().get(target.scheme, "")
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy  # as curl takes it


def open_session(
    url: str, headers: dict[str, str], bundles: list[str]
) -> tuple[Callable[..., dict[str, Any]], Callable[[], None]]:
    """Open one session, with one connection, through the client that the `model-registry` package generates.

    The client is async, a registration is one step after the other: each request drives one private event loop. The
    session is given to the client ready-made, because its own one waits 300 s and follows redirects, which turns a POST
    into a GET. Its TLS context always verifies. Reading all CAs of the system costs as much as a request, so where
    other bundles are given, it is done only if these do not vouch for the server.

    Args:
        url: The server's base URL.
        headers: Headers of every request.
        bundles: Files of CA certificates to trust beside the system's.

    Returns:
        `send(method, path, query, body)`, which makes one request and returns its reply, and `close()`. A reply is
        `{"status", "document", "text", "headers"}`; status 0 and `failure` ("tls", "timeout" or "connection") say that
        there was no answer.
    """
    import asyncio
    import functools
    import json
    import types

    import aiohttp
    import yarl
    from mr_openapi import ApiClient, Configuration

    loop = asyncio.new_event_loop()
    client = ApiClient(Configuration(host=url, ssl_ca_cert=bundles[0] if bundles else None))
    trusts_system = not bundles
    client.user_agent = "kfp-model-registry-component"
    for name, value in headers.items():
        client.set_default_header(name, value)
    for bundle in bundles[1:]:
        client.rest_client.ssl_context.load_verify_locations(cafile=bundle)
    proxy = proxy_url(url)
    by_proxy = f", through the proxy {without_credentials(proxy)[0]}" if proxy else ""
    patience = aiohttp.ClientTimeout(total=35, sock_connect=5, sock_read=30)

    async def open_pool() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=1, ssl=client.rest_client.ssl_context)
        # No `trust_env`, which would send passwords of ~/.netrc, too.
        return aiohttp.ClientSession(connector=connector, proxy=proxy or None)

    pool = loop.run_until_complete(open_pool())
    client.rest_client.pool_manager = types.SimpleNamespace(
        request=functools.partial(pool.request, allow_redirects=False), close=pool.close
    )

    async def exchange(method: str, path: str, query: list[tuple[str, str]], body: Any) -> dict[str, Any]:
        verb, address, header, content, _ = client.param_serialize(
            method, path, query_params=query, header_params={"Accept": "application/json"}, body=body
        )
        # As it is: a decoded `;` would make Go's server drop the whole parameter.
        target: Any = yarl.URL(address, encoded=True)
        response = await client.call_api(verb, target, header, content, _request_timeout=patience)
        text = (await response.read()).decode("utf-8", errors="replace")
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            document = None
        return {"status": response.status, "document": document, "text": text, "headers": response.getheaders()}

    def send(method: str, path: str, query: list[tuple[str, str]], body: Any = None) -> dict[str, Any]:
        nonlocal trusts_system
        try:
            return loop.run_until_complete(exchange(method, path, query, body))
        except aiohttp.ClientConnectorCertificateError as error:
            if not trusts_system:
                client.rest_client.ssl_context.load_default_certs()
                trusts_system = True
                return send(method, path, query, body)
            failure, reason = "tls", getattr(error.certificate_error, "verify_message", "") or str(error)
        except aiohttp.ClientSSLError as error:  # no matter of trust: the server may restart, or speak plain http
            failure, reason = "connection", str(error)
            if "WRONG_VERSION_NUMBER" in reason:
                reason = f"{reason}; the server seems to speak plain http: write http://…"
        except TimeoutError:
            failure, reason = "timeout", "no answer in time (5 s to connect, 30 s to answer)"
        except (aiohttp.ClientError, OSError) as error:
            failure, reason = "connection", str(getattr(error, "os_error", error)) or type(error).__name__
        return {"status": 0, "failure": failure, "document": None, "text": reason + by_proxy, "headers": {}}

    def close() -> None:
        loop.run_until_complete(client.close())
        loop.close()

    return send, close


def is_unknown_path(reply: dict[str, Any]) -> bool:
    """Tell a path that the server does not serve (plain text) from an entity that it lacks (JSON: a message)."""
    document = reply["document"]
    is_message = isinstance(document, str) or (isinstance(document, dict) and "message" in document)
    return reply["status"] == 404 and not is_message


def settles(reply: dict[str, Any]) -> bool:
    """Tell whether an answer is final: what is transient is asked again, what the server decided is not.

    When its database restarts, the server blames a list's filter with a 400 (its own source, dbutil/errors.go).
    """
    if reply["status"] == 0:
        return reply["failure"] == "tls"
    if reply["status"] == 400:
        return "type mismatch or invalid value in comparison" not in reply["text"]
    return reply["status"] not in (429, 500, 502, 503, 504)


def retry_pause(attempt: int, retry_after: str, now: float, jitter: float) -> float:
    """Say how long to wait before the next try.

    Args:
        attempt: Tries of this request so far, from 0.
        retry_after: The answer's `Retry-After`, in seconds or as an HTTP date (RFC 9110, 10.2.3); "" if it has none.
        now: The clock, in seconds since the epoch.
        jitter: A random number in [0, 1): 64 steps that fail together must not come back together.

    Returns:
        Seconds: half a second doubling up to 16, spread by a quarter to both sides, and never less than asked for.
    """
    from email.utils import parsedate_to_datetime

    pause = min(0.5 * 2**attempt, 16.0) * (0.75 + jitter / 2)
    try:
        date = None if retry_after.strip().isdigit() else parsedate_to_datetime(retry_after)
        asked = date.timestamp() - now if date else float(retry_after)
    except (ValueError, OverflowError):
        asked = 0.0
    return max(pause, asked)


def wait_for_retry(registry: dict[str, Any], reply: dict[str, Any], attempt: int, began: float) -> None:
    """Wait before a request is sent again, or give up once about a minute of the registration has gone this way.

    Raises:
        ConnectionError: The minute is over, or `Retry-After` asks for more than is left of it.
    """
    import random
    import time

    pause = retry_pause(attempt, reply["headers"].get("Retry-After", ""), time.time(), random.random())
    registry["lost_seconds"] += time.monotonic() - began + pause
    if registry["lost_seconds"] > 60:
        raise ConnectionError(unreachable_text(registry, reply, attempt + 1))
    what = f"status {reply['status']}" if reply["status"] else reply["text"]
    print(f"The registry did not answer as it should ({redact_text(what)}); next try in {pause:.1f} s.", flush=True)
    time.sleep(pause)


def ask(
    registry: dict[str, Any], method: str, path: str, query: list[tuple[str, str]], body: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Make a request that may be repeated (GET, or a PATCH that says what shall be) until an answer settles it.

    The first answer also decides the API version: servers up to mid-2026 serve v1alpha3 only, newer ones v1, too.
    """
    import time

    attempt = 0
    while True:
        began = time.monotonic()
        reply = registry["send"](method, f"/api/model_registry/{registry['apis'][0]}{path}", query, body)
        if is_unknown_path(reply) and len(registry["apis"]) > 1:
            registry["apis"].pop(0)
        elif settles(reply):
            del registry["apis"][1:]
            return reply
        else:
            wait_for_retry(registry, reply, attempt, began)
            attempt += 1


def create(
    registry: dict[str, Any], path: str, body: dict[str, Any], read_back: Callable[[], dict[str, Any] | None], what: str
) -> tuple[dict[str, Any] | None, bool]:
    """Create an entity without ever making two: whatever is not a plain yes is read back before it is sent again.

    Args:
        registry: The open registry.
        path: Where to POST to.
        body: The entity.
        read_back: Looks for the entity on the server.
        what: The entity, as an error names it.

    Returns:
        The entity and whether this call made it; (None, False) if the server has a conflict (409) with something that
        `read_back` does not take for the entity.
    """
    import time

    attempt = 0
    while True:
        began = time.monotonic()
        reply = registry["send"]("POST", f"/api/model_registry/{registry['apis'][0]}{path}", [], body)
        is_yes = 200 <= reply["status"] < 300
        if is_yes and is_entity(reply["document"]):
            return {"name": body["name"], **reply["document"]}, True
        if reply["status"] != 409:
            if settles(reply) and not is_yes:
                raise refusal(registry, reply, f"creating {what}")
            registry["unsure"] = f"the creation of {what}"
            wait_for_retry(registry, reply, attempt, began)
        found = read_back()
        registry["unsure"] = ""
        if found or reply["status"] == 409:
            return found, False
        attempt += 1


def is_entity(document: Any) -> bool:
    """Tell whether a JSON value can be an entity: an object with an ID and, if any, a map of properties."""
    return (
        isinstance(document, dict)
        and isinstance(document.get("id"), str)
        and document["id"] != ""
        and isinstance(document.get("customProperties") or {}, dict)
    )


def name_filter(name: str) -> str:
    r"""Write the `filterQuery` that finds a name exactly; the caller compares what comes back, as look-alikes may.

    `\` escapes a quote in a literal (measured on all three databases), while `?name=` is an SQL LIKE. Two kinds of
    names need more (the server's own source, internal/db/filter): it strips every quote from both ends of a literal,
    and for versions it turns `=` into LIKE, where `\` never matches itself. There `_` stands for any character.
    """
    import re

    if re.search(r"^['\"]|\\|['\"]$", name):
        pattern = re.sub(r"[\\'\"]", "_", name)
        return f"name LIKE '%{pattern}'"
    literal = name.replace("'", "\\'")
    return f"name = '{literal}'"


def list_entities(registry: dict[str, Any], path: str, filter_query: str) -> list[dict[str, Any]]:
    """List what a filter finds, all pages of it, as raw JSON."""
    entities: list[dict[str, Any]] = []
    token = ""
    while True:
        query = [("filterQuery", filter_query)] if filter_query else []
        query += [("pageSize", "500")] + ([("nextPageToken", token)] if token else [])
        reply = ask(registry, "GET", path, query)
        page = reply["document"] if reply["status"] == 200 else None
        items = page.get("items") or [] if isinstance(page, dict) else None
        next_token = page.get("nextPageToken") or "" if isinstance(page, dict) else ""
        if not isinstance(items, list) or not all(map(is_entity, items)) or (token and next_token == token):
            raise refusal(registry, reply, f"reading {path}")
        entities += items
        token = next_token
        if not token:
            return entities


def read_entity(registry: dict[str, Any], path: str) -> dict[str, Any]:
    """Read one entity by its ID, as raw JSON."""
    reply = ask(registry, "GET", path, [])
    if reply["status"] != 200 or not is_entity(reply["document"]):
        raise refusal(registry, reply, f"reading {path}")
    return dict(reply["document"])


def find_by_name(registry: dict[str, Any], path: str, name: str) -> dict[str, Any] | None:
    """Find the one entity of exactly this name: same characters, same case."""
    found = [entity for entity in list_entities(registry, path, name_filter(name)) if entity.get("name") == name]
    return found[0] if found else None


def find_or_create_model(registry: dict[str, Any], registration: dict[str, Any]) -> dict[str, Any]:
    """Find the registered model by its exact name, or create it.

    Raises:
        RuntimeError: The server refuses, the model is archived, or its database takes another spelling for this name.
    """
    name = registration["model_name"]
    path = "/registered_models"
    what = f"the registered model {name!r}"
    model = find_by_name(registry, path, name)
    if not model:
        body = {
            "name": name,
            "description": registration["description"],
            "owner": registration["author"],
            "state": "LIVE",
        }
        body = {field: value for field, value in body.items() if value}
        model, _ = create(registry, path, body, lambda: find_by_name(registry, path, name), what)
    if not model:
        raise name_taken(registry, path, name, what)
    registry["held"].append(f"the registered model {name!r} (ID {model['id']})")
    refuse_archived(registry, model, what)
    return model


def name_taken(registry: dict[str, Any], path: str, name: str, what: str) -> Exception:
    """Explain a conflict about a name that is not there: MySQL and MariaDB fold case and accents (measured)."""
    listed = list_entities(registry, path, name_filter(name))
    names = {str(entity.get("name")) for entity in listed}
    spellings = sorted(other for other in names if fold_name(other) == fold_name(name))
    if spellings:
        reason = f"its database takes {', '.join(map(repr, spellings))} and {name!r} for one name"
        step = f"use {spellings[0]!r}, or a name that differs in more than case and accents."
    else:
        reason = "it says that the name is taken, yet does not find it"
        step = "choose another name, or ask who runs the registry."
    return RuntimeError(
        f"The registry at {registry['url']} refuses {what}: {reason}. {held_text(registry)} Next: {step}"
    )


def refuse_archived(registry: dict[str, Any], entity: dict[str, Any], what: str) -> None:
    """Leave alone what somebody has archived: a PATCH could revive it silently (measured)."""
    if entity.get("state") == "ARCHIVED":
        raise RuntimeError(
            f"The registry at {registry['url']} holds {what} (ID {entity['id']}), but it is ARCHIVED. Nothing in it "
            "was changed. Next: restore it in the registry, or register under another name."
        )


def find_or_create_version(
    registry: dict[str, Any], model: dict[str, Any], registration: dict[str, Any], name: str
) -> tuple[dict[str, Any], bool]:
    """Create a version of a model with all its properties, or find the one that has this name.

    Returns:
        The model version, and whether this call made it.
    """
    path = f"/registered_models/{model['id']}/versions"
    what = f"version {name!r} of {registration['model_name']!r}"
    body = {
        "name": name,
        "registeredModelId": model["id"],
        "description": registration["description"],
        "author": registration["author"],
        "state": "LIVE",
        "customProperties": metadata_values(registration["properties"]),
    }
    body = {field: value for field, value in body.items() if value}
    version, created = create(registry, path, body, lambda: find_by_name(registry, path, name), what)
    if not version:
        raise name_taken(registry, path, name, what)
    return version, created


def metadata_values(properties: dict[str, float | str]) -> dict[str, dict[str, Any]]:
    """Write properties as the API's typed values: numbers as doubles, text as strings."""
    return {
        name: {"metadataType": "MetadataStringValue", "string_value": value}
        if isinstance(value, str)
        else {"metadataType": "MetadataDoubleValue", "double_value": value}
        for name, value in properties.items()
    }


def list_model_artifacts(registry: dict[str, Any], version: dict[str, Any]) -> list[dict[str, Any]]:
    """List a version's model artifacts, oldest first; documents and data sets beside them are not ours to touch."""
    artifacts = list_entities(registry, f"/model_versions/{version['id']}/artifacts", "")
    models = [artifact for artifact in artifacts if artifact.get("artifactType") == "model-artifact"]
    return sorted(models, key=lambda artifact: (len(artifact["id"]), artifact["id"]))


def artifact_fields(registration: dict[str, Any]) -> dict[str, Any]:
    """Write the fields of the model artifact that a registration decides."""
    return {
        "artifactType": "model-artifact",
        "uri": registration["uri"],
        "modelFormatName": registration["format_name"],
        "modelFormatVersion": registration["format_version"],
        **registration["source"],
    }


def create_artifact(registry: dict[str, Any], version: dict[str, Any], registration: dict[str, Any]) -> dict[str, Any]:
    """Give a version its one model artifact.

    The artifact's name is the model's: a version holds one artifact of a name, so of two steps that do this at once one
    gets a conflict. That makes this step the one that decides whose version it is.

    Returns:
        The artifact of the version. It may be somebody else's, who was faster.
    """
    path = f"/model_versions/{version['id']}/artifacts"
    what = f"the model artifact of version {version['name']!r}"
    # The server stores "<version ID>:<name>" in 255 characters.
    body = {"name": registration["model_name"][:244], "state": "LIVE", **artifact_fields(registration)}
    body = {field: value for field, value in body.items() if value}

    def read_back() -> dict[str, Any] | None:
        artifacts = list_model_artifacts(registry, version)
        ours = [artifact for artifact in artifacts if artifact.get("uri") == registration["uri"]]
        return next(reversed(ours or artifacts), None)

    artifact, _ = create(registry, path, body, read_back, what)
    if not artifact:
        raise RuntimeError(
            f"The registry at {registry['url']} refuses {what}: it says that one of this name exists, but shows none. "
            f"{held_text(registry)} Next: look at the artifacts of model version {version['id']}; run this step again."
        )
    return artifact


def is_ours(version: dict[str, Any], artifacts: list[dict[str, Any]], registration: dict[str, Any]) -> bool:
    """Tell whether a version is this registration's own, made by an earlier try (README, "Re-runs").

    It is if it carries this run's ID and its artifact has our URI or is missing. Without a run ID the URI alone
    decides; a version without an artifact is then ours only if no run claims it. Two models of one run under one name
    and version are not each other's retry. Of several artifacts, which others made, the newest counts: KServe takes it.
    """
    run_id = registration["run_id"]
    version_run = text_property(version, "pipeline_run_id")
    newest = artifacts[-1] if artifacts else {}
    has_our_uri = newest.get("uri") == registration["uri"]
    if not run_id:
        return has_our_uri or (not artifacts and not version_run)
    # A long or secret-like ID is stored cut or redacted: what was written is what is compared.
    is_our_run = version_run == registration["properties"].get("pipeline_run_id", run_id)
    is_our_run = is_our_run or newest.get("modelSourceId") == registration["source"].get("modelSourceId", run_id)
    return is_our_run and (has_our_uri or not artifacts)


def text_property(entity: dict[str, Any], name: str) -> str:
    """Read one text property from raw JSON, "" if there is none."""
    value = (entity.get("customProperties") or {}).get(name)
    return str(value.get("string_value") or "") if isinstance(value, dict) else ""


def claim_version(
    registry: dict[str, Any], model: dict[str, Any], registration: dict[str, Any], name: str
) -> dict[str, Any]:
    """Take a version name for this registration: make the version, or complete and correct what an earlier try left.

    Returns:
        `version`, its `artifacts`, and `ours`: False means that the version is somebody else's, or archived, and was
        not touched.
    """
    version, created = find_or_create_version(registry, model, registration, name)
    artifacts = [] if created else list_model_artifacts(registry, version)
    if version.get("state") == "ARCHIVED" or not (created or is_ours(version, artifacts, registration)):
        return {"version": version, "artifacts": artifacts, "ours": False}
    if created:
        return complete_version(registry, version, artifacts, registration)
    return correct_version(registry, version, artifacts, registration)


def correct_version(
    registry: dict[str, Any], version: dict[str, Any], artifacts: list[dict[str, Any]], registration: dict[str, Any]
) -> dict[str, Any]:
    """Complete and correct a version that an earlier try of this registration made.

    Returns:
        The claim, as `claim_version` returns it.
    """
    registration = with_known_run(registration, version, artifacts)
    claim = complete_version(registry, version, artifacts, registration)
    if claim["ours"]:
        bring_up_to_date(registry, version, claim["artifacts"], registration)
    return claim


def with_known_run(
    registration: dict[str, Any], version: dict[str, Any], artifacts: list[dict[str, Any]]
) -> dict[str, Any]:
    """Keep what an earlier try knew of the run and this one does not, say because the cluster did not answer.

    Only of a run that the version carries for certain: this one, or, while this one is unknown, the one that the
    artifact names as well, if all that is recorded is the same. A version that contradicts what is known is another
    run's, say because an update stopped half-way.
    """
    properties, source = registration["properties"], registration["source"]
    names = ("pipeline_name", "pipeline_run_id", "pipeline_run_name", "pipeline_namespace")
    known = {name: text for name in names if (text := text_property(version, name))}
    own = next((artifact for artifact in artifacts if artifact.get("uri") == registration["uri"]), {})
    recorded = {"modelSourceGroup": known.get("pipeline_namespace"), "modelSourceName": known.get("pipeline_run_name")}
    known_source = {
        field: text for field, text in {**recorded, **own}.items() if field.startswith("modelSource") and text
    }
    same = [properties.get(name, text) == text for name, text in known.items()]
    same += [source.get(field, text) == text for field, text in known_source.items() if field != "modelSourceName"]
    run_id = properties.get("pipeline_run_id") or own.get("modelSourceId")
    if not run_id or known.get("pipeline_run_id") != run_id or not all(same):
        return registration
    given = {fold_name(name) for name in properties}
    kept = {name: text for name, text in known.items() if fold_name(name) not in given}
    present = version.get("customProperties") or {}
    if "pipeline_run_id" in kept and merged_properties(present, kept | properties) != present:
        return registration
    # Without the run's own name, the source's is at best the pipeline's.
    given_source = {field for field in source if field != "modelSourceName" or "pipeline_run_name" in properties}
    kept_source = {field: text for field, text in known_source.items() if field not in given_source}
    return {**registration, "properties": kept | properties, "source": source | kept_source}


def complete_version(
    registry: dict[str, Any], version: dict[str, Any], artifacts: list[dict[str, Any]], registration: dict[str, Any]
) -> dict[str, Any]:
    """Give a version of ours its artifact if it has none.

    Returns:
        The claim, as `claim_version` returns it; not ours if somebody's artifact came first.
    """
    registry["held"].append(f"its version {version['name']!r} (ID {version['id']})")
    artifacts = artifacts or [create_artifact(registry, version, registration)]
    own = [artifact for artifact in artifacts if artifact.get("uri") == registration["uri"]]
    if not own:
        registry["held"].pop()
    return {"version": version, "artifacts": own or artifacts, "ours": bool(own)}


def merged_properties(present: dict[str, Any], properties: dict[str, float | str]) -> dict[str, Any]:
    """Merge new properties into those of a version, because a PATCH replaces the whole map (measured).

    What this component writes is replaced as a set, so that no metric of an older run stays behind; labels and notes of
    people stay as they are, byte for byte.
    """
    written = metadata_values(properties)
    replaced = {fold_name(name) for name in written}
    kept = {
        name: value
        for name, value in present.items()
        if fold_name(name) not in replaced
        and name != "base_model"
        and not name.startswith(("training_", "eval_", "pipeline_"))
    }
    return {**kept, **written}


def without_retyped(present: dict[str, Any], properties: dict[str, Any]) -> dict[str, Any]:
    """Leave out the properties whose type differs from what a version holds now, as "N/A" of an older run and 0.7.

    Servers before 0.3.9 fill the new type's column, keep the old one's, and then still read the old value (their own
    source, internal/db/service): such a property must be gone before it comes again.
    """
    types = {name: value.get("metadataType") for name, value in present.items() if isinstance(value, dict)}
    return {name: value for name, value in properties.items() if types.get(name) in (None, value.get("metadataType"))}


def writable_properties(properties: dict[str, Any]) -> dict[str, Any]:
    """Write other people's structs as the server takes them, in base64; it shows them as JSON text (its own source)."""
    import base64

    written = dict(properties)
    for name, value in properties.items():
        text = value.get("struct_value") if isinstance(value, dict) else None
        if isinstance(text, str) and text.startswith("{"):
            written[name] = {**value, "struct_value": base64.b64encode(text.encode()).decode()}
    return written


def bring_up_to_date(
    registry: dict[str, Any], version: dict[str, Any], artifacts: list[dict[str, Any]], registration: dict[str, Any]
) -> None:
    """Make a version and its model artifact say what this registration says; what they say already is not sent.

    The artifact comes first: it carries the run's ID and URI, so that a step that dies in between finds its own version
    again. The state is sent as it was read, because a PATCH without one turns ARCHIVED into LIVE (measured).
    """
    fields = artifact_fields(registration)
    for artifact in artifacts:
        # A run that is not known now must not keep the link to an older one.
        stale = {name: "" for name in artifact if name.startswith("modelSource") and name not in fields}
        update(registry, f"/model_artifacts/{artifact['id']}", artifact, {**fields, **stale}, "the model artifact")
    path, what = f"/model_versions/{version['id']}", f"the version {version['name']!r}"
    present = version.get("customProperties") or {}
    fields = {
        "description": registration["description"] or version.get("description", ""),
        "author": registration["author"] or version.get("author", ""),
        "customProperties": merged_properties(present, registration["properties"]),
    }
    unchanged = without_retyped(present, fields["customProperties"])
    if len(unchanged) < len(fields["customProperties"]):
        update(registry, path, version, {**fields, "customProperties": unchanged}, f"a part of {what}")
    update(registry, path, version, fields, what)


def update(registry: dict[str, Any], path: str, present: dict[str, Any], fields: dict[str, Any], what: str) -> None:
    """Change the fields of an entity that differ from what it says now; its state stays what it is."""
    if all(present.get(field) == value or (not value and not present.get(field)) for field, value in fields.items()):
        return
    body = {**fields, **({"state": present["state"]} if present.get("state") else {})}
    # What is not sent, the server writes back as it shows it: no struct survives that.
    shown = fields.get("customProperties", present.get("customProperties") or {})
    written = writable_properties(shown)
    if "customProperties" in fields or written != shown:
        body["customProperties"] = written
    registry["unsure"] = f"the update of {what}"
    reply = ask(registry, "PATCH", path, [], body)
    registry["unsure"] = ""
    if not 200 <= reply["status"] < 300:
        raise refusal(registry, reply, f"updating {what}")
    registry["held"].append(f"the update of {what}")


def is_ours_alone(version: dict[str, Any], artifacts: list[dict[str, Any]], registration: dict[str, Any]) -> bool:
    """Tell whether a version and all its model artifacts name this registration's run, or its lack, and location."""
    run = registration["properties"].get("pipeline_run_id", "")
    source = (registration["uri"], registration["source"].get("modelSourceId", ""))
    named = [(artifact.get("uri"), artifact.get("modelSourceId") or "") for artifact in artifacts]
    return text_property(version, "pipeline_run_id") == run and set(named) == {source}


def replace_version(
    registry: dict[str, Any], version: dict[str, Any], artifacts: list[dict[str, Any]], registration: dict[str, Any]
) -> list[dict[str, Any]]:
    """Make somebody else's version this registration's: all its model artifacts, oldest first, then the version.

    Another update at the same time could leave its artifact beside our properties, so what came of it is read back.

    Returns:
        The version's model artifacts.

    Raises:
        RuntimeError: Other updates came in between five times in a row.
    """
    import random
    import time

    artifacts = artifacts or [create_artifact(registry, version, registration)]
    for attempt in range(5):
        if attempt:
            time.sleep(retry_pause(attempt, "", 0.0, random.random()))  # two updates must not keep step
        bring_up_to_date(registry, version, artifacts, registration)
        version = read_entity(registry, f"/model_versions/{version['id']}")
        artifacts = list_model_artifacts(registry, version)
        if is_ours_alone(version, artifacts, registration):
            return artifacts
    raise RuntimeError(
        f"Version {version['name']!r} of {registration['model_name']!r} at {registry['url']} (version ID "
        f"{version['id']}) is being updated by others, too: five times it was theirs again. {held_text(registry)} "
        "Next: see who else updates this version, then run this step again."
    )


def semantic_version(name: str) -> tuple[str, int] | None:
    """Split a semantic version (semver.org 2.0, perhaps with a `v`) into what is before the patch, and the patch."""
    import re

    number = r"(?:0|[1-9][0-9]*)"
    match = re.fullmatch(rf"(v?{number}\.{number}\.)({number})(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?", name)
    return (match[1], int(match[2])) if match else None


def next_free_version(registry: dict[str, Any], model: dict[str, Any], registration: dict[str, Any]) -> dict[str, Any]:
    """Claim the patch version beyond the highest there is, or the one that an earlier try of this step made.

    Raises:
        RuntimeError: Others were faster a thousand times in a row.
    """
    stem, _ = semantic_version(registration["version_name"]) or ("", 0)
    path = f"/registered_models/{model['id']}/versions"
    siblings = [
        (parsed[1], version)
        for version in list_entities(registry, path, f"name LIKE '{stem}%'")
        if (parsed := semantic_version(str(version.get("name")))) and parsed[0] == stem
    ]
    siblings.sort(key=lambda sibling: sibling[0], reverse=True)
    run_id = registration["properties"].get("pipeline_run_id")
    for _, version in siblings:
        if run_id and text_property(version, "pipeline_run_id") != run_id:
            continue
        artifacts = list_model_artifacts(registry, version)
        if is_ours(version, artifacts, registration):
            refuse_archived(registry, version, f"this run's version {version['name']!r} of {model['name']!r}")
            claim = correct_version(registry, version, artifacts, registration)
            if claim["ours"]:
                return claim
    highest = siblings[0][0] if siblings else 0
    for patch in range(highest + 1, highest + 1001):
        claim = claim_version(registry, model, registration, f"{stem}{patch}")
        if claim["ours"]:
            return claim
    raise RuntimeError(
        f"No free version was found after {stem}{highest} of {registration['model_name']!r} in 1,000 tries, because "
        f"other writers were faster each time. {held_text(registry)} Next: run this step again."
    )


def register_model(registry: dict[str, Any], registration: dict[str, Any], on_existing_version: str) -> dict[str, str]:
    """Register a model: find or create the registered model, its version and its model artifact.

    Returns:
        `model_id`, `version_id`, `version_name`, `artifact_id`, and `outcome`: "registered", "updated" or "skipped".

    Raises:
        RuntimeError, PermissionError, ConnectionError: With the address, what is registered, and what to do next.
    """
    model = find_or_create_model(registry, registration)
    claim = claim_version(registry, model, registration, registration["version_name"])
    outcome = "registered"
    if not claim["ours"] and on_existing_version == "increment":
        claim = next_free_version(registry, model, registration)
    elif not claim["ours"]:
        refuse_archived(registry, claim["version"], f"version {claim['version']['name']!r} of {model['name']!r}")
        if on_existing_version == "fail":
            raise version_exists(registry, claim, registration)
        outcome = "skipped"
        if on_existing_version == "update":
            outcome = "updated"
            claim["artifacts"] = replace_version(registry, claim["version"], claim["artifacts"], registration)
    return {
        "model_id": str(model["id"]),
        "version_id": str(claim["version"]["id"]),
        "version_name": str(claim["version"]["name"]),
        "artifact_id": str(claim["artifacts"][-1]["id"]) if claim["artifacts"] else "none",
        "outcome": outcome,
    }


def version_exists(registry: dict[str, Any], claim: dict[str, Any], registration: dict[str, Any]) -> Exception:
    """Explain that the version is somebody else's: whose, and what to do."""
    version, artifact = claim["version"], (claim["artifacts"] or [{}])[-1]
    run = text_property(version, "pipeline_run_id") or artifact.get("modelSourceId") or ""
    run_name = text_property(version, "pipeline_run_name") or artifact.get("modelSourceName") or ""
    made_by = f"run {run_name or run!r} (ID {run})" if run else "something that left no run ID"
    location = without_credentials(str(artifact.get("uri") or "no location"))[0]
    own_run = registration["run_id"]
    this = f"run {own_run}" if own_run else "this step, whose run ID is unknown,"
    text = (
        f"Version {version['name']!r} of {registration['model_name']!r} exists at {registry['url']} (version ID "
        f"{version['id']}), registered by {made_by} with the model at {location}; {this} has its model at "
        f"{registration['uri']}. Nothing was changed. Next: set another model_version, or on_existing_version to "
        '"increment" (take the next free patch version), "update" (replace it) or "skip" (leave it).'
    )
    return RuntimeError(redact_text(text))


def held_text(registry: dict[str, Any]) -> str:
    """Say what is in the registry at the moment of an error, and what is not known."""
    held = f"Registered so far: {', '.join(registry['held'])}" if registry["held"] else "Nothing was registered"
    if registry["unsure"]:
        return f"{held}; whether {registry['unsure']} was done is not known, since the answer was lost."
    return f"{held}; the rest is not." if registry["held"] else f"{held}."


def unreachable_text(registry: dict[str, Any], reply: dict[str, Any], tries: int) -> str:
    """Explain that a minute of tries brought no usable answer."""
    answer = f"does not answer: {reply['text']}"
    if reply["status"]:
        answer = f"answers with status {reply['status']}: {server_message(reply)}"
    return redact_text(
        f"The registry at {registry['url']} {answer} ({tries} tries). {held_text(registry)} Next: check that the "
        "server is up, that registry_address and registry_port are right and that no NetworkPolicy stands in between; "
        "then run this step again, which completes what is missing and doubles nothing."
    )


def server_message(reply: dict[str, Any]) -> str:
    """Read the server's own explanation, cut to a length that a log line bears."""
    document = reply["document"]
    message = document if isinstance(document, str) else as_dict(document).get("message")
    return redact_text(" ".join(str(message or reply["text"] or "no explanation").split()))[:500]


def refusal(registry: dict[str, Any], reply: dict[str, Any], doing: str) -> Exception:
    """Explain a final answer that is not the one hoped for.

    Returns:
        PermissionError for 401 and 403, ConnectionError for TLS and wrong addresses, RuntimeError for the rest.
    """
    status, message = reply["status"], server_message(reply)
    kind: type[Exception] = ConnectionError
    if status == 0:
        what = f"cannot be trusted: {message}. CAs used: {registry['authorities']}"
        step = (
            "pass the CA bundle that signed its certificate as registry_ca_path, and a name in it as registry_address."
        )
    elif status == 401:
        kind = PermissionError
        what = f"wants to know who asks (status 401 when {doing}: {message}); {registry['sender']}"
        step = (
            "give the pod a token that this registry accepts, and an address that tokens may go to (https, in-cluster)."
        )
    elif status == 403:
        kind = PermissionError
        what = f"denies access (status 403 when {doing}: {message}); {registry['sender']}"
        step = "give this pod's account access to this registry (a role binding in the registry's namespace)."
    elif is_unknown_path(reply):
        what = f"serves neither Model Registry API, v1 or v1alpha3 (status 404: {message})"
        step = "check the address, the port and the path prefix: another service, or a proxy without a route, answers."
    elif 300 <= status < 400:
        what = f"redirects to {reply['headers'].get('Location', 'nowhere')}"
        step = "write the address behind the redirect as registry_address; if it is a login page, a token is missing."
    elif status in (200, 201):
        what = f"answers what is no Model Registry JSON when {doing}: {message[:120]}"
        step = "check the address: a login page or another service answers there."
    else:
        kind = RuntimeError
        what = f"refuses {doing} (status {status}): {message}"
        step = "correct what the message names and run this step again."
        if status == 404:
            step = "see whether its database is up (while it is down, no ID is found), then run this step again."
    return kind(redact_text(f"The registry at {registry['url']} {what}. {held_text(registry)} Next: {step}"))


def open_registry(url: str, ca_path: str, environment: dict[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Open the registry for one registration.

    Returns:
        What the steps of the registration share, and remarks for the log. `send` and `close` are the session; `apis`
        the API versions still possible, the one in use first; `sender` and `authorities` what an error says of token
        and CAs; `lost_seconds` the time that tries in vain have cost; `held` and `unsure` what is registered by now.

    Raises:
        ValueError: `registry_ca_path` names no CA bundle.
    """
    bundles = trusted_authorities(url, ca_path)
    token, remarks = bearer_token(environment)
    headers, sender, more_remarks = request_headers(url, token)
    send, close = open_session(url, headers, bundles)
    registry = {
        "url": url,
        "send": send,
        "close": close,
        "apis": ["v1", "v1alpha3"],
        "sender": sender,
        "authorities": ", ".join(["the system's", *bundles]),
        "lost_seconds": 0.0,
        "held": [],
        "unsure": "",
    }
    return registry, remarks + more_remarks


def registration_text(registration: dict[str, Any], remarks: list[str]) -> str:
    """Write the whole registration for the step's log, without secrets."""
    source = registration["source"]
    run = " / ".join(filter(None, (source.get(f"modelSource{part}") for part in ("Group", "Name", "Id"))))
    facts = {
        "model": registration["model_name"],
        "version": registration["version_name"],
        "location": registration["uri"] or "none",
        "format": f"{registration['format_name']} {registration['format_version']}".strip(),
        "author": registration["author"],
        "description": registration["description"],
        "run": run or "unknown",
    }
    properties = registration["properties"]
    width = max(map(len, properties), default=0)
    lines = ["Registration"]
    lines += [f"  {name:<12} {value}" for name, value in facts.items() if value]
    lines += [f"  properties   {len(properties)}"]
    lines += [f"    {name:<{width}}  {value!r}" for name, value in sorted(properties.items())]
    lines += [f"  note: {remark}" for remark in remarks]
    return redact_text("\n".join(lines))


def outcome_text(registry: dict[str, Any], registration: dict[str, Any], outcome: dict[str, str]) -> str:
    """Say what the registration came to."""
    ids = f"model ID {outcome['model_id']}, version ID {outcome['version_id']}, artifact ID {outcome['artifact_id']}"
    name = f"{registration['model_name']} v{outcome['version_name']}"
    if outcome["outcome"] == "skipped":
        return (
            f"NOTHING WAS REGISTERED: {name} exists at {registry['url']} ({ids}), is not this run's, and was left as "
            "it is (on_existing_version=skip)."
        )
    return f"{outcome['outcome'].capitalize()} {name} at {registry['url']} ({ids})."


def append_log_line(path: str, line: str) -> str:
    """Append a line to the shared log in one write; many steps write to it at once.

    Returns:
        "" or, where it cannot be written, a sentence for this step's own log: the registration stands either way.
    """
    import os

    try:
        # Neither a link put there meanwhile nor a pipe without a reader may lead astray or block.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(path, flags, 0o666)
        try:
            os.write(descriptor, f"{line}\n".encode())
        finally:
            os.close(descriptor)
    except OSError as error:
        return f"The shared log {path} could not be written ({error.strerror}); the registration is not affected."
    return ""


@dsl.component(
    base_image="registry.access.redhat.com/ubi9/python-311:latest",
    packages_to_install=["model-registry==0.3.18", "kubernetes==30.1.0"],
    additional_funcs=[
        without_placeholder,
        checked_name,
        check_request,
        shared_log_path,
        plain_artifact,
        fold_name,
        names_credential,
        redact_pairs,
        redact_text,
        property_name,
        unwrap,
        flatten,
        publishable,
        stored_number,
        stored_text,
        property_value,
        count_remark,
        named_properties,
        metric_entries,
        training_properties,
        skip_json_element,
        unmatched_brackets,
        outline_json,
        results_file,
        read_member,
        read_results,
        as_dict,
        score_of,
        task_scores,
        subtask_names,
        higher_is_better,
        best_score,
        repeated_scores,
        task_counts,
        evaluation_properties,
        custom_properties_checked,
        complete_properties,
        uri_scheme,
        without_credentials,
        session_params,
        s3_endpoint,
        s3_location,
        claims_are_needed,
        pod_mounts,
        finish_within,
        read_resource,
        unknown_parts,
        observe_cluster,
        pvc_location,
        volume_location,
        model_paths,
        locate_model,
        trace_run,
        model_source,
        run_properties,
        registry_base_url,
        may_carry_token,
        service_account,
        bearer_token,
        request_headers,
        trusted_authorities,
        proxy_url,
        open_session,
        is_unknown_path,
        settles,
        retry_pause,
        wait_for_retry,
        ask,
        create,
        is_entity,
        name_filter,
        list_entities,
        read_entity,
        find_by_name,
        find_or_create_model,
        name_taken,
        refuse_archived,
        find_or_create_version,
        metadata_values,
        list_model_artifacts,
        artifact_fields,
        create_artifact,
        is_ours,
        text_property,
        claim_version,
        correct_version,
        with_known_run,
        complete_version,
        merged_properties,
        without_retyped,
        writable_properties,
        bring_up_to_date,
        update,
        is_ours_alone,
        replace_version,
        semantic_version,
        next_free_version,
        register_model,
        version_exists,
        held_text,
        unreachable_text,
        server_message,
        refusal,
        open_registry,
        registration_text,
        outcome_text,
        append_log_line,
    ],
)
def model_registry(
    pvc_mount_path: str,
    input_model: dsl.Input[dsl.Model] = None,
    input_metrics: dsl.Input[dsl.Metrics] = None,
    eval_metrics: dsl.Input[dsl.Metrics] = None,
    eval_results: dsl.Input[dsl.Artifact] = None,
    registry_address: str = "",
    registry_port: int = 8080,
    model_name: str = "fine-tuned-model",
    model_version: str = "1.0.0",
    model_format_name: str = "pytorch",
    model_format_version: str = "1.0",
    model_description: str = "",
    author: str = "pipeline",
    shared_log_file: str = "pipeline_log.txt",
    source_pipeline_name: str = "",
    source_pipeline_run_id: str = "",
    source_pipeline_run_name: str = "",
    source_namespace: str = "",
    model_uri: str = "",
    on_existing_version: str = "fail",
    custom_properties: dict = {},  # noqa: B006 (KFP reads the default from the signature)
    registry_ca_path: str = "",
) -> str:
    """Register a trained model in Kubeflow Model Registry with its hyperparameters, metrics and provenance.

    Args:
        pvc_mount_path: PVC mount path for workspace storage; empty: no shared log, no look for final_model.
        input_model: Model artifact from the training step.
        input_metrics: Training metrics and hyperparameters.
        eval_metrics: Evaluation metrics, as lm-eval's component logs them.
        eval_results: Full evaluation results, a JSON file.
        registry_address: Server address: host, host:port or URL; empty registers nothing.
        registry_port: Server port, where the address has none.
        model_name: Name of the registered model.
        model_version: Name of the version; any, semantic for "increment".
        model_format_name: Format of the model (pytorch, onnx, …).
        model_format_version: Version of the format.
        model_description: Description of the version, and of a model created here.
        author: Author of the version and owner of a model created here.
        shared_log_file: Log file inside pvc_mount_path that gets one line.
        source_pipeline_name: Name of the pipeline.
        source_pipeline_run_id: ID of the run; detected if empty.
        source_pipeline_run_name: Name of the run; detected if empty.
        source_namespace: Namespace of the run; detected if empty.
        model_uri: Location to register instead of the one derived from the artifact.
        on_existing_version: For another run's version of this name: fail, skip, update or increment.
        custom_properties: Further version properties; an empty text makes a label.
        registry_ca_path: CA bundle, a file in the pod, for https.

    Returns:
        The registered model's ID, or "SKIPPED" without a registry_address.
    """
    import os

    request = check_request(
        {
            "pvc_mount_path": pvc_mount_path,
            "registry_address": registry_address,
            "registry_port": registry_port,
            "model_name": model_name,
            "model_version": model_version,
            "model_format_name": model_format_name,
            "model_format_version": model_format_version,
            "model_description": model_description,
            "author": author,
            "shared_log_file": shared_log_file,
            "pipeline_name": source_pipeline_name,
            "run_id": source_pipeline_run_id,
            "run_name": source_pipeline_run_name,
            "namespace": source_namespace,
            "model_uri": model_uri,
            "on_existing_version": on_existing_version,
            "custom_properties": custom_properties,
            "registry_ca_path": registry_ca_path,
        }
    )
    model, results_artifact = plain_artifact(input_model), plain_artifact(eval_results)
    training, remarks = training_properties(plain_artifact(input_metrics).get("metadata", {}))
    results, more = read_results(results_artifact["path"]) if results_artifact else ({}, [])
    remarks += more
    evaluation, more = evaluation_properties(
        plain_artifact(eval_metrics).get("metadata", {}), results, results_artifact.get("uri", "")
    )
    remarks += more

    missing = [fact for fact in ("namespace", "run_id", "run_name") if not request[fact]]
    cluster, more = observe_cluster(missing, claims_are_needed(request["model_uri"], model))
    remarks += more
    mount = request["pvc_mount_path"]
    has_final_model = bool(mount) and os.path.exists(os.path.join(mount, "final_model"))
    try:
        location, more = locate_model(request["model_uri"], model, mount, has_final_model, cluster)
    except ValueError as problem:
        if request["registry_url"]:
            raise
        location, more = "", [f"With a registry_address this step would fail. {problem}"]
    remarks += more
    provenance, more = trace_run(
        {fact: request[fact] for fact in ("pipeline_name", "run_id", "run_name", "namespace")}, cluster
    )
    remarks += more

    base_model = str(model.get("metadata", {}).get("model_name") or "")
    properties, more = complete_properties(
        run_properties(provenance, base_model), training, evaluation, request["custom_properties"]
    )
    registration = {
        "model_name": request["model_name"],
        "version_name": request["model_version"],
        "description": stored_text(redact_text(request["model_description"])),
        "author": stored_text(redact_text(request["author"]), 255),
        "uri": location,
        "format_name": stored_text(redact_text(request["model_format_name"])),
        "format_version": stored_text(redact_text(request["model_format_version"])),
        "source": model_source(provenance),
        "run_id": provenance["run_id"],
        "properties": properties,
    }
    print(registration_text(registration, remarks + more), flush=True)
    if not request["registry_url"]:
        print("SKIPPED: registry_address is empty, so nothing was registered.")
        return "SKIPPED"

    registry, remarks = open_registry(request["registry_url"], request["registry_ca_path"], dict(os.environ))
    print("\n".join(remarks), end="\n" if remarks else "", flush=True)
    try:
        outcome = register_model(registry, registration, request["on_existing_version"])
    finally:
        registry["close"]()
    print(outcome_text(registry, registration, outcome), flush=True)
    if request["log_path"] and outcome["outcome"] != "skipped":
        name = f"{registration['model_name']} v{outcome['version_name']}"
        problem_with_log = append_log_line(request["log_path"], f"Model Registry: {name} (ID: {outcome['model_id']})")
        print(problem_with_log or f"The shared log {request['log_path']} got its line.")
    return outcome["model_id"]
