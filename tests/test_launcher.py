"""Run and pipeline are known in every pod, without a right and without a call: KFP's launcher was told them."""

# ruff: noqa: D103

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from .builders import executor_input
from .kubernetes_api import KubernetesApi, pod, workflow
from .local_registry import LocalRegistry
from .registering import values
from .shipped import launcher, run_pod
from .subject import cluster, provenance

Run: Any = provenance.Run

NAMED = ("--pipeline_name", "train", "--run_id", "0a1b-run")
# As KFP 2.17's driver writes it.
FLAGS = (
    *NAMED,
    *("--execution_id", "7", "--executor_input", json.dumps({"inputs": "x" * 100_000}), "--component_spec", "{}"),
    *("--pod_name", "$(KFP_POD_NAME)", "--pod_uid", "$(KFP_POD_UID)", "--publish_logs", "true"),
)
# Without a /proc, as where a process may not see its parents.
BLIND = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$0" "$@"']


def seen(front: Sequence[str], given: str = "", account_dir: str = "/no-account", **environment: str) -> Any:
    """What a process of a pod, with this in front of its command, sees of its run."""
    script = (
        "import dataclasses, json, sys\nfrom shared import cluster\nfrom shared.provenance import Run\n"
        f"print(json.dumps(dataclasses.astuple(cluster.observe(Run({given}), False, sys.argv[1]).run)))"
    )
    command = [*front, sys.executable, "-c", script, account_dir]
    surroundings = {**os.environ, "KUBERNETES_SERVICE_HOST": "127.0.0.1", "HOSTNAME": "step-1", **environment}
    shown = subprocess.check_output(command, text=True, cwd=Path(cluster.__file__).parents[1], env=surroundings)
    return Run(*json.loads(shown))


@pytest.mark.parametrize("emissary", [True, False])
def test_run_and_pipeline_are_read_from_the_launcher_s_command_line(tmp_path: Path, emissary: bool) -> None:
    assert seen(launcher(tmp_path, *FLAGS, emissary=emissary)) == Run("train", "0a1b-run")


@pytest.mark.parametrize(
    "flags",
    [
        ("--run_id", "0a1b-run", "--copy", "", "--pipeline_name", "train"),
        ("--run_id=0a1b-run", "--pipeline_name=train"),  # Go's flag package takes both forms
    ],
)
def test_order_and_form_of_the_flags_do_not_matter(tmp_path: Path, flags: tuple[str, ...]) -> None:
    assert seen(launcher(tmp_path, *flags)) == Run("train", "0a1b-run")


@pytest.mark.parametrize(
    "flags", [(), ("--run_id", "5"), ("--pipeline_name", "mine"), ("--note", "--run_id 5 --pipeline_name mine")]
)
def test_somebody_else_s_command_line_says_nothing(tmp_path: Path, flags: tuple[str, ...]) -> None:
    assert seen(launcher(tmp_path, *flags)) == Run()


def test_a_name_of_any_letters_is_read_and_what_is_no_text_does_no_harm(tmp_path: Path) -> None:
    flags = ("--pipeline_name", "ergänze 模型", "--run_id", "0a1b-run", "--executor_input", os.fsdecode(b"\xff"))
    assert seen(launcher(tmp_path, *flags), PYTHONUTF8="1") == Run("ergänze 模型", "0a1b-run")


def test_a_launcher_that_may_not_be_seen_costs_nothing(tmp_path: Path) -> None:
    if subprocess.run([*BLIND, "true"], capture_output=True).returncode:
        pytest.skip("this system gives nobody a /proc of its own")
    assert seen([*launcher(tmp_path, *FLAGS), *BLIND]) == Run()


def test_where_there_is_no_proc_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getppid", lambda: 2**30)  # no system numbers its processes so far
    assert cluster.launched() == Run()


@pytest.mark.parametrize(
    ("given", "known", "calls"),
    [
        ("", Run("train", "0a1b-run", "nightly 12", "team-a", "train-x7k2p"), 2),
        ("'mine', 'my-run'", Run("train", "0a1b-run", "nightly 12", "team-a", "train-x7k2p"), 2),
        ("name='by hand'", Run("train", "0a1b-run", "", "team-a"), 0),
    ],
)
def test_the_command_line_is_believed_before_the_pod_which_is_read_for_the_display_name(
    tmp_path: Path, given: str, known: Any, calls: int
) -> None:
    with KubernetesApi(tmp_path, namespace="team-a") as api:
        api.pods["step-1"] = pod("step-1", "train-x7k2p", "another-run")
        api.workflows["train-x7k2p"] = workflow("train-x7k2p", "nightly 12")
        assert seen(launcher(tmp_path, *FLAGS), given, api.account_dir, **api.environment) == known
        assert len(api.requests) == calls


def test_a_step_without_rights_registers_run_and_pipeline(registry: LocalRegistry, tmp_path: Path) -> None:
    with KubernetesApi(tmp_path, namespace="team-a") as api:
        api.answers["pods"] = 403
        given = {"pvc_mount_path": "", "registry_address": registry.url, "model_uri": "gs://bucket/model"}
        front = launcher(tmp_path, *FLAGS, emissary=True)
        step = executor_input(given, {}, tmp_path)
        code, output = run_pod(tmp_path, step, api.account_dir, front, KFP_POD_NAME="step-1", **api.environment)
    assert code == 0, output
    (version,), (artifact,) = registry.versions(), registry.artifacts()
    assert values(version) == {
        "pipeline_name": "train",
        "pipeline_run_id": "0a1b-run",
        "pipeline_namespace": "team-a",
    }
    assert (artifact["modelSourceId"], artifact["modelSourceName"]) == ("0a1b-run", "train")
    assert "Unknown: run name, since " in output
    assert "xxxx" not in output.partition("\nRegistration\n")[2], "the launcher's words are no one's to read"


def test_what_the_caller_says_of_the_run_wins(registry: LocalRegistry, tmp_path: Path) -> None:
    given = {"pvc_mount_path": "", "registry_address": registry.url, "model_uri": "gs://bucket/model"}
    said = {"source_pipeline_name": "mine", "source_pipeline_run_id": "my-run", "source_pipeline_run_name": "by hand"}
    step = executor_input(given | said, {}, tmp_path)
    code, output = run_pod(tmp_path, step, front=launcher(tmp_path, *FLAGS), KUBERNETES_SERVICE_HOST="127.0.0.1")
    assert code == 0, output
    assert values(registry.versions()[0]) == {
        "pipeline_name": "mine",
        "pipeline_run_id": "my-run",
        "pipeline_run_name": "by hand",
    }
