"""What lm-eval's and Eval Hub's results and metrics say, and which score is best; it knows no server.

Two sources say the same: the metrics that the evaluation step logged, which lost digits on the way, and its results
file, which has them all. A score that both hold is recorded once, with the file's value.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .json_outline import Members, dict_at, number_of, read_outline
from .location import Artifact, best_model, store_location
from .properties import Entry, Properties, log, metric_entries, named_properties, property_name, remark
from .redaction import redact

# The shares of right answers, as lm-eval, lmms-eval and Eval Hub's providers name them.
SHARES = (
    "acc|acc_all|acc_bytes|acc_mutual_info|acc_norm|accuracy|contains|contains_match|em|exact_match|extractive_match|"
    "f1|f1_macro|f1_micro|inst_level_loose_acc|inst_level_strict_acc|math_verify|mc1|mc2|mmmu_acc|numerical_match|"
    r"prompt_level_loose_acc|prompt_level_strict_acc|relaxed_accuracy|(?:codegen_)?pass(?:@|_at_)(?:\d+|k)"
)
# What only ends like one: parts of a task, or similar words.
NO_SHARES = "HasAns_f1|NoAns_f1|best_f1|bertscore_f1|bleu_acc|rouge[12L]_acc|token_accuracy|anywhere_accuracy"
# `<alias>_<metric>,<filter>` or `<provider>/<benchmark>/<metric>`, the longest that fits; a subtask's alias is " - …".
LOGGED_KEY = re.compile(rf"(?!_*-_)(?:(.+?)[_/])??({SHARES}|{NO_SHARES})(?:,[^,]*)?")

# Of a task's table only numbers and texts: evalchemy keeps its samples there, in lists (measured).
WANTED = re.compile(
    rb"\{(?:\n(?:(?:results|groups|higher_is_better|n-samples)\{(?:\n.*\{)?|(?:n-shot|config)\{"
    rb"|group_subtasks\{(?:\n.*\[)?|results\{\nbenchmarks\[(?:\n\{(?:\n(?:metrics|test|additional_info)\{)?)?))?"
)
# What stands beside the scores; `bypass` (999) is a predict-only run's.
NO_SCORE_NAMES = "name alias sample_len sample_count samples bypass bypass_stderr primary_score_metric"
NO_SCORES = frozenset(NO_SCORE_NAMES.split())


@dataclass(frozen=True)
class Score:
    """One score of an evaluation: `exact_match` of `gsm8k` is 0.62.

    Attributes:
        key: What its property is named after, such as `gsm8k_exact_match,strict-match`.
        task: The task or group.
        metric: The metric, without lm-eval's filter.
        value: The number.
    """

    key: str
    task: str
    metric: str
    value: float


def recorded(metrics: Artifact, results: Artifact, model: Artifact) -> Properties:
    """Record what the evaluation's artifacts say, and the test scores in AutoGluon's model artifact.

    Args:
        metrics: What the evaluation step logged.
        results: The full results, a file or a folder with one.
        model: The model's artifact.

    Returns:
        The properties, the foremost first: what is too much is cut from the end.
    """
    members = read_results(results.path) if results.path else {}
    said = evaluation_properties(metrics.metadata, members, store_location(results.uri, results.metadata))
    return with_test_metrics(said, model.metadata)


def read_results(path: str) -> Members:
    """Read lm-eval's or Eval Hub's results, but never their `samples`, however large.

    A file that is broken or of another shape costs its properties only.

    Args:
        path: A file, or a folder with one JSON file.

    Returns:
        The wanted members as lm-eval writes them, {} if there are none to be had; the log says why.
    """
    try:
        with open(results_file(path), "rb") as file:
            members = read_outline(file, WANTED)
        results = as_lm_eval(members)
        if not tables(results):
            found = ", ".join([*members, *(f"results.{name}" for name in dict_at(members, "results"))])[:300]
            raise ValueError(f"expected lm-eval's `results`, a table of scores a task, or Eval Hub's; found: {found}")
    except (OSError, ValueError) as error:
        log.warning("The evaluation results could not be read (%s): only their location is recorded.", error)
        return {}
    if not any(lm_scores(results)):
        log.info("The evaluation results hold no score.")
    return results


def results_file(path: str) -> str:
    """Find the file, or the one JSON file in a folder."""
    if Path(path).is_file():
        return path
    found = list(Path(path).rglob("*.json"))
    if len(found) != 1:
        raise ValueError(f"no file, nor a folder with one JSON file: {len(found)} found")
    return str(found[0])


def as_lm_eval(members: Members) -> Members:
    """Write Eval Hub's job, known by its list of benchmarks, as lm-eval writes results: a run of a benchmark is a task.

    A further run of one benchmark is the task `<id>_2`, so that no score stands beside another run's error; its alias
    is the name under which Eval Hub's component logs them all.
    """
    said = dict_at(members, "results")
    if not isinstance(said.get("benchmarks"), list):
        return members
    overall = {"overall_score" if part == "score" else part: value for part, value in dict_at(said, "test").items()}
    tables: Members = {"": overall}
    limits, shots, samples, version = {}, {}, {}, ""
    runs = [run for run in said["benchmarks"] if isinstance(run, dict)]
    for run in sorted(runs, key=lambda run: number_of(run.get("benchmark_index")) or 0):
        name = f"{run.get('provider_id')}/{run.get('id')}"
        task, number = name, 1
        while task in tables:
            number += 1
            task = f"{name}_{number}"
        about = dict_at(run, "additional_info")
        tables[task] = dict_at(run, "metrics") | dict_at(run, "test") | {"alias": name}
        limits[task], shots[task] = about.get("limit"), about.get("num_fewshot")
        samples[task] = {kind: about.get(f"num_samples_{kind}") for kind in ("original", "effective")}
        version = about.get("lmeval_version", version)
    return {"results": tables, "limits": limits, "n-shot": shots, "n-samples": samples, "lm_eval_version": version}


def evaluation_properties(metadata: Members, results: Members, results_uri: str) -> Properties:
    """Record metrics and results: the best score first, one that both hold once.

    Args:
        metadata: What the evaluation step logged.
        results: The members of the results file, as lm-eval writes them.
        results_uri: Where the file is, "" if unknown.

    Returns:
        The properties, in the order of their weight.
    """
    scores, without_number = lm_scores(results)
    remark("Evaluation scores without a number, left out", (property_name("eval", key) for key in without_number))
    logged = metric_entries(metadata)
    best = best_score(scores or logged_scores(logged), results)
    foremost: Properties = {}
    about: list[Entry] = []
    if best:  # its score comes first and without `eval_`, so that no other key takes its name
        name = property_name("eval", redact(best.key))
        foremost = {"best_metric": name, "best_score": best.value}
        about = [(name.removeprefix("eval_"), best.value)]

    in_file = {
        comparable(f"{shown_as}_{name}", value)
        for task, table in tables(results).items()
        for name, value in table.items()
        for shown_as in (task, "holdout" if task == "custom_holdout_eval" else table.get("alias"))
    }
    own = [entry for entry in logged if comparable(*entry) not in in_file]
    said = {property_name("eval", key) for key, _ in own}
    about += [("results_uri", results_uri)] if results_uri else []
    about += [(key, value) for key, value in facts(results) if value and property_name("eval", key) not in said]
    parts = subtask_names(results)
    scores.sort(key=lambda score: (score.metric.endswith("_stderr"), score.task in parts))
    measured: list[Entry] = [(score.key, score.value) for score in scores]
    return foremost | named_properties("eval", about + own + measured + counts(results))


def with_test_metrics(evaluation: Properties, metadata: dict[str, Any]) -> Properties:
    """Add AutoGluon's test metrics, where the evaluation does not give them.

    Args:
        evaluation: What the evaluation's artifacts say.
        metadata: The model artifact's metadata.

    Returns:
        The properties of both.
    """
    best = best_model(metadata)
    scores = named_properties("eval", metric_entries(best.metrics)) if best else {}
    given = {name.lower() for name in evaluation}
    return evaluation | {name: score for name, score in scores.items() if name.lower() not in given}


def comparable(key: str, value: Any) -> tuple[str, str]:
    """Write an entry as both sources can: KFP's metadata store keeps six decimals (measured)."""
    number = number_of(value)
    return property_name("eval", key), str(value if number is None else round(number, 6))


