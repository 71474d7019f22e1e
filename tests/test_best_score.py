"""The best score: the highest share of right answers among top-level tasks and groups, or none."""

# ruff: noqa: D103

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from .subject import evaluation, properties

hypothesis = pytest.importorskip("hypothesis")
given, st = hypothesis.given, hypothesis.strategies

LM_EVAL = Path(__file__).parent / "fixtures" / "lm_eval"
Best = tuple[str, float] | None


def best_of(results: dict[str, Any], metadata: dict[str, Any] | None = None) -> Best:
    found = evaluation.evaluation_properties(metadata or {}, results, "")
    if "best_metric" not in found:
        assert "best_score" not in found
        return None
    name, score = found["best_metric"], found["best_score"]
    assert list(found)[:2] == ["best_metric", "best_score"]
    assert isinstance(name, str)
    assert isinstance(score, float)
    assert found[name] == score
    return name.removeprefix("eval_"), score


@pytest.mark.parametrize(
    ("file", "metric", "score"),
    [
        ("0.4.13/all_tasks.json", "toy_group_acc", 0.3333333333333333),
        ("0.4.13/all_tasks_with_samples.json", "toy_math_exact_match_flexible_extract", 0.4),
        ("0.4.13/limit1.json", "toy_group_acc", 0.3333333333333333),
        ("0.4.13/nan_loglikelihoods.json", "toy_mc_acc", 0.5),
        ("0.4.13/nested_group.json", "toy_nested_acc", 0.2832244008714597),
        ("0.4.3/limit1.json", "toy_group_acc_norm", 0.3333333333333333),
        ("0.4.8/limit1.json", "toy_group_acc_norm", 0.3333333333333333),
        ("0.4.8/no_samples.json", "toy_math_exact_match_flexible_extract", 0.4),
        ("0.4.8/plain_group.json", "toy_sub_red_acc", 0.25),  # the group has no score: its tasks stand for themselves
    ],
)
def test_the_best_score_is_that_of_a_top_level_task_or_group(file: str, metric: str, score: float) -> None:
    assert best_of(evaluation.read_results(str(LM_EVAL / file))) == (metric, score)


@pytest.mark.parametrize(
    ("results", "best"),
    [
        ({"results": {"a": {"acc,none": 0.5}, "b": {"acc,none": 0.75}}}, ("b_acc", 0.75)),
        ({"results": {"a": {"acc,none": "0.5"}}}, ("a_acc", 0.5)),
        ({"results": {"a": {"acc,none": 0.5}, "b": {"acc,none": 0.5}}}, ("a_acc", 0.5)),
        ({"results": {"a": {"acc,none": "N/A", "acc_norm,none": 0.25}}}, ("a_acc_norm", 0.25)),
        ({"results": {"a": {"acc,none": math.nan, "exact_match,x": 0.25}}}, ("a_exact_match_x", 0.25)),
        ({"results": {"a": {"acc,none": 0.5, "acc_stderr,none": 0.9}}}, ("a_acc", 0.5)),
        ({"results": {"a": {"acc,none": 1.0}}}, ("a_acc", 1.0)),
        ({"results": {"a": {"acc,none": 0.0}}}, ("a_acc", 0.0)),
        ({"results": {"a": {"acc,none": 0.5, "bypass,none": 1.0}}}, ("a_acc", 0.5)),
        ({"results": {"a": {"acc,none": 0.5, "perplexity,none": 0.9}}}, ("a_acc", 0.5)),
        ({"results": {"a": {"accuracy,none": 0.5, "bleu,none": 30.0}}}, ("a_accuracy", 0.5)),
        ({"results": {"a": {"acc,none": 0.5}, "b": {"exact_match,none": 71.0}}}, ("a_acc", 0.5)),
        ({"results": {"a": {"perplexity,none": 3.0}}}, None),
        ({"results": {"a": {"acc,none": 0.9}}, "higher_is_better": {"a": {"acc": False}}}, None),
        ({"results": {"a": {"acc,none": 0.9}}, "higher_is_better": {"a": {"acc": None}}}, None),
        ({"results": {"g": {"acc,none": 0.2}, "s": {"acc,none": 0.9}}, "group_subtasks": {"g": ["s"]}}, ("g_acc", 0.2)),
        ({"results": {"g": {"acc,none": 0.2}, "s": {"acc,none": 0.9, "alias": " - s"}}}, ("g_acc", 0.2)),
        ({"groups": {"g": {"acc,none": 0.2}}, "results": {}}, ("g_acc", 0.2)),
        (
            {
                "results": {"g": {"acc,none": 0.9}, "h": {"acc,none": 0.1}},
                "group_subtasks": {"g": ["g::s"], "g::s": ["t"], "t": ["g"]},
                "higher_is_better": {"t": {"acc": False}},
            },
            ("h_acc", 0.1),
        ),
        (
            {
                "results": {"g": {"acc,none": 0.4}, "s": {"alias": " - s"}, "t": {"acc,none": 0.9}},
                "group_subtasks": {"g": ["s"], "s": ["t"]},  # a leaf below a group without a score of its own
            },
            ("g_acc", 0.4),
        ),
    ],
)
def test_the_best_score_follows_the_declared_direction(results: dict[str, Any], best: Best) -> None:
    assert best_of(results) == best


