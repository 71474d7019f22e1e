"""Which run made the model, and how the version and its artifact name it; it asks nobody."""

from dataclasses import astuple, dataclass
from typing import Any

from .properties import Properties, holds_placeholder, property_value, remark, stored_text
from .redaction import redact

RUN_PROPERTIES = ("pipeline_name", "pipeline_run_id", "pipeline_run_name", "pipeline_namespace")
# KFP's driver never fills these in inside a dict (measured).
PLACEHOLDERS = {"pipeline_job_uuid": "id", "pipeline_job_name": "name", "pipeline_job_resource_name": "resource_name"}


@dataclass(frozen=True)
class Run:
    """A pipeline run, "" for unknown facts; the resource is its Argo Workflow."""

    pipeline_name: str = ""
    id: str = ""
    name: str = ""
    namespace: str = ""
    resource_name: str = ""


def traced(given: Run, seen: Run) -> Run:
    """Complete what the caller said of the run."""
    return Run(*(fact or other for fact, other in zip(astuple(given), astuple(seen), strict=True)))


def model_source(run: Run) -> dict[str, str]:
    """Name the run on the artifact."""
    source = {
        "modelSourceKind": "kfp",
        "modelSourceClass": "pipelinerun",
        "modelSourceGroup": run.namespace,
        "modelSourceId": run.id,
        "modelSourceName": run.name or run.pipeline_name,
    }
    return {field: stored_text(redact(value)) for field, value in source.items() if value}


def run_properties(run: Run, base_model: str) -> Properties:
    """Name the run on the version; the UI shows empty values as labels."""
    known = zip((*RUN_PROPERTIES, "base_model"), (*astuple(run)[: len(RUN_PROPERTIES)], base_model), strict=True)
    return {name: property_value(name, value) for name, value in known if value.strip()}


def custom_filled(custom: dict[str, Any], run: Run) -> dict[str, Any]:
    """Fill in the caller's properties, less those that keep a placeholder."""
    texts = {name: filled(value, run) for name, value in custom.items() if isinstance(value, str)}
    unknown = [name for name, text in texts.items() if text is None]
    remark("custom_properties with an unknown placeholder, left out", unknown)
    return {name: texts.get(name, value) for name, value in custom.items() if name not in unknown}


def filled(text: str, run: Run) -> str | None:
    """Fill in what is known of the run; None if a placeholder is left."""
    for placeholder, fact in PLACEHOLDERS.items():
        placeholder = "{{$." + placeholder + "}}"
        text = text.replace(placeholder, getattr(run, fact) or placeholder)
    return None if holds_placeholder(text) else text
