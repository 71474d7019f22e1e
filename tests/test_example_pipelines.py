"""The example pipelines: what they compile to, and that one of them runs here as the README says."""

# ruff: noqa: D103

from __future__ import annotations

import inspect
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from kfp import compiler

from .documents import ABOVE, BELOW, above_is_ours, blocks, section
from .local_registry import LocalRegistry, plain_properties
from .plain_http import Http
from .subject import example_pipelines, installs_packages, package

yaml = pytest.importorskip("yaml")

SCRIPT = Path(example_pipelines.__file__)
PIPELINES = ["train_and_register", "register_finetuned_model"]


def compiled(name: str, path: Path) -> bytes:
    compiler.Compiler().compile(getattr(example_pipelines, name), str(path))
    return path.read_bytes()


def documents(name: str, folder: Path) -> list[Any]:
    """The compiled pipeline's documents: the specification and, where it has one, what is Kubernetes' own."""
    return list(yaml.safe_load_all(compiled(name, folder / "pipeline.yaml")))


def registration_task(name: str, folder: Path) -> dict[str, Any]:
    task: dict[str, Any] = documents(name, folder)[0]["root"]["dag"]["tasks"]["model-registry"]
    return task


def run_script(folder: Path, script: Path = SCRIPT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(script)],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder), "PYTHONUTF8": "1", "MODEL_REGISTRY_URL": "", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def copied_without_tests(folder: Path) -> Path:
    """The script in a folder that has the component beside it, but not the tests' registry."""
    for name in ("component.py", "example_pipelines.py"):
        shutil.copy(SCRIPT.with_name(name), folder)
    shutil.copytree(SCRIPT.with_name("shared"), folder / "shared")
    return folder / SCRIPT.name


@above_is_ours
def test_the_readmes_whole_pipeline_compiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kfp_model_registry", package)
    (code,) = blocks(ABOVE, "python")
    (tmp_path / "pipeline.py").write_text(code, encoding="utf-8")
    pipeline = runpy.run_path(str(tmp_path / "pipeline.py"))["register_digits"]
    compiler.Compiler().compile(pipeline, str(tmp_path / "pipeline.yaml"))
    specification = next(yaml.safe_load_all((tmp_path / "pipeline.yaml").read_text(encoding="utf-8")))
    assert list(specification["root"]["dag"]["tasks"]) == ["model-registry"]


@pytest.mark.parametrize("name", PIPELINES)
def test_a_pipeline_compiles_twice_to_the_same_bytes(name: str, tmp_path: Path) -> None:
    assert compiled(name, tmp_path / "first.yaml") == compiled(name, tmp_path / "second.yaml")


@pytest.mark.parametrize("name", PIPELINES)
def test_a_registration_is_never_taken_from_the_cache_and_is_tried_again(name: str, tmp_path: Path) -> None:
    task = registration_task(name, tmp_path)
    assert task.get("cachingOptions", {}).get("enableCache", False) is False
    assert task["retryPolicy"]["maxRetryCount"] == 2


def test_every_artifact_is_connected_for_the_local_runner(tmp_path: Path) -> None:
    connected = registration_task("train_and_register", tmp_path)["inputs"]["artifacts"]
    assert set(connected) == {"input_model", "input_metrics", "eval_metrics", "eval_results"}


def test_the_fine_tuned_model_is_named_with_its_endpoint_and_not_imported(tmp_path: Path) -> None:
    specification, _ = documents("register_finetuned_model", tmp_path)
    tasks = specification["root"]["dag"]["tasks"]
    given = tasks["model-registry"]["inputs"]
    assert given["parameters"]["model_uri"] == {"componentInputParameter": "model_uri"}
    assert set(given["artifacts"]) == {"input_metrics", "eval_metrics", "eval_results"}
    imported = [
        executor["importer"]
        for executor in specification["deploymentSpec"]["executors"].values()
        if "importer" in executor
    ]
    assert sorted(importer["typeSchema"]["schemaTitle"] for importer in imported) == [
        "system.Artifact",
        "system.Metrics",
        "system.Metrics",
    ]
    location = specification["root"]["inputDefinitions"]["parameters"]["model_uri"]["defaultValue"]
    assert re.fullmatch(r"s3://[^?]+/\?endpoint=https?://[^&]+&defaultRegion=.+", location)


def test_a_stock_kfp_takes_the_workspace(tmp_path: Path) -> None:
    _, platform = documents("register_finetuned_model", tmp_path)
    workspace = platform["platforms"]["kubernetes"]["pipelineConfig"]["workspace"]
    assert workspace["kubernetes"]["pvcSpecPatch"]["accessModes"] == ["ReadWriteOnce"]


