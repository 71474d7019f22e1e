"""Measure speed, memory and scale against their goals, and print one table.

    python benchmarks/run.py [--quick]

`--quick` leaves out the results file of 1 GB and the fresh environment. It always ends
with exit code 0; the column Met says which goals were missed.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import itertools
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import certifi
from contenders import CONTENDERS, all_at_once, contend, median_seconds, process, read_results_file, serve

Row = tuple[str, str, str, str, str]


@contextmanager
def server(models: int = 0, versions: int = 0, **options: Any) -> Iterator[tuple[str, Any]]:
    """Run a preloaded registry in its own process: its address, and a pipe that tells its counts."""
    with process(serve, options, models, versions) as connection:
        yield connection.recv(), connection


def counts(connection: Any) -> tuple[int, int, tuple[int, int, int]]:
    """Requests, connections and entities of a server so far."""
    connection.send("counts")
    return connection.recv()


def cost(connection: Any, contender: Any, **job: str) -> tuple[int, int]:
    """Requests and connections of one registration."""
    before = counts(connection)
    contender.send(job)
    contender.recv()
    after = counts(connection)
    return after[0] - before[0], after[1] - before[1]


def request_rows() -> Iterator[Row]:
    """Requests and connections, in an empty registry and in a large one."""
    spent: dict[str, list[tuple[int, int]]] = {}
    for name in CONTENDERS:
        with server() as (url, connection), process(contend, name) as contender:
            spent[name] = [
                cost(connection, contender, url=url, model="m", version=version) for version in ("1.0.0", "1.1.0")
            ]
    for index, (what, goal) in enumerate((("a new model", 4), ("a new version of a known model", 4))):
        (requests, connections), (theirs, their_connections) = spent["component"][index], spent["plain client"][index]
        met = requests <= goal and connections == 1
        yield (
            f"requests / connections for {what}",
            f"{requests} / {connections}",
            f"{theirs} / {their_connections}",
            f"≤ {goal} / 1",
            verdict(met),
        )
    large = {}
    for name in CONTENDERS:
        with server(10_000, 10_000) as (url, connection), process(contend, name) as contender:
            new, _ = cost(connection, contender, url=url, model="m", version="1.0.0")
            crowded, _ = cost(connection, contender, url=url, model="crowded", version="1.0.0")
            large[name] = (new, crowded)
            if name == "component":
                taken, _ = cost(connection, contender, url=url, model="crowded", version="0.0.0", policy="increment")
    same = large["component"] == (spent["component"][0][0], spent["component"][1][0])
    shown = {name: f"{new} / {crowded}" for name, (new, crowded) in large.items()}
    what = "requests among 10,000 models / into a model of 10,000 versions"
    yield what, shown["component"], shown["plain client"], "as in an empty one", verdict(same)
    yield "requests to increment a version that has 10,000 patches (500 a page)", str(taken), "", "", ""


def time_rows(folder: Path) -> Iterator[Row]:
    """Wall time of a new version at several latencies: in clear, with a CA of the system's, with the caller's."""
    from tests.certificates import certificate

    ca, files = certificate(folder / "tls")
    # A system's trust has some 140 CAs, which take longer to load than a request takes.
    system = folder / "system.pem"
    system.write_bytes(Path(certifi.where()).read_bytes() + Path(ca).read_bytes())
    ways = {
        "http": ("", ""),
        "https, CA in the system's trust": ("", str(system)),
        "https, CA given by path": (ca, ""),
    }
    for (way, trusted), latency in itertools.product(ways.items(), (0, 5, 20)):
        with server(tls=files if any(trusted) else None, latency=latency / 1000) as (url, _):
            seconds = median_seconds(url, *trusted)
        ratio = seconds["component"] / seconds["plain client"]
        # With a CA by path neither loads the system's, which takes most of the plain client's time otherwise.
        goal = 0.8 if way.endswith("by path") else 0.6
        yield (
            f"a new version over {way}, {latency} ms added per request",
            f"{seconds['component'] * 1000:.0f} ms",
            f"{seconds['plain client'] * 1000:.0f} ms",
            f"≤ {goal} ({ratio:.2f})" if latency == 20 else f"({ratio:.2f})",
            verdict(ratio <= goal) if latency == 20 else "",
        )


def size_rows() -> Iterator[Row]:
    """What the program takes of the strings that carry it to the pod, and of the run's Workflow object.

    An evaluation logs the metrics of MMLU.
    """
    from kfp_model_registry import model_registry

    from tests.pod_strings import LARGEST, LONGEST, LONGEST_PROGRAM, SHARES, longest, workflow_object
    from tests.shipped import compiled, light, program
    from tests.test_fits import rounds

    size = len(program().encode())
    yield "the compiled program", f"{size:,} bytes", "", f"≤ {LONGEST_PROGRAM:,}", verdict(size <= LONGEST_PROGRAM)
    for argo, share in SHARES.items():
        hop = longest(compiled(), argo)
        yield (
            f"longest string on Argo {argo} ({hop.name})",
            f"{hop.size:,} bytes, {hop.share:.0%} of {LONGEST:,}",
            "",
            f"≤ {share:.0%}",
            verdict(hop.share <= share),
        )
    one = workflow_object(compiled())
    yield "Workflow object of a run that is one registration (KFP 2.17)", f"{one.size:,} bytes", "", "", ""
    for what, registration, times in (("", model_registry, 3), (", light steps", light, 10)):
        looped = workflow_object(compiled(rounds(registration)), times)
        yield (
            f"Workflow object of {times} rounds of train, evaluate, register{what}, its nodes packed",
            f"{looped.packed:,} bytes, {looped.share:.0%} of {LARGEST:,}",
            "",
            "< 100%",
            verdict(looped.share < 1),
        )


def crowd_row() -> Row:
    """64 writers at once, from threads of one process: what counts is the writing, not 64 interpreters' start."""
    with server() as (url, connection):
        with process(all_at_once, url, 64) as crowd:
            seconds = crowd.recv()
        _, _, (models, versions, artifacts) = counts(connection)
    held = (models - 1, versions, artifacts)  # the server starts with one model
    what = "64 registrations at once: models / versions / artifacts"
    return what, f"{' / '.join(map(str, held))} in {seconds:.1f} s", "", "1 / 64 / 64", verdict(held == (1, 64, 64))


