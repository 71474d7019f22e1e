"""lm-eval's results: every version's file is read by task name, and any other file costs only its own properties."""

from __future__ import annotations

import json
import math
import os
import tracemalloc
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kfp_model_registry import component

LM_EVAL = Path(__file__).parent / "fixtures" / "lm_eval"
UNREADABLE = "The evaluation results could not be read"
NO_SCORES = ["The evaluation results hold no lm-eval scores: only their location is recorded."]


def recorded(path: Path, metadata: dict[str, Any] | None = None) -> dict[str, float | str]:
    results, remarks = component.read_results(str(path))
    assert remarks == []
    return component.evaluation_properties(metadata or {}, results, "")[0]


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
        "eval_harness_version",
        "eval_best_metric",
        "eval_best_score",
    )
    assert [name for name in others if not name.endswith(known)] == []


@pytest.mark.parametrize(
    ("file", "metric", "score"),
    [
        ("0.4.13/all_tasks.json", "eval_toy_group_acc", 0.3333333333333333),
        ("0.4.13/all_tasks_with_samples.json", "eval_toy_math_exact_match_flexible_extract", 0.4),
        ("0.4.13/limit1.json", "eval_toy_group_acc", 0.3333333333333333),
        ("0.4.13/nan_loglikelihoods.json", "eval_toy_mc_acc", 0.5),
        ("0.4.13/nested_group.json", "eval_toy_nested_acc", 0.2832244008714597),
        ("0.4.3/limit1.json", "eval_toy_group_acc_norm", 0.3333333333333333),
        ("0.4.8/limit1.json", "eval_toy_group_acc_norm", 0.3333333333333333),
        ("0.4.8/no_samples.json", "eval_toy_math_exact_match_flexible_extract", 0.4),
        (
            "0.4.8/plain_group.json",
            "eval_toy_sub_red_acc",
            0.25,
        ),  # the group has no score: its tasks stand for themselves
    ],
)
def test_the_best_score_is_that_of_a_top_level_task_or_group(file: str, metric: str, score: float) -> None:
    properties = recorded(LM_EVAL / file)
    assert (properties["eval_best_metric"], properties["eval_best_score"]) == (metric, score)
    assert properties[metric] == score


def test_what_else_is_recorded_of_a_run() -> None:
    properties = recorded(LM_EVAL / "0.4.13" / "limit1.json")
    others = {name: value for name, value in properties.items() if "_acc" not in name and "best" not in name}
    counts = {"toy_mc": 12.0, "toy_sub_red": 4.0, "toy_sub_green": 9.0, "toy_sub_blue": 17.0}
    assert others == {
        "eval_harness_version": "0.4.13",
        **{f"eval_{task}_num_fewshot": 0.0 for task in ("toy_group", *counts)},
        **{f"eval_{task}_samples": 1.0 for task in counts},
        **{f"eval_{task}_samples_available": count for task, count in counts.items()},
    }


def test_a_predict_only_run_has_no_score() -> None:
    results = {"results": {"t": {"alias": "t", "bypass,none": 999, "bypass_stderr,none": 0.5, "sample_len": 7}}}
    assert component.evaluation_properties({"t_bypass,none": 999, "t_sample_len": 7}, results, "") == ({}, [])


def test_all_samples_are_counted_once() -> None:
    properties = recorded(LM_EVAL / "0.4.13" / "nan_loglikelihoods.json")
    assert {name: value for name, value in properties.items() if "samples" in name} == {
        "eval_toy_mc_samples": 12.0,
        "eval_toy_lastword_samples": 8.0,
        "eval_toy_pages_samples": 5.0,
    }


def test_scores_without_a_number_are_counted() -> None:
    results, _ = component.read_results(str(LM_EVAL / "0.4.13" / "all_tasks.json"))
    assert component.evaluation_properties({}, results, "")[1] == [
        "Evaluation scores without a number, left out: 3 (eval_toy_pages_word_perplexity_stderr, "
        "eval_toy_pages_byte_perplexity_stderr, eval_toy_pages_bits_per_byte_stderr)."
    ]


def scores_as_the_component_logs_them(file: Path) -> dict[str, Any]:
    """The evaluation component's Metrics: each number under its task's alias, blanks and slashes made underscores."""
    logged = {}
    for task, scores in json.loads(file.read_text())["results"].items():
        shown_as = "holdout" if task == "custom_holdout_eval" else scores.get("alias", task)
        for key, value in scores.items():
            if isinstance(value, int | float):
                logged[f"{shown_as}_{key}".replace(" ", "_").replace("/", "_")] = value
    return logged