@pytest.mark.parametrize(("name", "kind"), list(zip(PIPELINES, ["predictive", "generative"], strict=True)))
def test_a_registration_says_which_type_of_model_it_is(name: str, kind: str, tmp_path: Path) -> None:
    given = registration_task(name, tmp_path)["inputs"]["parameters"]
    assert given["custom_properties"]["runtimeValue"]["constant"]["model_type"] == kind


def test_the_whole_file_fits_into_a_collections_readme() -> None:
    assert len(SCRIPT.read_text(encoding="utf-8").splitlines()) <= 300


@pytest.mark.parametrize("name", PIPELINES)
def test_a_registration_says_which_run_made_the_model(name: str, tmp_path: Path) -> None:
    given = registration_task(name, tmp_path)["inputs"]["parameters"]
    run = {key: given[f"source_pipeline_{key}"]["runtimeValue"]["constant"] for key in ("run_id", "run_name")}
    assert run == {"run_id": "{{$.pipeline_job_uuid}}", "run_name": "{{$.pipeline_job_name}}"}


@pytest.mark.parametrize("name", PIPELINES)
def test_every_parameter_has_a_default_and_a_description(name: str) -> None:
    function = getattr(example_pipelines, name).pipeline_func
    parameters = inspect.signature(function).parameters
    described = re.findall(r"^    (\w+): \S", inspect.getdoc(function) or "", re.MULTILINE)
    assert described == list(parameters)
    assert [key for key, parameter in parameters.items() if parameter.default is parameter.empty] == []


@installs_packages
def test_the_script_trains_and_registers_in_a_registry_of_its_own(tmp_path: Path) -> None:
    done = run_script(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    for line in section(BELOW, "What gets registered").partition("```text\n")[2].partition("```")[0].splitlines():
        pattern = re.escape(re.sub(r"(\.\d{6})\d+", r"\1…", line.strip())).replace("…", ".*")
        assert re.search(rf"^ +{pattern}$", done.stdout, re.MULTILINE), line
    shown = done.stdout[done.stdout.index("In the registry at http://127.0.0.1:") :]
    assert "digits-classifier (ID: 1, LIVE" in shown
    assert "1.0.0 (ID: 2, LIVE" in shown
    assert re.search(r"eval_digits_acc +0\.9\d", shown)
    assert "Model Registry: digits-classifier v1.0.0 (ID: 1)" in shown
    location = re.search(r"model artifact +file://(\S+)", shown)
    assert location is not None
    assert (Path(location[1]) / "model.joblib").is_file()


@installs_packages
def test_the_script_registers_in_the_given_registry_as_the_next_version(
    registry: LocalRegistry, tmp_path: Path
) -> None:
    others = Http(registry.url)
    others.version(others.model("digits-classifier"), "1.0.0")
    done = run_script(tmp_path, MODEL_REGISTRY_URL=registry.url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [model["name"] for model in registry.models()] == ["digits-classifier"]
    first, second = registry.versions(registry.models()[0])
    assert (first["name"], second["name"]) == ("1.0.0", "1.0.1")
    recorded = plain_properties(second)
    assert recorded["best_metric"].startswith("eval_digits_")
    assert recorded["training_regularization"] == 0.1
    assert recorded["pipeline_run_url"].endswith(f"/pipeline/#/runs/details/{recorded['pipeline_run_id']}")
    assert len(registry.artifacts()) == 1


def test_where_nobody_answers_the_script_says_so_before_it_trains(tmp_path: Path) -> None:
    done = run_script(tmp_path, MODEL_REGISTRY_URL="http://127.0.0.1:1/")
    assert (done.returncode, done.stdout) == (1, "")
    (sentence,) = done.stderr.strip().splitlines()
    assert sentence.startswith("Nobody answers at http://127.0.0.1:1: ")
    assert "MODEL_REGISTRY_URL" in sentence


def test_without_the_tests_beside_it_the_script_says_what_is_missing(tmp_path: Path) -> None:
    done = run_script(tmp_path, script=copied_without_tests(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.strip().splitlines()[-1].startswith("Run this script in a clone: ")


def test_the_examples_load_and_compile_by_path_where_the_package_is_not_installed(tmp_path: Path) -> None:
    alone = copied_without_tests(tmp_path)
    program = f"""
import importlib.util, sys
from kfp import compiler
sys.modules["kfp_model_registry"] = None
spec = importlib.util.spec_from_file_location("examples", {str(alone)!r})
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
print(module.train_and_register.name, module.model_registry.name)
compiler.Compiler().compile(module.register_finetuned_model, "pipeline.yaml")
"""
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert shown.stdout.split() == ["train-and-register", "model-registry"]
    task = next(yaml.safe_load_all((tmp_path / "pipeline.yaml").read_bytes()))["root"]["dag"]["tasks"]["model-registry"]
    assert "model_uri" in task["inputs"]["parameters"]
