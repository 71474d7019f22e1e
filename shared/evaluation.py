"""What is recorded of an evaluation, best first; what a tool's file means, lm_eval.py and eval_hub.py know."""

import re
from pathlib import Path
from typing import Any

from . import eval_hub, lm_eval
from .artifacts import Artifact
from .autogluon import with_test_metrics
from .json_outline import Members, read_outline
from .lm_eval import Score
from .location import store_location
from .properties import Entry, Properties, log, metric_entries, named_properties, property_name, property_value, remark
from .redaction import redact

# The shares of right answers, as lm-eval, lmms-eval and Eval Hub's providers name them.
SHARE_NAMES = (
    "acc acc_all acc_bytes acc_mutual_info acc_norm accuracy contains contains_match em exact_match extractive_match "
    "f1 f1_macro f1_micro inst_level_loose_acc inst_level_strict_acc math_verify mc1 mc2 mmmu_acc numerical_match "
    "prompt_level_loose_acc prompt_level_strict_acc relaxed_accuracy"
)
SHARES = frozenset(SHARE_NAMES.split())
PASS_AT_K = re.compile(r"pass(?:@|_at_)(?:\d+|k)")
# What only ends like one: parts of a task, or similar words.
NO_SHARES = "HasAns_f1|NoAns_f1|best_f1|bertscore_f1|bleu_acc|rouge[12L]_acc"
# `<alias>_<metric>,<filter>` or `<provider>/<benchmark>/<metric>`, the longest that fits; a subtask's alias is " - …".
LOGGED_KEY = re.compile(rf"(?!_*-_)(?:(.+?)[_/])??({'|'.join(SHARES)}|{NO_SHARES}|{PASS_AT_K.pattern})(?:,[^,]*)?")

WANTED = ("results", "groups", "group_subtasks", "higher_is_better", "n-shot", "n-samples", "config")


def recorded(metrics: Artifact, results: Artifact, model: Artifact) -> Properties:
    """Record what the evaluation's two artifacts say, and AutoGluon's model of itself."""
    members = read_results(results.path) if results != Artifact() else {}
    said = evaluation_properties(metrics.metadata, members, store_location(results.uri, results.metadata))
    return with_test_metrics(said, model.metadata)


def read_results(path: str) -> Members:
    """Read lm-eval's or Eval Hub's results, a file or a folder with one, but never its `samples`, however large.

    Returns:
        Its members, None for what is not read; {} for no file, a broken one or another tool's, which is logged.
    """
    try:
        with open(results_file(path), "rb") as file:
            results = read_outline(file, WANTED)
        # lighteval's `results` are of its own kind.
        if "config_general" in results or not (eval_hub.is_job(results) or lm_eval.tables(results)):
            raise ValueError(f"expected lm-eval's or Eval Hub's `results`, found: {', '.join(results)[:300]}")
    except (OSError, ValueError) as error:
        why = redact(str(error))
        log.warning("The evaluation results could not be read (%s): only their location is recorded.", why)
        return {}
    if not any((eval_hub.entries(results), *lm_eval.scores(results))):
        log.info("The evaluation results hold no score.")
    return results


def results_file(path: str) -> str:
    """Find the file: the path, or the one JSON file in a folder; links, pipes and devices there are none."""
    if not path:
        raise ValueError("the artifact has no path")
    if Path(path).is_file():
        return path
    found = [file for file in Path(path).rglob("*.json") if file.is_file() and not file.is_symlink()]
    if len(found) != 1:
        raise ValueError(f"no file, nor a folder with one JSON file: {len(found)} found")
    return str(found[0])


def evaluation_properties(metadata: Members, results: Members, results_uri: str) -> Properties:
    """Record metrics and results as `eval_<key>`: the best score first, and one that both sources hold once."""
    job, results = (results, {}) if eval_hub.is_job(results) else ({}, results)
    benchmarks, (scores, without_number) = eval_hub.entries(job), lm_eval.scores(results)
    remark("Evaluation scores without a number, left out", (property_name("eval", key) for key in without_number))
    logged = metric_entries(metadata)
    best = best_score(scores or logged_scores(benchmarks or logged), results)
    about: list[Entry] = []
    if best:  # first and without `eval_`, so that no other key takes its name
        name = property_name("eval", redact(best.key))
        about = [("best_metric", name), ("best_score", best.value), (name.removeprefix("eval_"), best.value)]

    in_file = {comparable(*entry) for entry in lm_eval.logged_entries(results) + benchmarks}
    own = [entry for entry in logged if comparable(*entry) not in in_file]
    said = {property_name("eval", key) for key, _ in own}
    about += [("results_uri", results_uri)] if results_uri else []
    about += [(key, value) for key, value in lm_eval.facts(results) if value and property_name("eval", key) not in said]
    subtasks = lm_eval.subtask_names(results)
    scores.sort(key=lambda score: (score.metric.endswith("_stderr"), score.task in subtasks))
    measured = [(score.key, score.value) for score in scores] + benchmarks
    return named_properties("eval", about + own + measured + lm_eval.counts(results))


def comparable(key: str, value: Any) -> tuple[str, float | str]:
    """Write an entry as both sources can: KFP's metadata store keeps six decimals."""
    stored = property_value(key, value)
    return property_name("eval", key), round(stored, 6) if isinstance(stored, float) else stored


def logged_scores(entries: list[Entry]) -> list[Score]:
    """Read top-level scores from an evaluation step's metrics."""
    return [
        Score(key, match[1] or "", match[2], number)
        for key, value in entries
        if (match := LOGGED_KEY.fullmatch(key)) and isinstance(number := property_value(key, value), float)
    ]


def best_score(scores: list[Score], results: Members) -> Score | None:
    """Pick the highest share of right answers among top-level tasks and groups."""
    shares = [score for score in scores if score.metric in SHARES or PASS_AT_K.fullmatch(score.metric)]
    left_out = lm_eval.subtask_names(results) | {score.task for score in shares if score.value > 1}  # percentages
    candidates = [score for score in shares if score.task not in left_out and score.value >= 0]
    good = [score for score in candidates if lm_eval.higher_is_better(score.task, score.metric, results)]
    return max(good, key=lambda score: score.value, default=None)