@pytest.mark.parametrize("file", sorted(LM_EVAL.rglob("*.json")), ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_scores_that_the_metrics_repeat_under_an_alias_are_recorded_once(file: Path) -> None:
    logged = scores_as_the_component_logs_them(file)
    with_metrics = recorded(file, {**logged, "eval_duration_seconds": 12.5})
    assert with_metrics == {**recorded(file), "eval_duration_seconds": 12.5}


def test_an_alias_with_another_value_is_not_a_repetition() -> None:
    results = {"results": {"college_biology": {"alias": " - biology", "acc,none": 0.5}}}
    properties, _ = component.evaluation_properties({"_-_biology_acc,none": 0.25}, results, "")
    assert (properties["eval_college_biology_acc"], properties["eval_biology_acc"]) == (0.5, 0.25)


def test_the_holdout_task_is_recorded_once(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    written(file, {"results": {"custom_holdout_eval": {"alias": "custom_holdout_eval", "perplexity,none": 3.5}}})
    assert recorded(file, {"holdout_perplexity,none": 3.5}) == {"eval_custom_holdout_eval_perplexity": 3.5}


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
    assert component.evaluation_properties(metadata, {}, "s3://b/results.json") == (
        {
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
        },
        [],
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
        "eval_best_metric": "eval_arc_easy_acc",
        "eval_best_score": 0.5,
        "eval_arc_easy_acc": 0.5,
        "eval_arc_easy_acc_stderr": 0.01,
        "eval_num_fewshot": 5.0,
    }


@pytest.mark.parametrize(
    ("results", "best"),
    [
        ({"results": {"a": {"acc,none": 0.5}, "b": {"acc,none": 0.75}}}, ("eval_b_acc", 0.75)),
        ({"results": {"a": {"acc,none": "0.5"}}}, ("eval_a_acc", 0.5)),
        ({"results": {"a": {"acc,none": 0.5}, "b": {"acc,none": 0.5}}}, ("eval_a_acc", 0.5)),
        ({"results": {"a": {"acc,none": "N/A", "acc_norm,none": 0.25}}}, ("eval_a_acc_norm", 0.25)),
        ({"results": {"a": {"acc,none": math.nan, "exact_match,x": 0.25}}}, ("eval_a_exact_match_x", 0.25)),
        ({"results": {"a": {"acc,none": 0.5, "acc_stderr,none": 0.9}}}, ("eval_a_acc", 0.5)),
        ({"results": {"a": {"acc,none": 1.0}}}, ("eval_a_acc", 1.0)),
        ({"results": {"a": {"acc,none": 0.0}}}, ("eval_a_acc", 0.0)),
        ({"results": {"a": {"acc,none": 0.5, "bypass,none": 1.0}}}, ("eval_a_acc", 0.5)),
        ({"results": {"a": {"acc,none": 0.5, "perplexity,none": 0.9}}}, ("eval_a_acc", 0.5)),
        ({"results": {"a": {"accuracy,none": 0.5, "bleu,none": 30.0}}}, ("eval_a_accuracy", 0.5)),
        ({"results": {"a": {"acc,none": 0.5}, "b": {"exact_match,none": 71.0}}}, ("eval_a_acc", 0.5)),
        ({"results": {"a": {"perplexity,none": 3.0}}}, None),
        ({"results": {"a": {"acc,none": 0.9}}, "higher_is_better": {"a": {"acc": False}}}, None),
        ({"results": {"a": {"acc,none": 0.9}}, "higher_is_better": {"a": {"acc": None}}}, None),
        (
            {"results": {"g": {"acc,none": 0.2}, "s": {"acc,none": 0.9}}, "group_subtasks": {"g": ["s"]}},
            ("eval_g_acc", 0.2),
        ),
        ({"results": {"g": {"acc,none": 0.2}, "s": {"acc,none": 0.9, "alias": " - s"}}}, ("eval_g_acc", 0.2)),
        ({"groups": {"g": {"acc,none": 0.2}}, "results": {}}, ("eval_g_acc", 0.2)),
        (
            {
                "results": {"g": {"acc,none": 0.9}, "h": {"acc,none": 0.1}},
                "group_subtasks": {"g": ["g::s"], "g::s": ["t"], "t": ["g"]},
                "higher_is_better": {"t": {"acc": False}},
            },
            ("eval_h_acc", 0.1),
        ),
    ],
)
def test_the_best_score_follows_the_declared_direction(results: dict[str, Any], best: tuple[str, float] | None) -> None:
    properties, _ = component.evaluation_properties({}, results, "")
    found = properties.get("eval_best_metric"), properties.get("eval_best_score")
    assert found == (best or (None, None))


@pytest.mark.parametrize("results", [{"accuracy": 0.9}, {"t": 0.5}, {"t": {"alias": "t"}}])
def test_results_without_a_score_are_said_to_have_none(results: dict[str, Any], tmp_path: Path) -> None:
    members, remarks = component.read_results(written(tmp_path / "r.json", {"results": results, "git_hash": "abc"}))
    assert remarks == ["The evaluation results hold no score of a task or group: none is recorded."]
    assert component.evaluation_properties({}, members, "")[0] == {"eval_harness_git_hash": "abc"}


def test_however_much_is_recorded_the_best_score_is_there() -> None:
    own = {f"m{number}": number for number in range(2000)} | {"a_acc": 0.77}
    evaluation, _ = component.evaluation_properties(own, {"results": {"a": {"acc,none": 0.7654}}}, "")
    properties, _ = component.complete_properties({}, {f"training_p{n}": n for n in range(2000)}, evaluation, {})
    assert len(properties) == 1000
    assert properties[str(properties["eval_best_metric"])] == properties["eval_best_score"] == 0.7654


def test_what_is_left_out_first_are_standard_errors() -> None:
    scores = {"acc,none": 0.5, "acc_stderr,none": 0.01, "f1,none": 0.25}
    evaluation, _ = component.evaluation_properties({}, {"results": {"a": scores, "b": scores}}, "")
    properties, _ = component.complete_properties({}, {}, evaluation, {}, most=6)
    assert not [name for name in properties if "stderr" in name]


def test_counts_are_numbers_whatever_they_are_written_as() -> None:
    results = {"n-shot": {"t": "5"}, "n-samples": {"t": {"original": "100", "effective": 10}}}
    assert component.evaluation_properties({}, results, "")[0] == {
        "eval_t_num_fewshot": 5.0,
        "eval_t_samples": 10.0,
        "eval_t_samples_available": 100.0,
    }


@pytest.mark.parametrize(
    "value", [None, 1, "x", [], [1], {"a": None}, {"a": [1]}, {"a": {"b": {"c": 1}}}, {"a": "N/A"}]
)
@pytest.mark.parametrize(
    "member", ["results", "groups", "group_subtasks", "higher_is_better", "n-shot", "n-samples", "config", "git_hash"]
)
def test_a_member_of_another_shape_costs_only_itself(member: str, value: Any, tmp_path: Path) -> None:
    good = {"results": {"t": {"acc,none": 0.5}}, "groups": {"t": {"acc,none": 0.5}}, "lm_eval_version": "0.4.13"}
    results, _ = component.read_results(written(tmp_path / "r.json", {**good, member: value}))
    properties, _ = component.evaluation_properties({}, results, "")
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
            b"\0" * 5000,
            b'{"results": "' + b"\\" * 5001,
        ),
        *(b"[" * 100_000, b'{"a":' * 100_000, b'{"samples": ' + b"[" * 100_000),
        *(b"{" + b'"k": [],' * 20_000, b"{" + b" " * 3_000_000 + b"}"),
    ],
    ids=lambda content: repr(content[:20]),
)
def test_a_broken_or_foreign_file_costs_only_its_properties(content: bytes, tmp_path: Path) -> None:
    results, remarks = component.read_results(written(tmp_path / "results.json", content))
    assert results == {}
    assert len(remarks) == 1
    assert remarks[0].startswith(UNREADABLE)
    assert remarks[0].endswith("): only their location is recorded.")


