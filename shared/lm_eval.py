"""What lm-eval's results say, whichever version's; which score is best, evaluation.py decides."""

from dataclasses import dataclass

from .json_outline import Members, dict_at, number_of
from .properties import Entry

# What stands beside the scores; `bypass` (999) is a predict-only run's.
NO_SCORES = ("name", "alias", "sample_len", "sample_count", "samples", "bypass", "bypass_stderr")


@dataclass(frozen=True)
class Score:
    """One score: `exact_match` of `gsm8k`, under the key `gsm8k_exact_match,strict-match`."""

    key: str
    task: str
    metric: str
    value: float


def tables(results: Members) -> dict[str, Members]:
    """Return what stands under each task and group."""
    found = dict_at(results, "groups") | dict_at(results, "results")
    return {task: dict_at(found, task) for task in found}


def scores(results: Members) -> tuple[list[Score], list[str]]:
    """List all scores, and the keys of those without a number ("N/A")."""
    found, without_number = [], []
    for task, table in tables(results).items():
        for name, value in table.items():
            key, metric, number = f"{task}_{name}", name.split(",")[0], number_of(value)
            if metric in NO_SCORES or not name.strip():  # a group without a score holds `" ": " "` up to 0.4.8
                continue
            if number is not None:
                found.append(Score(key, task, metric, number))
            elif not isinstance(value, dict | list):
                without_number.append(key)
    return found, without_number


def logged_entries(results: Members) -> list[Entry]:
    """List what the evaluation step's metrics may repeat, by task and by alias."""
    return [
        (f"{shown_as}_{name}", value)
        for task, table in tables(results).items()
        for name, value in table.items()
        for shown_as in (task, "holdout" if task == "custom_holdout_eval" else table.get("alias"))
    ]


def members(group: str, results: Members) -> list[str]:
    """List a group's own subtasks."""
    names = dict_at(results, "group_subtasks").get(group)
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def subtask_names(results: Members) -> set[str]:
    """Name the tasks that are part of a group's score; without one, each stands for itself."""
    if "group_subtasks" not in results:  # old files show it by a dash
        return {task for task, table in tables(results).items() if str(table.get("alias")).lstrip().startswith("- ")}
    return {name for score in scores(results)[0] for name in members(score.task, results)}


def higher_is_better(task: str, metric: str, results: Members) -> bool:
    """Say whether high is good, as declared; a group without a declaration follows its subtasks."""
    declared = dict_at(results, "higher_is_better")
    asked = [task]
    for name in asked:  # it grows on the way
        if metric not in dict_at(declared, name):
            asked += [subtask for subtask in members(name, results) if subtask not in asked]
    return all(dict_at(declared, name).get(metric, True) is True for name in asked)


def facts(results: Members) -> list[Entry]:
    """Say which harness evaluated (lmms-eval is lm-eval for images), and its limit."""
    return [
        ("harness_version", results.get("lm_eval_version") or results.get("lmms_eval_version")),
        ("harness_git_hash", results.get("git_hash")),
        ("limit", number_of(dict_at(results, "config").get("limit"))),
    ]


def counts(results: Members) -> list[Entry]:
    """List few-shot examples, once if all tasks agree, and samples of tasks that were cut or are in no group."""
    found = {f"{task}_num_fewshot": number_of(count) for task, count in dict_at(results, "n-shot").items()}
    found = found or {"": number_of(dict_at(results, "config").get("num_fewshot"))}  # lm-eval 0.3
    if len(set(found.values())) == 1:
        found = {"num_fewshot": found.popitem()[1]}
    subtasks, samples = subtask_names(results), dict_at(results, "n-samples")
    for task in samples:
        available, effective = (number_of(dict_at(samples, task).get(kind)) for kind in ("original", "effective"))
        if task not in subtasks or available != effective:
            found[f"{task}_samples"] = effective
        if available != effective:
            found[f"{task}_samples_available"] = available
    return [(key, count) for key, count in found.items() if count is not None]
