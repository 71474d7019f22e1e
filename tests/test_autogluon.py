"""AutoGluon's artifacts hold several models: their metadata tell the best one, in the shapes of the components."""

# ruff: noqa: D103

from __future__ import annotations

from typing import Any

import pytest

from .subject import evaluation, location

BestModel: Any = location.BestModel
best_model = location.best_model
with_test_metrics = evaluation.with_test_metrics


def described(name: str, **scores: float) -> dict[str, Any]:
    """One model, as autogluon_models_training and autogluon_timeseries_models_training write it."""
    location = {
        "model_directory": name,
        "predictor": f"{name}/predictor",
        "notebook": f"{name}/notebooks/automl_predictor_notebook.ipynb",
        "metrics": f"{name}/metrics",
    }
    return {"name": name, "location": location, "metrics": {"test_data": scores}}


MODELS = [described("LightGBM_FULL", r2=0.85, root_mean_squared_error=-0.42), described("NeuralNet_FULL", r2=0.8)]
TABULAR = {"task_type": "regression", "label_column": "price", "best_model_name": "LightGBM_FULL", "models": MODELS}
BEST = BestModel("LightGBM_FULL/predictor", {"r2": 0.85, "root_mean_squared_error": -0.42})


def wrapped(value: Any) -> Any:
    """A value as KFP's metadata store may hand it back, each list and dict in a wrapper."""
    if isinstance(value, dict):
        return {"struct": {key: wrapped(item) for key, item in value.items()}}
    return {"list": [wrapped(item) for item in value]} if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("context", "best"),
    [
        (TABULAR, BEST),
        (wrapped(TABULAR), BEST),
        ({**TABULAR, "models": MODELS[::-1]}, BEST),
        # Before there was a best_model_name; of several models none is known to be the best.
        ({"models": MODELS[:1]}, BEST),
        ({"models": MODELS}, BestModel("", {})),
        # The first components: an artifact a model; of the time series its folder, of the tables its file.
        (
            {"location": {"predictor": "DeepAR_FULL/predictor"}, "metrics": {"test_data": {"MASE": -1.2}}},
            BestModel("DeepAR_FULL/predictor", {"MASE": -1.2}),
        ),
        (
            {"location": {"predictor": "LightGBM_FULL/predictor/predictor.pkl"}},
            BestModel("LightGBM_FULL/predictor", {}),
        ),
    ],
)
def test_the_best_model_is_read_from_every_shape_of_the_context(context: Any, best: BestModel) -> None:
    assert best_model({"context": context, "model_names": "[]"}) == best


@pytest.mark.parametrize("metadata", [{}, {"context": None}, {"context": "text"}, {"context": {"cluster": "rhoai"}}])
def test_other_artifacts_are_none_of_autogluon_s(metadata: dict[str, Any]) -> None:
    assert best_model(metadata) is None
    assert with_test_metrics({"eval_acc": 0.5}, metadata) == {"eval_acc": 0.5}


@pytest.mark.parametrize(
    "context",
    [
        {"best_model_name": "Other", "models": MODELS},
        {"best_model_name": "LightGBM_FULL", "models": []},
        {"best_model_name": "LightGBM_FULL", "models": "text"},
        {"best_model_name": "LightGBM_FULL", "models": 5},
        {"best_model_name": "LightGBM_FULL", "models": [None, 5, {"name": "LightGBM_FULL"}]},
        {"best_model_name": "LightGBM_FULL", "models": [{"name": "LightGBM_FULL", "location": {"predictor": 5}}]},
        {"location": "text"},
    ],
)
def test_a_context_that_does_not_fit_names_no_folder(context: Any) -> None:
    best = best_model({"context": context})
    assert best
    assert (best.folder, best.metrics) == ("", {})


@pytest.mark.parametrize("folder", ["..", "../x", "a/../../x", "/etc", "//etc", "", ".", "a/.."])
def test_a_folder_that_leaves_the_artifact_is_none(folder: str) -> None:
    best = best_model({"context": {"location": {"predictor": folder}}})
    assert best
    assert best.folder == ""


def test_test_metrics_are_recorded_as_an_evaluation_s() -> None:
    assert with_test_metrics({}, {"context": wrapped(TABULAR)}) == {
        "eval_r2": 0.85,
        "eval_root_mean_squared_error": -0.42,
    }


def test_the_evaluation_s_own_scores_win_in_any_case() -> None:
    evaluation = {"eval_R2": 0.9, "eval_acc": 0.5}
    recorded = with_test_metrics(evaluation, {"context": TABULAR})
    assert recorded == {**evaluation, "eval_root_mean_squared_error": -0.42}
    assert list(recorded)[:2] == list(evaluation)