@pytest.mark.parametrize("content", [{}, {"results": {}}, {"a": [1], "b": "x"}, {"results": None}])
def test_json_without_scores_is_said_to_hold_none(content: Any, tmp_path: Path) -> None:
    assert component.read_results(written(tmp_path / "results.json", content)) == ({}, NO_SCORES)


def test_a_wanted_member_that_is_broken_or_oversized_costs_only_itself(tmp_path: Path) -> None:
    content = b'{"n-shot": {"t": oops}, "groups": [' + b"0," * 3_000_000 + b'0], "results": {"t": {"acc,none": 0.5}}}'
    assert component.read_results(written(tmp_path / "results.json", content)) == (
        {"results": {"t": {"acc,none": 0.5}}},
        [
            "The evaluation results' 'n-shot' is not valid JSON: it is not recorded.",
            "The evaluation results' 'groups' is larger than 4,194,304 bytes: it is not recorded.",
        ],
    )


def test_a_folder_holds_one_results_file(tmp_path: Path) -> None:
    folder = tmp_path / "org__model"
    folder.mkdir()
    written(folder / "results_2026-01-01.json", {"results": {"t": {"acc,none": 0.5}}})
    (folder / "samples_t.jsonl").write_text("{}\n{}\n")
    (folder / "link.json").symlink_to(folder / "samples_t.jsonl")
    (folder / "loop").symlink_to(tmp_path)
    assert component.read_results(str(tmp_path)) == ({"results": {"t": {"acc,none": 0.5}}}, [])
    written(folder / "results_2026-01-02.json", {})
    assert component.read_results(str(tmp_path)) == (
        {},
        [f"{UNREADABLE} (the folder holds 2 JSON files, not one): only their location is recorded."],
    )