TABLES = [
    # A task that reports percentages reports no share.
    ({"squad2": {"f1": 72.9, "HasAns_f1": 83.0, "NoAns_f1": 0.9}, "arc_easy": {"acc": 0.71}}, ("arc_easy_acc", 0.71)),
    ({"squad2": {"f1": 72.9, "em": 0.9}, "arc_easy": {"acc": 0.71}}, ("arc_easy_acc", 0.71)),
    ({"mmbench": {"accuracy": 67.5, "acc_stderr_clt": 0.03}}, None),
    # Parts of a task, and what only resembles a right answer.
    ({"agieval": {"per_option_accuracy_A": 0.93, "accuracy": 0.41}}, ("agieval_accuracy", 0.41)),
    ({"squad2": {"f1": 0.5, "NoAns_f1": 0.9, "HasAns_f1": 0.8, "best_f1": 0.6}}, ("squad2_f1", 0.5)),
    ({"truthfulqa_gen": {"rougeL_acc": 0.9, "bleu_acc": 0.8}}, None),
    ({"minerva": {"exact_match": 0.11, "math_verify": 0.63}}, ("minerva_math_verify", 0.63)),
    ({"humaneval": {"pass@1": 0.25, "pass@10": 0.5}, "mbpp": {"pass_at_1": 0.75}}, ("mbpp_pass_at_1", 0.75)),
    ({"humaneval": {"pass@1": 0.25, "pass@10": 0.5}}, ("humaneval_pass_10", 0.5)),
    ({"holdout": {"exact_match": 0.25, "contains_match": 0.5, "rougeL": 0.75}}, ("holdout_contains_match", 0.5)),
    ({"truthfulqa": {"mc1": 0.25, "mc2": 0.5}}, ("truthfulqa_mc2", 0.5)),
    ({"ifeval": {"prompt_level_strict_acc": 0.25, "inst_level_loose_acc": 0.5}}, ("ifeval_inst_level_loose_acc", 0.5)),
    ({"arc": {"acc": 0.25, "acc_norm": 0.5, "acc_norm_stderr": 0.75}}, ("arc_acc_norm", 0.5)),
    ({"arc": {"acc": -0.5}}, None),
    ({"babi": {"em": 0.0}, "wikitext": {"word_perplexity": 0.5}}, ("babi_em", 0.0)),
]


@pytest.mark.parametrize("separator", ["", ",none"], ids=["flat", "none"])
@pytest.mark.parametrize(("tables", "best"), TABLES)
def test_a_share_of_right_answers_is_known_by_its_metric_s_name(
    tables: dict[str, dict[str, float]], best: Best, separator: str
) -> None:
    named = {task: {f"{metric}{separator}": value for metric, value in table.items()} for task, table in tables.items()}
    assert best_of({"results": named}) == best
    logged = {f"{task}_{name}": value for task, table in named.items() for name, value in table.items()}
    assert best_of({}, logged) == best  # without readable results the evaluation step's metrics are asked


@pytest.mark.parametrize(
    ("metadata", "best"),
    [
        ({"g_acc,none": 0.25, "_-_s_acc,none": 0.9, "__-_t_acc,none": 0.95}, ("g_acc", 0.25)),
        ({"gsm8k_exact_match,strict-match": 0.5}, ("gsm8k_exact_match_strict_match", 0.5)),
        ({"accuracy": 0.5, "loss": 0.9, "eval_duration_seconds": 0.95}, ("accuracy", 0.5)),
        ({"eval_accuracy": 0.5}, ("accuracy", 0.5)),
        ({"a_acc,none": 1}, ("a_acc", 1.0)),
        ({"a_acc,none": "0.5"}, None),
        ({"a_acc,none": True}, None),
        ({"a_acc,none": math.nan}, None),
        ({"custom_eval_enabled": 1, "eval_tasks_count": 1}, None),
        ({"a": {"acc": 0.5}}, None),
        ({"bertscore": {"f1": 0.92}, "by_label": {"a": {"f1": 0.99}}, "acc": 0.5}, ("acc", 0.5)),
        ({"eval_loss": 1.2, "eval_mean_token_accuracy": 0.83}, None),  # as TRL's trainers log it
        (
            {"chartqa_relaxed_accuracy,none": 0.6, "chartqa_anywhere_accuracy,none": 0.8},
            ("chartqa_relaxed_accuracy", 0.6),
        ),
    ],
)
def test_without_readable_results_the_metrics_are_asked(metadata: dict[str, Any], best: Best) -> None:
    assert best_of({}, metadata) == best


