"""AutoGluon's artifacts hold several models: their metadata tell the best one, and so where it is."""

# ruff: noqa: D103

from __future__ import annotations

from typing import Any

import pytest

from .builders import store_session_info
from .locating import DATA, ENDPOINT, LAPTOP, Mount, artifact, locate
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


@pytest.mark.parametrize(("own", "theirs"), [("eval_R2", "r2"), ("eval_mase", "MASE")])
def test_the_evaluation_s_own_scores_win_in_any_case(own: str, theirs: str) -> None:
    evaluation = {own: 0.9, "eval_acc": 0.5}
    recorded = with_test_metrics(evaluation, {"context": described("best", **{theirs: 0.85, "rmse": -0.42})})
    assert recorded == {**evaluation, "eval_rmse": -0.42}
    assert list(recorded)[:2] == list(evaluation)


# --- AutoGluon's artifacts -----------------------------------------------------------------------------------------


def autogluon(predictor: str = "LightGBM_FULL/predictor") -> dict[str, Any]:
    """An artifact's metadata as AutoGluon's components write them."""
    model = {"name": "LightGBM_FULL", "location": {"predictor": predictor}, "metrics": {"test_data": {"r2": 0.85}}}
    return {"best_model_name": "LightGBM_FULL", "models": [model]}


@pytest.mark.parametrize(
    ("given", "seen", "expected"),
    [
        ("minio://b/key", (DATA,), "s3://b/key/LightGBM_FULL/predictor/" + ENDPOINT),
        ("minio://b/key/", (DATA,), "s3://b/key/LightGBM_FULL/predictor/" + ENDPOINT),
        ("gs://b/key", (DATA,), "gs://b/key/LightGBM_FULL/predictor/"),
        ("s3://b/key?endpoint=http://m", (DATA,), "s3://b/key/LightGBM_FULL/predictor/?endpoint=http://m"),
        ("/mnt/data/out", (DATA,), "pvc://team-models/out/LightGBM_FULL/predictor"),
        ("/home/me/out", LAPTOP, "file:///home/me/out/LightGBM_FULL/predictor"),
    ],
)
def test_the_best_model_of_an_autogluon_artifact_is_located(
    given: str, seen: tuple[Mount, ...] | None, expected: str
) -> None:
    assert locate(artifact(given, store_session_info(), context=autogluon()), seen=seen) == (expected, [])


def test_the_best_model_lies_in_the_model_folder_too() -> None:
    given = artifact(pvc_model_dir="/mnt/data/model", context=autogluon())
    assert locate(given) == ("pvc://team-models/model/LightGBM_FULL/predictor", [])


@pytest.mark.parametrize("predictor", ["../other/predictor", "/etc", "a/../../b", ""])
def test_a_folder_that_leaves_the_artifact_costs_a_warning(caplog: pytest.LogCaptureFixture, predictor: str) -> None:
    found, (remark,) = locate(artifact("minio://b/key", store_session_info(), context=autogluon(predictor)))
    assert found == "s3://b/key" + ENDPOINT
    assert "AutoGluon's best model has no folder" in remark
    assert caplog.records[0].levelname == "WARNING"


def test_the_caller_s_location_is_no_autogluon_artifact() -> None:
    assert locate(artifact("minio://b/key", context=autogluon()), model_uri="gs://b/mine") == ("gs://b/mine", [])
