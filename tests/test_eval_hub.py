"""Eval Hub's results: recorded under the names that its component's metrics give, nothing twice."""

# ruff: noqa: D103

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .evaluating import recorded
from .subject import evaluation

JOB = {
    "job_id": "a1b2",
    "state": "completed",
    "mlflow_experiment_url": "",
    "results": {
        "benchmarks": [
            {
                "id": "arc_easy",
                "provider_id": "lm_evaluation_harness",
                "benchmark_index": 0,
                "metrics": {"acc": 0.8212345678, "acc_norm": 0.85, "acc_stderr": 0.9, "note": "text", "by": {"a": 1}},
                "artifacts": {"logs": "/data/logs/1.log"},
                "test": {"primary_score": 0.85, "primary_score_metric": "acc_norm", "threshold": 0.25, "pass": True},
            },
            {
                "id": "toxicity",
                "provider_id": "garak",
                "metrics": {"attack_success_rate": 0.99, "probes": 12},
                "test": {"primary_score": 0.99, "threshold": 0.1, "pass": False},
            },
        ],
        "test": {"score": 0.9, "threshold": 0.5, "pass": True},
    },
    "config": {"name": "pipeline-eval", "model": {"name": "m", "url": "http://m"}, "benchmarks": []},
    "serving_method": "kserve",
    "isvc_startup_seconds": 31.5,
}
SCORES = {
    "best_metric": "eval_lm_evaluation_harness_arc_easy_acc_norm",
    "best_score": 0.85,
    "eval_overall_score": 0.9,
    "eval_threshold": 0.5,
    "eval_pass": 1.0,
    "eval_lm_evaluation_harness_arc_easy_acc": 0.8212345678,
    "eval_lm_evaluation_harness_arc_easy_acc_norm": 0.85,
    "eval_lm_evaluation_harness_arc_easy_acc_stderr": 0.9,
    "eval_lm_evaluation_harness_arc_easy_primary_score": 0.85,
    "eval_lm_evaluation_harness_arc_easy_threshold": 0.25,
    "eval_lm_evaluation_harness_arc_easy_pass": 1.0,
    "eval_garak_toxicity_attack_success_rate": 0.99,
    "eval_garak_toxicity_probes": 12.0,
    "eval_garak_toxicity_primary_score": 0.99,
    "eval_garak_toxicity_threshold": 0.1,
    "eval_garak_toxicity_pass": 0.0,
}
NOTE = "Evaluation scores without a number, left out: 1 (eval_lm_evaluation_harness_arc_easy_note)."
# What Eval Hub's component logs of this job, as KFP's metadata store returns it: six decimals, whole doubles as ints.
METRICS = {
    "evalhub_job_id": "a1b2",
    "evalhub_state": "completed",
    "eval_pass": 1,
    "eval_overall_score": 0.9,
    "lm_evaluation_harness/arc_easy/acc": 0.821235,
    "lm_evaluation_harness/arc_easy/acc_norm": 0.85,
    "lm_evaluation_harness/arc_easy/acc_stderr": 0.9,
    "lm_evaluation_harness/arc_easy/pass": 1,
    "garak/toxicity/attack_success_rate": 0.99,
    "garak/toxicity/probes": 12,
    "garak/toxicity/pass": 0,
}
OWN = {"eval_evalhub_job_id": "a1b2", "eval_evalhub_state": "completed"}


def recorded_job(tmp_path: Path, job: Any, metadata: dict[str, Any] | None = None) -> dict[str, float | str]:
    """Read a job as its component writes it: one file in the artifact's folder."""
    file = tmp_path / "results" / "eval_results.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(job, indent=2))
    return recorded(file.parent, metadata)