def test_readable_results_are_asked_alone() -> None:
    assert best_of({"results": {"a": {"perplexity,none": 3.0}}}, {"b_acc,none": 0.5}) is None
    assert best_of({"results": {"a": {"acc,none": 0.25}}}, {"b_acc,none": 0.5}) == ("a_acc", 0.25)


def test_the_best_metric_names_the_property_that_holds_the_file_s_score() -> None:
    results = {"results": {"arc": {"alias": "arc", "acc,none": 0.6666}}}
    assert best_of(results, {"arc_acc,none": 0.67}) == ("arc_acc", 0.6666)
    assert best_of(results, {"arc_acc,none": 0.6666}) == ("arc_acc", 0.6666)


def test_however_much_is_recorded_the_best_score_is_there() -> None:
    own = {f"m{number}": number for number in range(2000)} | {"a_acc": 0.77}
    found = evaluation.evaluation_properties(own, {"results": {"a": {"acc,none": 0.7654}}}, "")
    joined = properties.joined_properties({}, {}, found, {f"training_p{n}": n for n in range(2000)})
    assert len(joined) == 1000
    assert joined[str(joined["best_metric"])] == joined["best_score"] == 0.7654


METRICS = st.sampled_from(["acc", "acc_norm", "f1", "pass@1", "acc_stderr", "perplexity", "NoAns_f1", "Acc", "bypass"])
KEYS = st.builds("".join, st.tuples(METRICS, st.sampled_from(["", ",none", ",strict-match"])))
VALUES = st.floats() | st.integers(-2, 120) | st.sampled_from(["N/A", "0.5", None, {}]) | st.floats(0, 1)
TASKS = st.sampled_from(["arc", "ARC", "a-b", "a b", "eval_arc", "best", "x" * 260]) | st.text(max_size=4)
TABLE = st.dictionaries(KEYS, VALUES, max_size=4)


@given(st.dictionaries(TASKS, TABLE, max_size=5), st.dictionaries(TASKS, TABLE, max_size=3), st.randoms())
def test_whatever_was_measured_the_best_is_a_recorded_share(
    tables: dict[str, dict[str, Any]], logged: dict[str, dict[str, Any]], chance: Any
) -> None:
    metadata = {f"{task}_{name}": value for task, table in logged.items() for name, value in table.items()}
    for results in ({"results": tables}, {}):
        best = best_of(results, metadata)
        if best is None:
            continue
        assert 0 <= best[1] <= 1
        assert "stderr" not in best[0]
        names = list(tables)
        chance.shuffle(names)
        shuffled = {"results": {task: dict(reversed(tables[task].items())) for task in names}} if results else {}
        again = best_of(shuffled, dict(reversed(metadata.items())))
        assert again is not None
        assert again[1] == best[1]


def test_the_best_score_does_not_depend_on_the_order_of_keys() -> None:
    tables = {"b": {"f1,none": 0.5, "acc,none": 0.25}, "a": {"acc,none": 0.75, "f1,none": 0.125}}
    backwards = {task: dict(reversed(table.items())) for task, table in reversed(tables.items())}
    assert best_of({"results": tables}) == best_of({"results": backwards}) == ("a_acc", 0.75)


@pytest.mark.parametrize("task", ["eval_x", "eval_eval_x", "eval_", "EVAL_Eval_x"])
@pytest.mark.parametrize("logged", [{}, {"eval_eval_x_acc": 0.3}, {"x_acc": 0.3}])
def test_the_best_metric_names_the_property_that_holds_the_score(task: str, logged: dict[str, Any]) -> None:
    results = {"results": {task: {"acc,none": 0.9}, "x": {"acc,none": 0.1}}}
    said = evaluation.evaluation_properties(logged, results, "")
    assert said["best_score"] == 0.9
    assert said[str(said["best_metric"])] == 0.9
    assert list(said.values()).count(0.9) == 2, "the score and its one property"
