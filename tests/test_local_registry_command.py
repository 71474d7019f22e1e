"""The local registry's command line: it serves, and it shows what a registry holds about a model."""

# ruff: noqa: D103

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from . import local_registry
from .local_registry import LocalRegistry
from .plain_http import APIS, Http

FOLDER = Path(local_registry.__file__).parent


def run(*words: str, url: str = "", folder: Path = FOLDER) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(folder), *words],
        env={**os.environ, "MODEL_REGISTRY_URL": url, "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """The one line with which a command failed."""
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    return line


@pytest.fixture
def filled(registry: LocalRegistry) -> LocalRegistry:
    """A registry with a model of two versions, and another model."""
    registry.add_model("other")
    properties: dict[str, Any] = {"digits": "", "loss": 0.5}
    model = registry.add_model("it's \\ this", owner="me", description="Reads digits", customProperties={"size": 3})
    registry.add_version(model["id"], "old")
    version = registry.add_version(model["id"], "new", author="you", customProperties=properties)
    run_of_it = {"modelSourceName": "on Monday", "modelSourceId": "run-1", "modelSourceGroup": "team-a"}
    form = {"modelFormatName": "onnx", "modelFormatVersion": "2"}
    registry.add_artifact(version["id"], uri="s3://bucket/model", **run_of_it, **form)
    return registry


SHOWN = """\
registered model  it's \\ this (ID: 2, LIVE, owner me)
                  Reads digits
                  size  3
model version     new (ID: 4, LIVE, author you)
                  digits  (a label)
                  loss    0.5
model artifact    s3://bucket/model (ID: 1, LIVE)
                  format onnx 2
made by           run on Monday, ID run-1, namespace team-a
"""


def test_it_serves_and_says_where_and_what_it_is() -> None:
    command = [sys.executable, str(FOLDER), "--port", "0", "--api", "v1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        url = line.rsplit(" ", 1)[1]
        assert "testing only" in line
        assert Http(url).get("registered_models")[0] == 200
        assert Http(url, "v1alpha3").get("registered_models")[0] == 404
        process.terminate()


def test_a_port_that_is_taken_is_told_in_a_sentence(registry: LocalRegistry) -> None:
    said = sentence(run("--port", str(registry.port)))
    assert said.startswith(f"Cannot serve on port {registry.port} of 127.0.0.1: ")
    assert "--port" in said


def test_a_port_that_is_none_is_told_in_a_sentence() -> None:
    assert sentence(run("--port", "65536")).startswith("Cannot serve on port 65536 ")


@pytest.mark.parametrize("words", ["it's \\ this", "2"], ids=["name", "ID"])
def test_a_models_newest_version_is_shown(filled: LocalRegistry, words: str) -> None:
    done = run("show", words, url=filled.url + "/")
    assert (done.returncode, done.stdout) == (0, f"In the registry at {filled.url}:\n{SHOWN}")


@pytest.mark.parametrize("api", APIS)
def test_either_api_is_read(api: str) -> None:
    with LocalRegistry(apis=(api,)) as registry:
        registry.add_model("m")
        assert "registered model  m (ID: 1, LIVE, owner unknown)" in run("show", "m", url=registry.url).stdout


def test_a_name_goes_before_an_id(registry: LocalRegistry) -> None:
    registry.add_model("2")
    registry.add_model("1")
    assert "registered model  2 (ID: 1," in run("show", "2", url=registry.url).stdout


@pytest.mark.parametrize("unknown", ["nobody", "9"])
def test_a_model_that_is_not_there_is_told_in_a_sentence(registry: LocalRegistry, unknown: str) -> None:
    expected = f"The registry at {registry.url} holds no registered model of the name or ID '{unknown}'."
    assert sentence(run("show", unknown, url=registry.url)) == expected


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:1", "Nobody answers at http://127.0.0.1:1: "),
        ("localhost:8080", "MODEL_REGISTRY_URL is no URL: 'localhost:8080'. "),
    ],
)
def test_where_nothing_can_be_read_a_sentence_says_why(url: str, said: str) -> None:
    assert sentence(run("show", "m", url=url)).startswith(said)


def test_what_is_no_model_registry_is_called_so() -> None:
    with LocalRegistry(apis=()) as registry:
        assert "no Model Registry" in sentence(run("show", "m", url=registry.url))


def test_a_registry_that_refuses_is_quoted() -> None:
    with LocalRegistry(forbidden=True) as registry:
        said = sentence(run("show", "m", url=registry.url))
    assert "403" in said
    assert "Forbidden" in said


def test_it_runs_from_a_clone_of_any_name(filled: LocalRegistry, tmp_path: Path) -> None:
    copied = shutil.copytree(FOLDER, tmp_path / "my clone" / "tests" / "local_registry")
    assert SHOWN in run("show", "2", url=filled.url, folder=copied).stdout
