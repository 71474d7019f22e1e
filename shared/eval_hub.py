"""What an Eval Hub job's results say, under the keys that its component logs; the rest is evaluation.py's."""

from .json_outline import Members, dict_at, number_of
from .properties import Entry


def is_job(results: Members) -> bool:
    """Tell whether these are Eval Hub's, also of a job skipped or failed."""
    return "state" in results or isinstance(dict_at(results, "results").get("benchmarks"), list)


def entries(job: Members) -> list[Entry]:
    """List what was measured and what passed (1.0 or 0.0), as far as it is a number."""
    results = dict_at(job, "results")
    verdict, benchmarks = dict_at(results, "test"), results.get("benchmarks")
    found = [("overall_score", verdict.get("score")), *((part, verdict.get(part)) for part in ("threshold", "pass"))]
    for benchmark in benchmarks if isinstance(benchmarks, list) else []:
        if isinstance(benchmark, dict):
            name = f"{benchmark.get('provider_id', 'unknown')}/{benchmark.get('id', 'unknown')}"
            verdict = dict_at(benchmark, "test")
            found += [(f"{name}/{metric}", value) for metric, value in dict_at(benchmark, "metrics").items()]
            found += [(f"{name}/{part}", verdict.get(part)) for part in ("primary_score", "threshold", "pass")]
    return [(key, number) for key, value in found if (number := number_of(value)) is not None]