@pytest.mark.parametrize("kind", ["missing", "pipe", "pipe in a folder", "empty folder", "loop", "nul"])
def test_what_is_no_file_is_not_opened(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    if kind in ("pipe", "pipe in a folder"):
        os.mkfifo(path)
    if kind == "loop":
        path.symlink_to(path)
    asked = {"pipe in a folder": tmp_path, "empty folder": tmp_path, "nul": "a\0b"}.get(kind, path)
    results, remarks = component.read_results(str(asked))
    assert results == {}
    assert remarks[0].startswith(UNREADABLE)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.text('"\\{}[],:\n/u', max_size=30)
    | st.sampled_from(["]}", '"', "\\", "\\\\", '\\"', "x" * 70_000, "\\" * 70_000, '"{' * 35_000]),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text('ab"\\{}[]', max_size=5), inner, max_size=5),
    max_leaves=30,
)


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["results", "groups", "samples", "n-shot", "config", "git_hash", "other"]) | st.text(), JSON
    ),
    st.sampled_from([None, 0, 2, "\t"]),
    st.booleans(),
)
def test_what_is_read_is_what_json_load_reads(members: dict[str, Any], indent: int | None, ascii_only: bool) -> None:
    file = BytesIO(json.dumps(members, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass"))
    try:
        expected = json.loads(file.getvalue(), parse_int=float)
    except UnicodeDecodeError:  # a lone surrogate: no reader takes such a file
        return
    outline = component.outline_json(file)
    found = {name: component.read_member(file, value) for name, value in outline.items()}
    assert json.dumps(found) == json.dumps(expected)  # as text, NaN equals NaN
    assert list(found) == list(expected)


@pytest.mark.parametrize(
    "size", [0, 1, 62, 63, 64, 65, 320, 4095, 4096, 87_000, (1 << 20) + 87_380, (1 << 20) + 87_381, 3 << 20]
)
@pytest.mark.parametrize("filling", ["x", "\\", '"', "}]", '\\"', "é", "]"])
def test_a_value_is_skipped_wherever_the_chunks_part(size: int, filling: str) -> None:
    value = ["x" * size, filling * (size // 3), {"a": [[], "{", {}]}, filling]
    text = json.dumps(value, ensure_ascii=False).encode()
    for element in (text, json.dumps(filling * size, ensure_ascii=False).encode()):
        file = BytesIO(element + b"]}, ...")
        component.skip_json_element(file)
        assert file.tell() == len(element)


@given(st.text("[]", max_size=200))
def test_pairs_of_brackets_vanish(brackets: str) -> None:
    expected = ""
    for bracket in brackets:
        expected = expected[:-1] if bracket == "]" and expected.endswith("[") else expected + bracket
    for rounds in (0, 1, 16):
        assert component.unmatched_brackets(brackets.encode(), rounds) == expected.encode()


@pytest.mark.parametrize("member", ["samples", "pretty_env_info"])
def test_a_huge_member_is_never_held_in_memory(member: str, tmp_path: Path) -> None:
    sample = json.dumps(
        {"prompt": 'say "{[" \\ ' * 200, "logprobs": [[i, -i / 7] for i in range(200)], "nan": [math.nan]}
    )
    huge = json.dumps(sample * 5_000) if member == "pretty_env_info" else "[" + ", ".join([sample] * 5_000) + "]"
    path = tmp_path / "results.json"
    path.write_text(f'{{"{member}": {huge}, "results": {{"t": {{"acc,none": 0.5}}}}}}')
    assert path.stat().st_size > 25_000_000
    del huge
    tracemalloc.start()
    try:
        assert component.read_results(str(path)) == ({"results": {"t": {"acc,none": 0.5}}}, [])
        assert tracemalloc.get_traced_memory()[1] < 16_000_000
    finally:
        tracemalloc.stop()


def test_the_best_metric_is_a_property_that_holds_the_best_score() -> None:
    results = {"results": {"arc": {"alias": "arc", "acc,none": 0.6666}}}
    properties, _ = component.evaluation_properties({"arc_acc,none": 0.67}, results, "")
    assert properties[str(properties["eval_best_metric"])] == properties["eval_best_score"] == 0.6666


def test_a_results_artifact_without_a_path_reads_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other.json").write_text('{"results": {"other": {"acc,none": 0.99}}}')
    monkeypatch.chdir(tmp_path)
    members, (remark,) = component.read_results("")
    assert members == {}
    assert "no path" in remark
