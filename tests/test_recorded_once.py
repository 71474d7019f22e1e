"""What the metrics and the results file both say is recorded once, with the file's value, under the task's name."""

# ruff: noqa: D103

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .evaluating import LM_EVAL, recorded
from .subject import evaluation, properties


def scores_as_the_component_logs_them(file: Path) -> dict[str, Any]:
    """The evaluation component's Metrics: each number under its task's alias, blanks and slashes made underscores."""
    logged = {}
    for task, scores in json.loads(file.read_text())["results"].items():
        shown_as = "holdout" if task == "custom_holdout_eval" else scores.get("alias", task)
        for key, value in scores.items():
            if isinstance(value, int | float):
                logged[f"{shown_as}_{key}".replace(" ", "_").replace("/", "_")] = value
    return logged


def as_the_store_returns(logged: dict[str, Any]) -> dict[str, Any]:
    """What KFP's metadata store makes of numbers: six decimals are kept, a whole double is an int, true is 1."""
    rounded = {key: round(float(value), 6) for key, value in logged.items()}
    return {key: int(value) if value.is_integer() else value for key, value in rounded.items()}


@pytest.mark.parametrize("kept_as", [dict, as_the_store_returns], ids=["local", "cluster"])
@pytest.mark.parametrize("file", sorted(LM_EVAL.rglob("*.json")), ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_scores_that_the_metrics_repeat_under_an_alias_are_recorded_once(file: Path, kept_as: Any) -> None:
    logged = kept_as({**scores_as_the_component_logs_them(file), "eval_duration_seconds": 12.5, "m": 5e-7})
    with_metrics = recorded(file, logged)
    assert with_metrics == {**recorded(file), "eval_duration_seconds": 12.5, "eval_m": logged["m"]}


@pytest.mark.parametrize(
    ("score", "metric", "same"),
    [
        (0.7512345678901, 0.751235, True),
        (0.7512345678901, 0.751234, False),
        (5e-7, 0.0, True),
        (1e-6, 0.0, False),
        (1.0, 1, True),
        (3.0000004, 3, True),
        (345.9346899946715, 345.93469, True),
    ],
)
def test_a_score_is_the_same_up_to_six_decimals(score: float, metric: float, same: bool) -> None:
    results = {"results": {"t": {"alias": " - a b", "loss,none": score}}}
    properties = evaluation.evaluation_properties({"_-_a_b_loss,none": metric}, results, "")
    assert properties == {"eval_t_loss": score} | ({} if same else {"eval_a_b_loss": metric})


def test_however_many_scores_come_from_both_sources_each_is_recorded_once() -> None:
    tables = {f"t{n}": {"alias": f" - subject {n}", "acc,none": n / 601, "acc_stderr,none": 1 / 7} for n in range(300)}
    logged = {
        f"_-_subject_{n}_{key}": tables[f"t{n}"][key] for n in range(300) for key in ("acc,none", "acc_stderr,none")
    }
    found = evaluation.evaluation_properties(as_the_store_returns(logged), {"results": tables}, "")
    joined = properties.joined_properties({}, {}, found, {f"training_p{n}": n for n in range(100)})
    scores = {
        f"eval_{task}_{key.removesuffix(',none')}": value
        for task, table in tables.items()
        for key, value in table.items()
        if "," in key
    }
    assert {name: value for name, value in joined.items() if name.startswith("eval_")} == scores


def test_an_alias_with_another_value_is_not_a_repetition() -> None:
    results = {"results": {"college_biology": {"alias": " - biology", "acc,none": 0.5}}}
    properties = evaluation.evaluation_properties({"_-_biology_acc,none": 0.25}, results, "")
    assert (properties["eval_college_biology_acc"], properties["eval_biology_acc"]) == (0.5, 0.25)


def test_the_holdout_task_is_recorded_once(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    file.write_text(
        json.dumps({"results": {"custom_holdout_eval": {"alias": "custom_holdout_eval", "perplexity,none": 3.5}}})
    )
    assert recorded(file, {"holdout_perplexity,none": 3.5}) == {"eval_custom_holdout_eval_perplexity": 3.5}
