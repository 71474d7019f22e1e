"""Which run made the model and which model it was tuned from, and how version and artifact say so; it asks nobody."""

import json
from dataclasses import astuple, dataclass
from typing import Any

from .properties import Properties, holds_placeholder, property_value, remark, stored_text
from .redaction import redact

# In the order of Run's fields, on which `arguments` and `registration` rely.
RUN_PROPERTIES = ("pipeline_name", "pipeline_run_id", "pipeline_run_name", "pipeline_namespace")
# KFP's driver never fills these in inside a dict (measured).
PLACEHOLDERS = {"pipeline_job_uuid": "id", "pipeline_job_name": "name", "pipeline_job_resource_name": "resource_name"}


@dataclass(frozen=True)
class Run:
    """A pipeline run; "" for what is unknown.

    Attributes:
        pipeline_name: The pipeline.
        id: The run's ID.
        name: The run's display name.
        namespace: The run's namespace.
        resource_name: The Argo Workflow that runs it.
    """

    pipeline_name: str = ""
    id: str = ""
    name: str = ""
    namespace: str = ""
    resource_name: str = ""


def traced(given: Run, seen: Run) -> Run:
    """Complete what the caller said of the run.

    Args:
        given: What the caller said; it wins.
        seen: What was found otherwise.

    Returns:
        The run.
    """
    return Run(*(fact or other for fact, other in zip(astuple(given), astuple(seen), strict=True)))


def model_source(run: Run) -> dict[str, str]:
    """Name the run on the artifact: the UI shows its group, ID and name only together.

    No dashboard makes a link of them today (odh-dashboard took its pages out in April 2026). The link to a run is a
    property that is a URL, such as `pipeline_run_url`: the UI makes one of it only for a host with a dot and a
    top-level name of letters (measured).

    Args:
        run: The run.

    Returns:
        The artifact's `modelSource…` fields: kind and class always, the others if known.
    """
    source = {
        "modelSourceKind": "kfp",
        "modelSourceClass": "pipelinerun",
        "modelSourceGroup": run.namespace,
        "modelSourceId": run.id,
        "modelSourceName": run.name or run.pipeline_name,
    }
    return {field: stored_text(redact(value)) for field, value in source.items() if value}


def run_properties(run: Run, metadata: dict[str, Any]) -> Properties:
    """Name the run, and the base model, on the version.

    A further fact of the model's metadata goes here, and its name into `registration.OWN_NAMES`.

    Args:
        run: The run.
        metadata: The model artifact's metadata; its `model_name` is the model that was tuned.

    Returns:
        The properties; none is empty, since the UI shows that as a label.
    """
    known = dict(zip(RUN_PROPERTIES, astuple(run), strict=False))  # no property names the Workflow
    known["base_model"] = str(metadata.get("model_name") or "")
    return {name: property_value(name, value) for name, value in known.items() if value.strip()}


def custom_properties(given: dict[str, Any], run: Run) -> Properties:
    """Store the caller's own, under their own names; an empty text stays, as it makes a label.

    Args:
        given: The caller's properties; KFP's driver fills in no placeholder inside a dict (measured).
        run: What is known of the run.

    Returns:
        The properties, less those that are None or keep a placeholder; the log names them.
    """
    values = {name: filled(value, run) for name, value in given.items()}
    left_out = [name for name, value in values.items() if value is None]
    remark("custom_properties that are null or hold an unknown placeholder, left out", left_out)
    return {name: property_value(name, value) for name, value in values.items() if value is not None}


def filled(value: Any, run: Run) -> Any:
    """Fill in what is known of the run, wherever it stands in a JSON value; None if a placeholder is left."""
    text = json.dumps(value, default=str)
    for placeholder, fact in PLACEHOLDERS.items():
        if known := json.dumps(getattr(run, fact))[1:-1]:
            text = text.replace("{{$." + placeholder + "}}", known)
    return None if holds_placeholder(text) else json.loads(text)
