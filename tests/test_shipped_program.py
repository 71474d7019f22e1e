"""The program in the compiled YAML, run as the pod runs it: what it lacks, no other test sees."""

from __future__ import annotations

import ast
import builtins
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from builders import executor_input, metrics, model_artifact, results_artifact, store_session_info
from kfp_model_registry import component
from kubernetes_api import KubernetesApi, claim_volume, mount, pod, workflow
from local_registry import DroppedConnection, LocalRegistry, Request
from registering import values
from shipped import program, returned, run_pod, start_pod

RESULTS = Path(__file__).parent / "fixtures" / "lm_eval" / "0.4.13" / "all_tasks_with_samples.json"


def inputs(registry: LocalRegistry, folder: Path, **parameters: Any) -> dict[str, Any]:
    """The executor input of a fine-tuning pipeline's last step."""
    return executor_input(
        {
            "pvc_mount_path": str(folder),
            "registry_address": registry.url,
            "registry_port": 8080,
            "model_name": "toy-digits",
            "model_version": "1.0.0",
            "source_pipeline_name": "{{$.pipeline_job_resource_name}}",
            "source_pipeline_run_id": "run-1",
            "custom_properties": {"team": "vision", "rank": 3},
            **parameters,
        },
        {
            "input_model": model_artifact(
                uri="minio://mlpipeline/v2/artifacts/run-1/model",
                metadata={
                    "model_name": "toy-org/toy-base",
                    "store_session_info": store_session_info(endpoint="minio-service.kubeflow:9000"),
                },
            ),
            "input_metrics": metrics(values={"num_epochs": 3.0, "learning_rate": 2e-5, "hub_token": "hf_" + "x" * 30}),
            "eval_metrics": metrics({"eval_duration_seconds": 12.5}),
            "eval_results": results_artifact(RESULTS),
        },
        folder,
    )


def test_it_registers_a_model_with_all_its_inputs(registry: LocalRegistry, tmp_path: Path) -> None:
    code, output = run_pod(tmp_path, inputs(registry, tmp_path))
    assert code == 0, output
    assert returned(tmp_path) == registry.models()[0]["id"]
    (version,), (artifact,) = registry.versions(), registry.artifacts()
    held = values(version)
    assert artifact["uri"].startswith(
        "s3://mlpipeline/v2/artifacts/run-1/model?endpoint=http://minio-service.kubeflow:9000"
    )
    assert held["training_num_epochs"] == 3.0
    assert held["training_learning_rate"] == 2e-5
    assert held["training_hub_token"] == "[REDACTED]"
    assert held["eval_duration_seconds"] == 12.5
    assert held["base_model"] == "toy-org/toy-base"
    assert (held["team"], held["rank"]) == ("vision", 3.0)
    assert held["eval_best_metric"] in held
    assert held[held["eval_best_metric"]] == held["eval_best_score"]
    assert held["eval_results_uri"] == str(RESULTS)
    assert "pipeline_name" not in held, "an unresolved placeholder counts as empty"
    assert (tmp_path / "pipeline_log.txt").read_text() == "Model Registry: toy-digits v1.0.0 (ID: 1)\n"
    # KFP's own executor prints its whole input first; what this component prints is below.
    printed = output.partition("\nRegistration\n")[2]
    assert "hf_x" not in printed
    assert "training_learning_rate" in printed


def test_in_a_cluster_it_finds_the_claim_and_the_run_and_sends_the_pods_token(
    registry: LocalRegistry, tmp_path: Path
) -> None:
    with KubernetesApi(tmp_path, namespace="team-a") as api:
        api.pods["step-1"] = pod(
            "step-1",
            "train-x7k2p",
            "0a1b-run",
            volumes=[claim_volume("models", "team-models")],
            mounts=[mount("models", "/mnt/models", subPath="nightly")],
        )
        api.workflows["train-x7k2p"] = workflow("train-x7k2p", "nightly 12")
        on_claim = model_artifact(
            uri="/mnt/models/digits/final", metadata={"pvc_model_dir": "/mnt/models/digits/final"}
        )
        known = {"pvc_mount_path": "", "registry_address": registry.url, "source_pipeline_name": "train"}
        given = executor_input(known, {"input_model": on_claim}, tmp_path)
        code, output = run_pod(tmp_path, given, api.account_dir, KFP_POD_NAME="step-1", **api.environment)
    assert code == 0, output
    (version,), (artifact,) = registry.versions(), registry.artifacts()
    assert artifact["uri"] == "pvc://team-models/nightly/digits/final"
    found = {name: artifact[f"modelSource{name}"] for name in ("Kind", "Class", "Group", "Id", "Name")}
    assert found == {
        "Kind": "kfp",
        "Class": "pipelinerun",
        "Group": "team-a",
        "Id": "0a1b-run",
        "Name": "nightly 12",
    }
    assert values(version) == {
        "pipeline_name": "train",
        "pipeline_run_id": "0a1b-run",
        "pipeline_run_name": "nightly 12",
        "pipeline_namespace": "team-a",
    }
    assert {request.headers["authorization"] for request in registry.requests} == {"Bearer pod-token"}


