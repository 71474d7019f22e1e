"""The compiled component as a pod gets it: its program, and how the pod runs that."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml
from kfp import compiler
from kfp_model_registry import model_registry


def compiled(pipeline_or_component: Any = model_registry) -> str:
    """The YAML that KFP's compiler writes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "compiled.yaml"
        compiler.Compiler().compile(pipeline_or_component, str(path))
        return path.read_text(encoding="utf-8")


def container() -> dict[str, Any]:
    """The component's container in the compiled YAML."""
    specification = next(yaml.safe_load_all(compiled()))
    (executor,) = [
        executor
        for name, executor in specification["deploymentSpec"]["executors"].items()
        if "model-registry" in name or len(specification["deploymentSpec"]["executors"]) == 1
    ]
    return executor["container"]


def program() -> str:
    """The Python source that the pod runs: the last argument of the container's command."""
    return container()["command"][-1]


def start_pod(
    folder: Path, executor_input: dict[str, Any], account_dir: str = "/no-account", **environment: str
) -> subprocess.Popen[str]:
    """Start the component's program as the pod's shell does; its output goes to one pipe.

    Args:
        folder: Where the program and its output go.
        executor_input: What KFP's launcher passes.
        account_dir: The folder that stands for /var/run/secrets/kubernetes.io/serviceaccount.
        environment: The pod's environment, beside the tests'.

    Returns:
        The running program.
    """
    path = folder / "ephemeral_component.py"
    source = program().replace("/var/run/secrets/kubernetes.io/serviceaccount", account_dir)
    path.write_text(source, encoding="utf-8")
    # The pod has neither this checkout nor what pytest put on the path.
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "kfp.dsl.executor_main", "--component_module_path", str(path)),
            *("--executor_input", json.dumps(executor_input), "--function_to_execute", "model_registry"),
        ],
        cwd=folder,
        env=clean | {"_KFP_RUNTIME": "true"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run_pod(
    folder: Path, executor_input: dict[str, Any], account_dir: str = "/no-account", **environment: str
) -> tuple[int, str]:
    """Run the component's program to its end: exit code and output."""
    process = start_pod(folder, executor_input, account_dir, **environment)
    output, _ = process.communicate()
    return process.returncode, output


def returned(folder: Path) -> Any:
    """What the component returned, as KFP reads it."""
    return json.loads((folder / "executor_output.json").read_text(encoding="utf-8"))["parameterValues"]["Output"]