# Where the samples stand: in a member of their own, or as evalchemy keeps them, beside a task's scores.
SCORES = '{"results": {"toy": {"alias": "toy", "acc,none": 0.5, "acc_stderr,none": NaN'
LM_EVAL = (f'{SCORES}}}}}, "samples": {{"toy": [', ']}, "n-samples": {"toy": {"original": 9, "effective": 9}}}')
EVALCHEMY = (f'{SCORES}, "examples": [', "]}}}")


def write_results(path: Path, megabytes: int, opening: str, closing: str) -> None:
    """Write a results file that is filled by samples: prompts with quotes and braces, numbers, NaN."""
    chance = random.Random(megabytes)
    words = ["the", "{model}", 'said "no"', "back\\slash", "naïve", "[1, 2]", "\n\n", "answer:", "模型", "}{"]
    with open(path, "w", encoding="utf-8") as file:
        file.write(opening)
        number = 0
        while file.tell() < megabytes * 1_000_000:
            sample = {
                "doc_id": number,
                "doc": {"question": " ".join(chance.choices(words, k=120)), "choices": chance.choices(words, k=4)},
                "arguments": [[" ".join(chance.choices(words, k=200)), " yes"], ["", " no"]],
                "resps": [[[chance.uniform(-90, 0), False]] for _ in range(4)],
                "filtered_resps": [[float("nan"), True], [float("-inf"), False]],
                "token_logprobs": [chance.gauss(0, 1) for _ in range(60)],
            }
            file.write((", " if number else "") + json.dumps(sample, ensure_ascii=number % 2 == 0))
            number += 1
        file.write(closing)


def results_rows(folder: Path, sizes: list[int]) -> Iterator[Row]:
    """Time and memory of reading a results file."""
    files = [("results file", size, LM_EVAL) for size in sizes] + [("evalchemy's results file", 100, EVALCHEMY)]
    for what, megabytes, ends in files:
        path = folder / "results.json"
        write_results(path, megabytes, *ends)
        taken = {}
        for reader in ("component", "json.load"):
            with process(read_results_file, str(path), reader) as connection:
                taken[reader] = connection.recv()
        path.unlink()
        (seconds, grown), (rival_seconds, rival_grown) = taken["component"], taken["json.load"]
        yield (
            f"{what} of {megabytes:,} MB: time, memory growth",
            f"{seconds:.2f} s, {grown:.0f} MiB",
            f"{rival_seconds:.2f} s, {rival_grown:,.0f} MiB (json.load)",
            "≤ json.load, < 64 MiB",
            verdict(seconds <= rival_seconds and grown < 64),
        )


def start_rows(folder: Path, with_install: bool) -> Iterator[Row]:
    """What a pod waits for before it registers: installing, then importing."""
    environment = {**os.environ, "_KFP_RUNTIME": "true"}
    for what, statement in (
        ("importing what a pod always imports (kfp's executor)", "import kfp.dsl.executor_main"),
        ("importing what the component needs besides", "import kfp.dsl.executor_main, mr_openapi, aiohttp"),
        (
            "importing kubernetes, only if the run or the claim is unknown",
            "import kfp.dsl.executor_main, kubernetes.client",
        ),
    ):
        began = time.perf_counter()
        for _ in range(5):
            subprocess.run([sys.executable, "-c", statement], env=environment, check=True)
        yield what, f"{(time.perf_counter() - began) / 5:.2f} s with the interpreter", "", "", ""
    if not with_install:
        return
    from tests.shipped import container

    install = [*container()["command"][:3], "true"]
    for what, pod in (("", "warm-up"), ("on a fresh image", "pod"), ("on an image that has the packages", "pod")):
        if not (folder / pod).exists():
            venv.create(folder / pod, with_pip=True)
        path = f"{folder / pod / 'bin'}:{os.environ['PATH']}"
        began = time.perf_counter()
        subprocess.run(install, env={**os.environ, "PATH": path}, check=True)
        if what:
            yield (
                f"the pod's own install command {what}, warm cache",
                f"{time.perf_counter() - began:.1f} s",
                "",
                "",
                "",
            )


def verdict(met: bool) -> str:
    """Say whether a goal is met."""
    return "yes" if met else "NO"


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave out the 1 GB file and the fresh environment")
    quick = parser.parse_args().quick
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("kfp", "model-registry", "aiohttp"))
    machine = f"{os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}"
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine}, {versions}")
    print("\n| What | Component | Rival (plain client) | Goal | Met |\n|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for rows in (
            size_rows(),
            request_rows(),
            time_rows(folder),
            iter([crowd_row()]),
            results_rows(folder, [10, 100] if quick else [10, 100, 1000]),
            start_rows(folder, not quick),
        ):
            for row in rows:
                print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