def logged_scores(entries: list[Entry]) -> list[Score]:
    """Read the scores of top-level tasks from what was logged, by their aliases."""
    return [
        Score(key, match[1] or "", match[2], float(value))
        for key, value in entries
        if (match := LOGGED_KEY.fullmatch(key)) and type(value) in (int, float)
    ]


def best_score(scores: list[Score], results: Members) -> Score | None:
    """Pick the best score: the highest share of right answers (0 to 1) among top-level tasks and groups.

    A metric is a share by its name, from a list: `per_option_accuracy_A`, `NoAns_f1` and `acc_stderr_clt` are none
    (measured). A task with a share above 1 reports percentages, so none of its scores counts.

    Args:
        scores: All scores.
        results: The members of the results file: its groups, and which metrics are better high.

    Returns:
        The best one, None if no score counts.
    """
    shares = [score for score in scores if re.fullmatch(SHARES, score.metric)]
    left_out = subtask_names(results) | {score.task for score in shares if score.value > 1}  # percentages
    candidates = [score for score in shares if score.task not in left_out and score.value >= 0]
    good = [score for score in candidates if higher_is_better(score.task, score.metric, results)]
    return max(good, key=lambda score: score.value, default=None)


def tables(results: Members) -> dict[str, Members]:
    """Return what stands under each task and group; a table of tables alone, as NeMo writes it, is none of scores."""
    found = dict_at(results, "groups") | dict_at(results, "results")
    return {
        task: table
        for task, table in found.items()
        if isinstance(table, dict) and any(value not in ({}, []) for value in table.values())
    }