def test_a_job_is_recorded_under_the_names_of_its_metrics(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert recorded_job(tmp_path, JOB) == SCORES
    assert caplog.messages == [NOTE]


def test_what_the_metrics_repeat_is_recorded_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert recorded_job(tmp_path, JOB, METRICS) == SCORES | OWN
    assert caplog.messages == [NOTE]


def test_the_metrics_alone_have_the_same_names_and_the_same_best() -> None:
    found = evaluation.evaluation_properties(METRICS, {}, "")
    assert found == {name: METRICS_NAMED.get(name, value) for name, value in (SCORES | OWN).items() if name in KEPT}


KEPT = {
    *OWN,
    *("best_metric", "best_score", "eval_pass", "eval_overall_score"),
    *(name for name in SCORES if not name.endswith(("_threshold", "_primary_score"))),
} - {"eval_threshold"}
METRICS_NAMED = {"eval_lm_evaluation_harness_arc_easy_acc": 0.821235}


def test_a_metric_with_another_value_is_another_score(tmp_path: Path) -> None:
    properties = recorded_job(tmp_path, JOB, {"garak/toxicity/probes": 13})
    assert properties == SCORES | {"eval_garak_toxicity_probes": 13.0, "eval_garak_toxicity_probes_2": 12.0}


def benchmark(**fields: Any) -> dict[str, Any]:
    return {"id": "b", "provider_id": "p", "metrics": {"acc": 0.5}, **fields}


@pytest.mark.parametrize(
    ("metrics", "best"),
    [
        ({"acc": 0.25, "exact_match": 0.5}, "eval_p_b_exact_match"),
        ({"acc,none": 0.25, "acc_stderr,none": 0.5}, "eval_p_b_acc"),
        ({"codegen_pass@1": 0.5, "em": 0.25}, "eval_p_b_codegen_pass_1"),
        ({"choice/accuracy": 0.5}, "eval_p_b_choice_accuracy"),
        ({"f1": 72.9, "em": 0.9}, None),
        ({"attack_success_rate": 0.9, "output_tokens_per_second": 0.5}, None),
    ],
)
def test_the_best_score_is_a_benchmark_s_share_of_right_answers(
    metrics: dict[str, float], best: str | None, tmp_path: Path
) -> None:
    job = {"state": "completed", "results": {"benchmarks": [benchmark(metrics=metrics)], "test": {"score": 0.99}}}
    properties = recorded_job(tmp_path, job)
    assert properties.get("best_metric") == best
    if best:
        assert properties[best] == properties["best_score"] == 0.5 or properties[best] == 0.25


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_a_further_run_never_takes_another_benchmark_s_name(order: tuple[int, ...], tmp_path: Path) -> None:
    runs = [benchmark(metrics={"acc": 0.1}), benchmark(metrics={"acc": 0.2}), benchmark(id="b_2", metrics={"acc": 0.3})]
    scores = recorded_job(tmp_path, {"results": {"benchmarks": [runs[place] for place in order]}})
    assert sorted(value for name, value in scores.items() if name.startswith("eval_")) == [0.1, 0.2, 0.3]


ALONE = {"best_metric": "eval_p_b_acc", "best_score": 0.5, "eval_p_b_acc": 0.5}


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ({"benchmarks": [benchmark()]}, ALONE),
        ({"benchmarks": [benchmark(test=None)], "test": None}, ALONE),
        ({"benchmarks": [benchmark(test={"pass": None})], "test": [1]}, ALONE),
        ({"benchmarks": [benchmark(), None, 7, "x", [], {"id": "c", "provider_id": "p"}]}, ALONE),
        ({"benchmarks": [benchmark(), {"id": "c", "metrics": None}, {"id": "d", "metrics": [1]}]}, ALONE),
        ({"benchmarks": [benchmark(), benchmark(id="c", metrics={"x": None})]}, ALONE),
        (
            {"benchmarks": [], "test": {"score": 0.25, "threshold": 0.5, "pass": False}},
            {"eval_overall_score": 0.25, "eval_threshold": 0.5, "eval_pass": 0.0},
        ),
    ],
)
def test_an_odd_part_costs_only_itself(
    results: dict[str, Any], expected: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert recorded_job(tmp_path, {"job_id": "1", "state": "partially_failed", "results": results}) == expected
    assert caplog.messages == []


@pytest.mark.parametrize("benchmarks", [[], [benchmark(metrics={})]])
def test_a_job_without_scores_is_said_to_have_none(
    benchmarks: list[Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    job = {"job_id": "1", "state": "failed", "results": {"benchmarks": benchmarks}}
    assert recorded_job(tmp_path, job, {"evalhub_state": "failed"}) == {"eval_evalhub_state": "failed"}
    assert len(caplog.messages) == 1


# One benchmark twice, as a job with five samples a run returns it.
TWICE = [
    benchmark(
        benchmark_index=0,
        metrics={"acc": 0.4, "acc_stderr": 0.16},
        additional_info={"limit": 5, "num_fewshot": 0, "num_samples_effective": 5, "num_samples_original": 2376},
        test={"primary_score": 0.4, "threshold": 0.5, "pass": False},
    ),
    benchmark(
        benchmark_index=1,
        metrics={"acc": 0.7, "acc_stderr": 0.02},
        additional_info={"limit": 5, "num_fewshot": 25, "lmeval_version": "0.4.8"},
        test={"primary_score": 0.7, "threshold": 0.5, "pass": True},
    ),
]
RUNS = {
    "best_metric": "eval_p_b_2_acc",
    "best_score": 0.7,
    "eval_p_b_acc": 0.4,
    "eval_p_b_acc_stderr": 0.16,
    "eval_p_b_primary_score": 0.4,
    "eval_p_b_threshold": 0.5,
    "eval_p_b_pass": 0.0,
    "eval_p_b_2_acc": 0.7,
    "eval_p_b_2_acc_stderr": 0.02,
    "eval_p_b_2_primary_score": 0.7,
    "eval_p_b_2_threshold": 0.5,
    "eval_p_b_2_pass": 1.0,
    "eval_harness_version": "0.4.8",
    "eval_limit": 5.0,
    "eval_p_b_num_fewshot": 0.0,
    "eval_p_b_2_num_fewshot": 25.0,
    "eval_p_b_samples": 5.0,
    "eval_p_b_samples_available": 2376.0,
}


@pytest.mark.parametrize("runs", [TWICE, TWICE[::-1]])
@pytest.mark.parametrize("logged", [{}, {"p/b/acc": 0.7, "p/b/acc_stderr": 0.02, "p/b/pass": 1}])
def test_the_values_of_each_run_of_one_benchmark_stand_together(
    runs: list[Any], logged: dict[str, Any], tmp_path: Path
) -> None:
    # Of the two runs the component's metrics hold the one that it logged last.
    assert recorded_job(tmp_path, {"results": {"benchmarks": runs}}, logged) == RUNS


def test_a_limit_of_one_benchmark_is_said_of_it_alone(tmp_path: Path) -> None:
    limited = benchmark(id="c", additional_info={"limit": 5})
    properties = recorded_job(tmp_path, {"results": {"benchmarks": [benchmark(), limited]}})
    assert {name: value for name, value in properties.items() if "limit" in name} == {"eval_p_c_limit": 5.0}


def test_a_state_beside_an_lm_eval_file_s_members_changes_nothing(tmp_path: Path) -> None:
    dumped = {"state": "Complete", "results": {"arc_easy": {"acc,none": 0.5}}, "git_hash": "abc"}
    assert recorded_job(tmp_path, dumped) == {
        "best_metric": "eval_arc_easy_acc",
        "best_score": 0.5,
        "eval_arc_easy_acc": 0.5,
        "eval_harness_git_hash": "abc",
    }


def test_a_job_as_eval_hub_s_own_api_returns_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    answer = {"resource": {"id": "1"}, "status": {"state": "completed"}, "results": JOB["results"]}
    assert recorded_job(tmp_path, answer) == SCORES
    assert caplog.messages == [NOTE]


def test_what_is_large_beside_the_results_is_not_read(tmp_path: Path) -> None:
    large = [{"text": 'say "[{" ' * 20, "logprobs": [[i, -i / 7] for i in range(50)]}] * 200
    assert recorded_job(tmp_path, {"samples": large, **JOB, "config": None, "events": large}) == SCORES


@pytest.mark.parametrize(
    ("metrics", "best"),
    [
        ({"all.extractive_match": 0.75, "gsm8k|0.extractive_match": 0.5}, "all_extractive_match"),  # lighteval's names
        ({"boolq.accuracy": 0.9, "x.codegen_pass@1": 0.1}, "boolq_accuracy"),
    ],
)
def test_a_provider_may_join_task_and_metric_by_a_dot(metrics: dict[str, float], best: str, tmp_path: Path) -> None:
    said = recorded_job(tmp_path, {"results": {"benchmarks": [benchmark(metrics=metrics)]}})
    assert said["best_metric"] == f"eval_p_b_{best}"
    assert said["best_score"] == max(metrics.values())
