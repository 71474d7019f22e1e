"""The compiled component as a pod gets it: its program, and how the pod runs that."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kfp import compiler, dsl

from .subject import model_registry

# The same component for an image that has its packages and rooms (Containerfile): without archive and installation.
light = dsl.component(base_image="registry.example.com/team/model-registry-step:0.1.0", install_kfp_package=False)(
    model_registry.python_func
)


def compiled(pipeline_or_component: Any = model_registry) -> str:
    """The YAML that KFP's compiler writes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "compiled.yaml"
        compiler.Compiler().compile(pipeline_or_component, str(path))
        return path.read_text(encoding="utf-8")


def container(component: Any = model_registry) -> dict[str, Any]:
    """A component's container in the compiled YAML."""
    import yaml

    specification = next(yaml.safe_load_all(compiled(component)))
    (executor,) = [
        executor
        for name, executor in specification["deploymentSpec"]["executors"].items()
        if "model-registry" in name or len(specification["deploymentSpec"]["executors"]) == 1
    ]
    return executor["container"]


def program() -> str:
    """The Python source that the pod runs: the last argument of the container's command."""
    return container()["command"][-1]


def archive(source: str) -> dict[str, bytes]:
    """The files that a program carries, by name."""
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(archive_text(source)))) as packed:
        files = {member.name.removeprefix("./"): packed.extractfile(member) for member in packed if member.isfile()}
        return {name: file.read() for name, file in files.items() if file}


def archive_text(source: str) -> str:
    """The archive as it stands in the program: base64 of a gzipped tar."""
    match = re.search(r"__KFP_EMBEDDED_ARCHIVE_B64 = '([^']+)'", source)
    assert match is not None
    return match[1]


def with_account_dir(source: str, account_dir: str) -> str:
    """The program of a pod whose service account is mounted elsewhere, since tests may not write to /var/run."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as packed:
        for name, content in archive(source).items():
            changed = content.replace(b"/var/run/secrets/kubernetes.io/serviceaccount", account_dir.encode())
            member = tarfile.TarInfo(name)
            member.size = len(changed)
            packed.addfile(member, io.BytesIO(changed))
    return source.replace(archive_text(source), base64.b64encode(written.getvalue()).decode())


def launcher(folder: Path, *flags: str, emissary: bool = False) -> list[str]:
    """What stands in front of a command in a pod: KFP's launcher with these flags, below Argo's emissary or alone.

    Both are real processes that run what follows their `--` as a child, and the launcher runs KFP's shell.
    """
    front = []
    for name in ("argoexec", "launch"):
        path = folder / name
        path.write_text('#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift\n"$@"\nexit $?\n')
        path.chmod(0o755)
        front.append(str(path))
    argoexec = [front[0], "emissary", "--loglevel", "info", "--log-format", "text", "--"]
    shell = ["sh", "-c", '"$0" "$@"; exit $?']
    return [*(argoexec if emissary else []), front[1], *flags, "--", *shell]


def start_pod(
    folder: Path,
    executor_input: dict[str, Any],
    account_dir: str = "/no-account",
    front: Sequence[str] = (),
    **environment: str,
) -> subprocess.Popen[str]:
    """Start the component's program as the pod's shell does; its output goes to one pipe.

    Args:
        folder: Where the program and its output go.
        executor_input: What KFP's launcher passes.
        account_dir: The folder that stands for /var/run/secrets/kubernetes.io/serviceaccount.
        front: What stands in front of the command, such as `launcher(…)`.
        environment: The pod's environment, beside the tests'.

    Returns:
        The running program.
    """
    path = folder / "ephemeral_component.py"
    path.write_text(with_account_dir(program(), account_dir), encoding="utf-8")
    # The pod has the packages of these tests, but no `shared` beside the one that it carries.
    folders = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    importable = os.pathsep.join(folder for folder in folders if not Path(folder, "shared").exists())
    return subprocess.Popen(
        [
            *front,
            *(sys.executable, "-m", "kfp.dsl.executor_main", "--component_module_path", str(path)),
            *("--executor_input", json.dumps(executor_input), "--function_to_execute", "model_registry"),
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": importable, "_KFP_RUNTIME": "true", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run_pod(
    folder: Path,
    executor_input: dict[str, Any],
    account_dir: str = "/no-account",
    front: Sequence[str] = (),
    **environment: str,
) -> tuple[int, str]:
    """Run the component's program to its end: exit code and output."""
    process = start_pod(folder, executor_input, account_dir, front, **environment)
    output, _ = process.communicate()
    return process.returncode, output


def run_command(
    given: dict[str, Any], folder: Path, executor_input: dict[str, Any], environment: Path, **variables: str
) -> tuple[int, str]:
    """Run a container's whole command, installation included: exit code and output.

    Args:
        given: The container, from the compiled YAML.
        folder: The working folder.
        executor_input: What KFP's launcher passes.
        environment: A virtual environment, which stands for the image.
        variables: What the image sets.

    Returns:
        The exit code and the output.
    """
    arguments = [json.dumps(executor_input) if word == "{{$}}" else word for word in given["args"]]
    surroundings = {**os.environ, "PATH": f"{environment.absolute() / 'bin'}:{os.environ['PATH']}", **variables}
    command = [*given["command"], *arguments]
    process = subprocess.run(
        command, cwd=folder, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return process.returncode, process.stdout


def returned(folder: Path) -> Any:
    """What the component returned, as KFP reads it."""
    return json.loads((folder / "executor_output.json").read_text(encoding="utf-8"))["parameterValues"]["Output"]
