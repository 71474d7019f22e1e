"""lm-eval's results: every version's file is read by task name, and any other file costs only its own properties."""

# ruff: noqa: D103

from __future__ import annotations

import json
import math
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from .evaluating import LM_EVAL, recorded
from .subject import evaluation, location, properties

UNREADABLE = "The evaluation results could not be read"
ONLY_LOCATION = "): only their location is recorded."


def written(path: Path, content: Any) -> str:
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return str(path)


@pytest.mark.parametrize("file", sorted(LM_EVAL.rglob("*.json")), ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_every_score_of_every_version_is_recorded(file: Path) -> None:
    properties = recorded(file)
    expected = {}
    for task, scores in json.loads(file.read_text())["results"].items():
        for key, value in scores.items():
            if "," in key and value != "N/A":
                stored = "NaN" if math.isnan(value) else value
                expected[
                    f"eval_{task}_{key}".replace(",none", "").replace("::", "_").replace(",", "_").replace("-", "_")
                ] = stored
    found = {name: value for name, value in properties.items() if name in expected}
    assert found == expected
    others = [name for name in properties if name not in expected]
    known = (
        "_num_fewshot",
        "_samples",
        "_samples_available",
        "_harness_version",
        "_limit",
        "best_metric",
        "best_score",
    )
    assert [name for name in others if not name.endswith(known)] == []


def test_what_else_is_recorded_of_a_run() -> None:
    properties = recorded(LM_EVAL / "0.4.13" / "limit1.json")
    others = {name: value for name, value in properties.items() if "_acc" not in name and "best" not in name}
    counts = {"toy_mc": 12.0, "toy_sub_red": 4.0, "toy_sub_green": 9.0, "toy_sub_blue": 17.0}
    assert others == {
        "eval_harness_version": "0.4.13",
        "eval_limit": 1.0,
        "eval_num_fewshot": 0.0,
        **{f"eval_{task}_samples": 1.0 for task in counts},
        **{f"eval_{task}_samples_available": count for task, count in counts.items()},
    }


def test_a_predict_only_run_has_no_score(caplog: pytest.LogCaptureFixture) -> None:
    results = {"results": {"t": {"alias": "t", "bypass,none": 999, "bypass_stderr,none": 0.5, "sample_len": 7}}}
    assert evaluation.evaluation_properties({"t_bypass,none": 999, "t_sample_len": 7}, results, "") == {}
    assert caplog.messages == []


def test_all_samples_are_counted_once() -> None:
    properties = recorded(LM_EVAL / "0.4.13" / "nan_loglikelihoods.json")
    assert {name: value for name, value in properties.items() if "samples" in name} == {
        "eval_toy_mc_samples": 12.0,
        "eval_toy_lastword_samples": 8.0,
        "eval_toy_pages_samples": 5.0,
    }


def test_scores_without_a_number_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    recorded(LM_EVAL / "0.4.13" / "all_tasks.json")
    assert caplog.messages == [
        "Evaluation scores without a number, left out: 3 (eval_toy_pages_word_perplexity_stderr, "
        "eval_toy_pages_byte_perplexity_stderr, eval_toy_pages_bits_per_byte_stderr)."
    ]


def test_a_group_without_a_score_is_no_remark(caplog: pytest.LogCaptureFixture) -> None:
    assert "eval_toy_sub_red_acc" in recorded(LM_EVAL / "0.4.8" / "plain_group.json")
    assert caplog.messages == []


def test_what_is_nested_beside_the_scores_is_no_score(caplog: pytest.LogCaptureFixture) -> None:
    table = {"acc,none": 0.5, "per_category": {"a": 0.1}, "submission,none": [1]}
    properties = evaluation.evaluation_properties({}, {"results": {"t": table}}, "")
    assert set(properties) == {"best_metric", "best_score", "eval_t_acc"}
    assert caplog.messages == []


def test_the_metrics_of_an_evaluation_step() -> None:
    metadata = {
        "display_name": "output_metrics",
        "eval_duration_seconds": 321.5,
        "eval_tasks_count": 2,
        "custom_eval_enabled": 1,
        "eval_benchmark_tasks": "arc_easy,mmlu",
        "eval_custom_task": "custom_holdout_eval",
        "eval_model_path": "/workspace/final_model",
        "eval_batch_size": "auto",
        "eval_limit": "all",
        "arc_easy_acc,none": 0.75,
        "arc_easy_acc_stderr,none": 0.01,
        "_-_college_biology_acc,none": 0.5,
        "holdout_perplexity,none": 3.25,
    }
    assert evaluation.evaluation_properties(metadata, {}, "s3://b/results.json") == (
        {
            "best_metric": "eval_arc_easy_acc",
            "best_score": 0.75,
            "eval_results_uri": "s3://b/results.json",
            "eval_duration_seconds": 321.5,
            "eval_tasks_count": 2.0,
            "eval_custom_eval_enabled": 1.0,
            "eval_benchmark_tasks": "arc_easy,mmlu",
            "eval_custom_task": "custom_holdout_eval",
            "eval_model_path": "/workspace/final_model",
            "eval_batch_size": "auto",
            "eval_limit": "all",
            "eval_arc_easy_acc": 0.75,
            "eval_arc_easy_acc_stderr": 0.01,
            "eval_college_biology_acc": 0.5,
            "eval_holdout_perplexity": 3.25,
        }
    )


def test_the_flat_form_of_lm_eval_0_3(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    old = {
        "results": {"arc_easy": {"acc": 0.5, "acc_stderr": 0.01}},
        "versions": {"arc_easy": 0},
        "config": {"num_fewshot": 5},
    }
    written(file, old)
    assert recorded(file) == {
        "best_metric": "eval_arc_easy_acc",
        "best_score": 0.5,
        "eval_arc_easy_acc": 0.5,
        "eval_arc_easy_acc_stderr": 0.01,
        "eval_num_fewshot": 5.0,
    }


def test_results_without_a_score_are_said_to_have_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "r.json"
    written(file, {"results": {"t": {"alias": "t"}}, "git_hash": "abc"})
    assert recorded(file) == {"eval_harness_git_hash": "abc"}
    assert caplog.messages == ["The evaluation results hold no score."]


def test_what_is_left_out_first_are_standard_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(properties, "MOST_PROPERTIES", 6)
    scores = {"acc,none": 0.5, "acc_stderr,none": 0.01, "f1,none": 0.25}
    found = evaluation.evaluation_properties({}, {"results": {"a": scores, "b": scores}}, "")
    assert not [name for name in properties.joined_properties({}, {}, found, {}) if "stderr" in name]


def test_counts_are_numbers_whatever_they_are_written_as() -> None:
    results = {"n-shot": {"t": "5"}, "n-samples": {"t": {"original": "100", "effective": 10}}}
    assert evaluation.evaluation_properties({}, results, "") == {
        "eval_num_fewshot": 5.0,
        "eval_t_samples": 10.0,
        "eval_t_samples_available": 100.0,
    }


@pytest.mark.parametrize(
    ("results", "recorded"),
    [
        ({"n-shot": {"a": 5, "b": 5}}, {"eval_num_fewshot": 5.0}),
        ({"n-shot": {"a": 5, "b": 25}}, {"eval_a_num_fewshot": 5.0, "eval_b_num_fewshot": 25.0}),
        ({"n-shot": {"a": 0}}, {"eval_num_fewshot": 0.0}),
        ({"n-shot": {}, "config": {"num_fewshot": 3}}, {"eval_num_fewshot": 3.0}),
        ({"config": {"limit": 100}}, {"eval_limit": 100.0}),
        ({"config": {"limit": 0.1}}, {"eval_limit": 0.1}),
        ({"config": {"limit": None, "num_fewshot": None}}, {}),
        ({"lm_eval_version": "0.4.9"}, {"eval_harness_version": "0.4.9"}),
        ({"lmms_eval_version": "0.5.0"}, {"eval_harness_version": "0.5.0"}),
        ({"lmms_eval_version": "unknown@unknown"}, {}),
    ],
)
def test_how_it_was_evaluated(results: dict[str, Any], recorded: dict[str, Any]) -> None:
    assert evaluation.evaluation_properties({}, results, "") == recorded


@pytest.mark.parametrize("key", ["eval_limit", "limit"])
def test_the_limit_that_the_step_itself_names_wins(key: str) -> None:
    assert evaluation.evaluation_properties({key: "all"}, {"config": {"limit": 7}}, "") == {"eval_limit": "all"}


def test_a_group_s_sample_counts_are_left_out_unless_a_task_was_cut() -> None:
    whole, cut = {"original": 9, "effective": 9}, {"original": 9, "effective": 2}
    results = {
        "results": {
            "mmlu": {"acc,none": 0.5},
            "law": {"acc,none": 0.5},
            "art": {"acc,none": 0.5},
            "arc": {"acc,none": 0.5},
        },
        "group_subtasks": {"mmlu": ["law", "art"]},
        "n-samples": {"law": whole, "art": cut, "arc": whole},
    }
    properties = evaluation.evaluation_properties({}, results, "")
    assert {name: value for name, value in properties.items() if "_samples" in name} == {
        "eval_art_samples": 2.0,
        "eval_art_samples_available": 9.0,
        "eval_arc_samples": 9.0,
    }


@pytest.mark.parametrize(
    "value", [None, 1, "x", [], [1], {"a": None}, {"a": [1]}, {"a": {"b": {"c": 1}}}, {"a": "N/A"}]
)
@pytest.mark.parametrize(
    "member", ["results", "groups", "group_subtasks", "higher_is_better", "n-shot", "n-samples", "config", "git_hash"]
)
def test_a_member_of_another_shape_costs_only_itself(member: str, value: Any, tmp_path: Path) -> None:
    good = {"results": {"t": {"acc,none": 0.5}}, "groups": {"t": {"acc,none": 0.5}}, "lm_eval_version": "0.4.13"}
    file = tmp_path / "r.json"
    written(file, {**good, member: value})
    properties = recorded(file)
    assert properties["eval_t_acc"] == 0.5
    assert properties["eval_harness_version"] == "0.4.13"


@pytest.mark.parametrize(
    "content",
    [
        *(
            b"",
            b" ",
            b"{",
            b'{"results"',
            b'{"results": {"a": 1}',
            b"}{",
            b'"',
            b"nan",
            b"not json",
            b"\x80\x04\x95pickle",
        ),
        *(
            b"[1, 2]",
            b'"text"',
            b"17",
            b'{"x": 1,}',
            b'{"results": {}} {}',
            b'{"results": {"t": {"acc": 0.5}}} "x',
            b"\0" * 5000,
            b'{"results": "' + b"\\" * 5001,
        ),
        *(
            b"[" * 100_000,
            b'{"a":' * 100_000,
            b'{"samples": ' + b"[" * 100_000,
            b'{"results": ' + b"[" * 9000 + b"]" * 9000 + b"}",
        ),
        *(b"{" + b'"k": [],' * 20_000, b"{" + b" " * 9_000_000 + b"}", b"{}}", b"{}]", b'{"a": 1}' + b"[" * 300_000),
    ],
    ids=lambda content: repr(content[:20]),
)
def test_a_broken_or_foreign_file_costs_only_its_properties(
    content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert evaluation.read_results(written(tmp_path / "results.json", content)) == {}
    [remark] = caplog.messages
    assert remark.startswith(f"{UNREADABLE} (")
    assert remark.endswith(ONLY_LOCATION)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({}, ""),
        ({"results": {}}, "results"),
        ({"results": None}, "results"),
        ({"a": [1], "b": "x"}, "a, b"),
        ({"results": {"accuracy": 0.93, "f1": 0.9}}, "results, results.accuracy, results.f1"),
        ({"results": '{"arc": {"acc": 0.5}}'}, "results"),
        (  # Inspect AI
            {
                "version": 2,
                "status": "success",
                "eval": {"task": "arc", "model": "m"},
                "results": {
                    "total_samples": 10,
                    "scores": [{"name": "match", "metrics": {"accuracy": {"name": "accuracy", "value": 0.8}}}],
                },
                "samples": [{"id": 1}],
            },
            "version, status, eval, results, samples, results.total_samples, results.scores",
        ),
        (  # NVIDIA's NeMo Evaluator
            {
                "results": {
                    "tasks": {"mmlu": {"metrics": {"score": {"scores": {"micro": {"value": 0.5}}}}}},
                    "groups": {},
                }
            },
            "results, results.tasks, results.groups",
        ),
        ({"state": "skipped", "reason": "evalhub_url not provided"}, "state, reason"),
        ({"best_metric": 0.3, "epoch": 3.0, "log_history": [{"loss": 1.5}]}, "best_metric, epoch, log_history"),
        ({"x" * 900: 1}, "x" * 300),
    ],
)
def test_another_tool_s_file_is_told_from_an_evaluation(
    content: Any, found: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert evaluation.read_results(written(tmp_path / "results.json", content)) == {}
    wanted = "lm-eval's `results`, a table of scores a task, or Eval Hub's"
    expected = f"{UNREADABLE} (expected {wanted}; found: {found}{ONLY_LOCATION}"
    assert caplog.messages == [expected]


def test_a_list_is_told_from_an_evaluation(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert evaluation.read_results(written(tmp_path / "results.json", [{"a": 1}] * 5)) == {}
    assert caplog.messages == [f"{UNREADABLE} (expected a JSON object, found a list{ONLY_LOCATION}"]


def test_what_the_step_says_of_the_evaluation_is_not_crowded_out_by_scores() -> None:
    own = {"eval_limit": 100, "eval_duration_seconds": 5, "eval_model_path": "/x"}
    scores = {f"task{number}": {"acc,none": number / 1000, "acc_stderr,none": 0.01} for number in range(700)}
    evaluated = evaluation.evaluation_properties(own, {"results": scores}, "")
    recorded = properties.joined_properties({}, {}, evaluated, {})
    assert len(recorded) == 1000
    assert {name: recorded.get(name) for name in own} == {**own, "eval_limit": 100.0, "eval_duration_seconds": 5.0}


def test_a_folder_holds_one_results_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "org__model"
    folder.mkdir()
    written(folder / "results_2026-01-01.json", {"results": {"t": {"acc,none": 0.5}}})
    (folder / "samples_t.jsonl").write_text("{}\n{}\n")
    assert evaluation.read_results(str(tmp_path)) == {"results": {"t": {"acc,none": 0.5}}}
    assert caplog.messages == []
    written(folder / "results_2026-01-02.json", {})
    assert evaluation.read_results(str(tmp_path)) == {}
    reason = "no file, nor a folder with one JSON file: 2 found"
    assert caplog.messages == [f"{UNREADABLE} ({reason}{ONLY_LOCATION}"]


@pytest.mark.parametrize("kind", ["missing", "pipe", "empty folder", "loop", "nul"])
def test_what_is_no_file_is_not_opened(kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "results.json"
    if kind == "pipe":
        os.mkfifo(path)
    if kind == "loop":
        path.symlink_to(path)
    asked = {"empty folder": tmp_path / "none", "nul": "a\0b"}.get(kind, path)
    assert evaluation.read_results(str(asked)) == {}
    [remark] = caplog.messages
    assert remark.startswith(UNREADABLE)


SAMPLE = {"id": 1, "problem": "1 + 1 = {?}", "model_outputs": ["2"], "metadata": {"level": {"a": [1]}}, "correct": True}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (  # evalchemy
            {
                "results": {
                    "AIME24": {
                        "accuracy": 0.5,
                        "num_total": 30,
                        "run_stats": [{"accuracy": 0.5}],
                        "examples": [SAMPLE],
                    },
                    "MATH500": {"examples": [SAMPLE], "accuracy": 0.75},
                },
                "config": {"model": "hf", "limit": None, "model_args": {"pretrained": "m"}},
                "git_hash": "abc",
            },
            {
                "best_metric": "eval_MATH500_accuracy",
                "best_score": 0.75,
                "eval_AIME24_accuracy": 0.5,
                "eval_AIME24_num_total": 30.0,
                "eval_MATH500_accuracy": 0.75,
                "eval_harness_git_hash": "abc",
            },
        ),
        (  # lighteval
            {
                "config_general": {"model_name": "m", "generation_parameters": {"seed": 1}},
                "results": {
                    "lighteval|gsm8k|0": {"extractive_match": 0.5, "extractive_match_stderr": 0.01},
                    "all": {"extractive_match": 0.5, "extractive_match_stderr": 0.02},
                },
                "versions": {"lighteval|gsm8k|0": 0},
                "config_tasks": {"lighteval|gsm8k": {"metrics": [{"metric_name": "extractive_match"}]}},
            },
            {
                "best_metric": "eval_lighteval_gsm8k_0_extractive_match",
                "best_score": 0.5,
                "eval_lighteval_gsm8k_0_extractive_match": 0.5,
                "eval_lighteval_gsm8k_0_extractive_match_stderr": 0.01,
                "eval_all_extractive_match": 0.5,
                "eval_all_extractive_match_stderr": 0.02,
            },
        ),
        (  # lmms-eval
            {
                "results": {
                    "mme": {"alias": "mme", "mme_perception_score,none": 1500.5, "submission,none": [], " ": " "},
                    "mmmu_val": {"alias": "mmmu_val", "mmmu_acc,none": 0.375, "mmmu_acc_stderr,none": "N/A"},
                },
                "group_subtasks": {"mme": [], "mmmu_val": []},
                "higher_is_better": {"mme": {"mme_perception_score": True}, "mmmu_val": {"mmmu_acc": True}},
                "n-shot": {"mme": 0, "mmmu_val": 0},
                "lmms_eval_version": "unknown@unknown",
            },
            {
                "best_metric": "eval_mmmu_val_mmmu_acc",
                "best_score": 0.375,
                "eval_mme_mme_perception_score": 1500.5,
                "eval_mmmu_val_mmmu_acc": 0.375,
                "eval_num_fewshot": 0.0,
            },
        ),
    ],
    ids=["evalchemy", "lighteval", "lmms-eval"],
)
def test_a_harness_that_writes_its_own_kind_of_tables(content: Any, expected: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(json.dumps(content))
    assert recorded(tmp_path / "results.json") == expected


@pytest.mark.parametrize(
    "place",
    [
        '{"results": {"t": {"acc,none": 0.5, "examples": HUGE}}}',
        '{"results": {"samples": HUGE, "t": {"acc,none": 0.5}}}',
        '{"config": {"tasks": HUGE, "of": {"a": HUGE}}, "results": {"t": {"acc,none": 0.5}}}',
        '{"n-samples": {"t": {"effective": HUGE}}, "results": {"t": {"acc,none": 0.5}}}',
        '{"n-shot": HUGE, "higher_is_better": {"t": HUGE}, "results": {"t": {"acc,none": 0.5}}}',
    ],
)
def test_what_stands_in_a_score_s_place_and_is_none_takes_no_memory(place: str, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    huge = "[" + ", ".join([json.dumps(SAMPLE)] * 60_000) + "]"
    path.write_text(place.replace("HUGE", huge))
    del huge
    tracemalloc.start()
    try:
        assert recorded(path)["eval_t_acc"] == 0.5
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


def test_a_results_artifact_without_a_path_reads_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "other.json").write_text('{"results": {"other": {"acc,none": 0.99}}}')
    monkeypatch.chdir(tmp_path)
    without_path = location.Artifact("s3://bucket/results.json?endpoint=http://minio:9000")
    assert evaluation.recorded(location.Artifact(), without_path, location.Artifact()) == {
        "eval_results_uri": without_path.uri
    }
    assert caplog.messages == []