def test_in_a_cluster_without_rights_it_registers_and_says_what_is_unknown(
    registry: LocalRegistry, tmp_path: Path
) -> None:
    with KubernetesApi(tmp_path, namespace="team-a") as api:
        api.answers["pods"] = 403
        known = {"pvc_mount_path": "", "registry_address": registry.url, "model_uri": "gs://bucket/model"}
        code, output = run_pod(
            tmp_path, executor_input(known, {}, tmp_path), api.account_dir, KFP_POD_NAME="step-1", **api.environment
        )
    assert code == 0, output
    assert values(registry.versions()[0]) == {"pipeline_namespace": "team-a"}
    assert len([line for line in output.splitlines() if "Unknown: run ID, run name" in line and "403" in line]) == 1


def test_without_an_address_it_prints_the_whole_registration_and_sends_nothing(
    registry: LocalRegistry, tmp_path: Path
) -> None:
    code, output = run_pod(tmp_path, inputs(registry, tmp_path, registry_address=""))
    assert code == 0, output
    assert returned(tmp_path) == "SKIPPED"
    for part in ("toy-digits", "s3://mlpipeline/v2/artifacts/run-1/model", "training_num_epochs", "eval_best_score"):
        assert part in output
    assert registry.requests == []
    assert not (tmp_path / "pipeline_log.txt").exists()


def test_an_error_ends_in_one_sentence_that_says_what_to_do(registry: LocalRegistry, tmp_path: Path) -> None:
    code, output = run_pod(tmp_path, inputs(registry, tmp_path, on_existing_version="replace"))
    assert code != 0
    assert output.strip().splitlines()[-1] == (
        "ValueError: on_existing_version='replace' is unknown: it is one of fail, skip, update, increment. "
        "Nothing was sent."
    )


@pytest.mark.parametrize("acts", [True, False])
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_step_that_is_killed_between_two_requests_is_completed_by_the_next(
    registry: LocalRegistry, tmp_path: Path, number: int, acts: bool
) -> None:
    process: subprocess.Popen[str]

    def kill(request: Request) -> None:
        process.send_signal(signal.SIGKILL)
        if not acts:
            raise DroppedConnection

    registry.inject(kill, nth=number)
    process = start_pod(tmp_path, inputs(registry, tmp_path))
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    code, output = run_pod(tmp_path, inputs(registry, tmp_path))
    assert code == 0, output
    assert returned(tmp_path) == "1"
    assert (len(registry.models()), len(registry.versions()), len(registry.artifacts())) == (1, 1, 1)


def test_only_what_is_used_is_imported(registry: LocalRegistry, tmp_path: Path) -> None:
    known = inputs(registry, tmp_path, source_pipeline_run_name="Monday", source_namespace="team-a")
    code, output = run_pod(tmp_path, known, PYTHONPROFILEIMPORTTIME="1")
    assert code == 0, output
    imported = {line.rpartition("|")[2].strip() for line in output.splitlines() if line.startswith("import time:")}
    assert "mr_openapi" in imported
    assert not imported & {"kubernetes", "model_registry", "requests"}


def test_the_program_holds_all_that_it_names() -> None:
    tree = ast.parse(program())
    known = set(dir(builtins)) | {"kfp", "dsl"}
    known |= {name for module in ("typing", "kfp.dsl") for name in __import__(module, fromlist=["x"]).__all__}
    known |= {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    for function in (node for node in tree.body if isinstance(node, ast.FunctionDef)):
        stored = {
            node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        stored |= {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)}
        stored |= {
            (name.asname or name.name).split(".")[0]
            for node in ast.walk(function)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in node.names
        }
        stored |= {node.name for node in ast.walk(function) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        stored |= {node.name for node in ast.walk(function) if isinstance(node, ast.ExceptHandler) and node.name}
        loaded = {
            node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
        }
        assert loaded <= known | stored, f"{function.name} needs {loaded - known - stored}"


def test_the_program_fits_where_a_pod_puts_it() -> None:
    # Linux takes no argument of 128 KiB or more (MAX_ARG_STRLEN), and Argo and KFP replace double braces.
    assert len(program().encode()) < 128 * 1024
    assert "{" + "{" not in program()
    assert component.__file__ not in program()
    assert os.sep + "tests" + os.sep not in program()
