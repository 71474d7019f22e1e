"""What AutoGluon's artifact says of the best of its models; it knows no URIs."""

import posixpath
from dataclasses import dataclass
from typing import Any

from .properties import Properties, metric_entries, named_properties, unwrapped


@dataclass(frozen=True)
class BestModel:
    """The model to deploy; empty where unknown."""

    name: str
    folder: str
    metrics: dict[str, Any]


def best_model(metadata: dict[str, Any]) -> BestModel | None:
    """Read a model artifact's metadata; None if not AutoGluon's."""
    context = members(metadata.get("context"))
    models = unwrapped(context.get("models"))
    if models is None and "location" not in context:
        return None
    # The first components wrote one model an artifact.
    models = [members(model) for model in models] if isinstance(models, list) else [context]
    wanted = context.get("best_model_name")
    fitting = [model for model in models if wanted in (None, model.get("name"))]
    best = fitting[0] if len(fitting) == 1 else {}
    folder = inner_folder(members(best.get("location")).get("predictor"))
    return BestModel(str(best.get("name", "")), folder, members(members(best.get("metrics")).get("test_data")))


def with_test_metrics(evaluation: Properties, metadata: dict[str, Any]) -> Properties:
    """Add the test metrics that the evaluation lacks."""
    best = best_model(metadata)
    scores = named_properties("eval", metric_entries(best.metrics)) if best else {}
    given = {name.lower() for name in evaluation}
    return evaluation | {name: score for name, score in scores.items() if name.lower() not in given}


def inner_folder(folder: Any) -> str:
    """Return a folder inside the artifact; once it was named with its file."""
    path = posixpath.normpath(folder).removesuffix("/predictor.pkl") if isinstance(folder, str) else ""
    return "" if path.split("/")[0] in ("", ".", "..") else path


def members(value: Any) -> dict[str, Any]:
    """Return a dict, out of KFP's wrapper."""
    value = unwrapped(value)
    return value if isinstance(value, dict) else {}
