"""Who is measured, and the server that they talk to, each in a process of its own."""

from __future__ import annotations

import contextlib
import io
import logging
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # for the tests' registry, and for `shared` by the name that it has in a pod
SPAWN = multiprocessing.get_context("spawn")


def serve(connection: Connection, options: dict[str, Any], models: int, versions: int) -> None:
    """Run the local registry, preloaded, and tell about it until told to stop."""
    from tests.local_registry import LocalRegistry

    with LocalRegistry(**options) as registry:
        for number in range(models):
            registry.add_model(f"other-{number}")
        crowded = registry.add_model("crowded")
        for number in range(versions):
            registry.add_version(crowded["id"], f"0.0.{number}")
        connection.send(registry.url)
        while connection.recv() != "stop":
            kinds = (len(registry.models()), len(registry.versions()), len(registry.artifacts()))
            connection.send((len(registry.requests), registry.connections, kinds))


def register_with_component(url: str, model: str, version: str, ca: str = "", policy: str = "fail") -> None:
    """Register as a pipeline step does."""
    from kfp_model_registry import model_registry

    model_registry.python_func(
        pvc_mount_path="",
        registry_address=url,
        registry_ca_path=ca,
        model_name=model,
        model_version=version,
        model_uri=f"s3://models/{model}/{version}?endpoint=http://minio:9000&defaultRegion=eu",
        source_pipeline_name="train",
        source_pipeline_run_id=f"run-{version}",
        source_pipeline_run_name="nightly",
        source_namespace="team-a",
        custom_properties={"accuracy": 0.9, "team": "vision"},
        on_existing_version=policy,
    )


def register_with_plain_client(url: str, model: str, version: str, ca: str = "") -> None:
    """Register as the client's own documentation does it."""
    from model_registry import ModelRegistry

    address = urlsplit(url)
    registry = ModelRegistry(
        f"{address.scheme}://{address.hostname}", address.port, author="a", user_token="t", custom_ca=ca or None
    )
    registry.register_model(
        model,
        f"s3://models/{model}/{version}?endpoint=http://minio:9000&defaultRegion=eu",
        version=version,
        model_format_name="pytorch",
        model_format_version="1.0",
        metadata={"accuracy": 0.9, "team": "vision"},
    )


CONTENDERS: dict[str, Callable[..., None]] = {
    "component": register_with_component,
    "plain client": register_with_plain_client,
}


def contend(connection: Connection, name: str, system_cas: str = "") -> None:
    """Do registrations as told, with what they print thrown away, and tell the seconds that each took."""
    if system_cas:
        os.environ["SSL_CERT_FILE"] = system_cas
    logging.disable()  # the plain client warns of every port but 80 and 443
    register = CONTENDERS[name]
    while (job := connection.recv()) is not None:
        with contextlib.redirect_stdout(io.StringIO()):
            began = time.perf_counter()
            register(**job)
            connection.send(time.perf_counter() - began)


@contextlib.contextmanager
def process(target: Callable[..., None], *arguments: Any) -> Iterator[Connection]:
    """Run a function in a process of its own, with a pipe to it."""
    here, there = SPAWN.Pipe()
    running = SPAWN.Process(target=target, args=(there, *arguments), daemon=True)
    running.start()
    yield here
    here.send("stop" if target is serve else None)
    running.join()


def median_seconds(url: str, ca: str, system_cas: str, rounds: int = 7) -> dict[str, float]:
    """Register a new version of a known model with each contender in turn; the first round warms up."""
    with (
        process(contend, "component", system_cas) as component,
        process(contend, "plain client", system_cas) as client,
    ):
        seconds: dict[str, list[float]] = {"component": [], "plain client": []}
        for number in range(rounds + 1):
            for name, connection in (("component", component), ("plain client", client)):
                connection.send({"url": url, "model": name, "version": f"1.{number}.0", "ca": ca})
                seconds[name].append(connection.recv())
    return {name: statistics.median(taken[1:]) for name, taken in seconds.items()}


def all_at_once(connection: Connection, url: str, writers: int) -> None:
    """Register versions of one new model from many threads, and tell the seconds for all."""
    with contextlib.redirect_stdout(io.StringIO()), ThreadPoolExecutor(writers) as pool:
        began = time.perf_counter()
        list(pool.map(lambda number: register_with_component(url, "new", f"1.{number}.0"), range(writers)))
        connection.send(time.perf_counter() - began)
    connection.recv()


def peak_memory() -> float:
    """MiB that this process has held at most; unlike ru_maxrss, not those of the process that started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def read_results_file(connection: Connection, path: str, reader: str) -> None:
    """Read a results file, and tell the seconds and the MiB by which the process grew at its peak."""
    import json

    from shared.evaluation import read_results

    before = peak_memory()
    began = time.perf_counter()
    if reader == "component":
        if not read_results(path)["results"]:
            raise ValueError("the generated file was not read")
    else:
        with open(path, encoding="utf-8") as file:
            json.load(file)
    taken = time.perf_counter() - began
    connection.send((taken, peak_memory() - before))
    connection.recv()