def lm_scores(results: Members) -> tuple[list[Score], list[str]]:
    """List all scores, and the keys of those without a number ("N/A")."""
    found, without_number = [], []
    for task, table in tables(results).items():
        for name, value in table.items():
            # Eval Hub's providers join task and metric: `all.extractive_match`, `choice/accuracy`.
            key, metric, number = f"{task}_{name}", re.split("[./]", name.split(",")[0])[-1], number_of(value)
            if metric in NO_SCORES or not name.strip():  # a group without a score holds `" ": " "` up to 0.4.8
                continue
            if number is not None:
                found.append(Score(key, task, metric, number))
            elif isinstance(value, str):
                without_number.append(key)
    return found, without_number


def family(task: str, results: Members) -> list[str]:
    """List a task or group, and all tasks and groups below it."""
    found = [task]
    for name in found:  # it grows on the way
        parts = dict_at(results, "group_subtasks").get(name)
        found += [part for part in map(str, parts) if part not in found] if isinstance(parts, list) else []
    return found


def subtask_names(results: Members) -> set[str]:
    """Name the tasks that are part of a group's score."""
    if "group_subtasks" not in results:  # old files show it by a dash
        return {task for task, table in tables(results).items() if str(table.get("alias")).lstrip().startswith("- ")}
    return {part for score in lm_scores(results)[0] for part in family(score.task, results)[1:]}


def higher_is_better(task: str, metric: str, results: Members) -> bool:
    """Say whether high is good; a group is asked through its subtasks, too."""
    declared = dict_at(results, "higher_is_better")
    return all(dict_at(declared, name).get(metric, True) is True for name in family(task, results))


def facts(results: Members) -> list[Entry]:
    """Say which harness evaluated, and whether it was limited."""
    version = results.get("lm_eval_version") or results.get("lmms_eval_version")
    return [
        ("harness_version", "" if version == "unknown@unknown" else version),  # lmms-eval's, outside of its clone
        ("harness_git_hash", results.get("git_hash")),
        *agreed("limit", dict_at(results, "limits") or {"": dict_at(results, "config").get("limit")}),
    ]


def agreed(name: str, found: Members) -> list[Entry]:
    """Give a number once if all tasks agree, else a task each."""
    numbers = {f"{task}_{name}": number_of(value) for task, value in found.items()}
    return [(name, numbers.popitem()[1])] if len(set(numbers.values())) == 1 else list(numbers.items())


def counts(results: Members) -> list[Entry]:
    """List few-shot examples, once if all agree, and samples of tasks that were cut or are in no group."""
    shots = dict_at(results, "n-shot") or {"": dict_at(results, "config").get("num_fewshot")}  # lm-eval 0.3
    found, parts, samples = agreed("num_fewshot", shots), subtask_names(results), dict_at(results, "n-samples")
    for task in samples:
        available, effective = (number_of(dict_at(samples, task).get(kind)) for kind in ("original", "effective"))
        if task not in parts or available != effective:
            found.append((f"{task}_samples", effective))
        if available != effective:
            found.append((f"{task}_samples_available", available))
    return [(key, count) for key, count in found if count is not None]
