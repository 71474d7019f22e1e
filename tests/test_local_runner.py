"""Pipelines on KFP's local runner: with a genuine results file of lm-eval, and without any artifact."""

# ruff: noqa: D103

from collections.abc import Iterator
from pathlib import Path

import kfp
import pytest
from kfp import dsl, local

from .local_registry import LocalRegistry
from .registering import values
from .subject import example_pipelines, installs_packages, model_registry

RESULTS = Path(__file__).parent / "fixtures" / "lm_eval" / "0.4.13" / "limit1.json"


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Path]:
    """The local runner, in this environment; afterwards calling a component builds pipelines again."""
    (tmp_path / "workspace").mkdir()
    local.init(
        local.SubprocessRunner(use_venv=False),
        pipeline_root=str(tmp_path / "outputs"),
        workspace_root=str(tmp_path / "workspace"),
    )
    yield tmp_path
    local.config.LocalExecutionConfig.instance = None


@installs_packages
def test_a_finetuned_model_is_registered_with_its_results(registry: LocalRegistry, runner: Path) -> None:
    paths = {name: runner / name for name in ("model", "training-metrics", "eval-metrics")}
    for path in paths.values():
        path.write_text(path.name)
    task = example_pipelines.register_finetuned_model(
        registry_address=registry.url,
        model_uri=str(paths["model"]),
        training_metrics_uri=str(paths["training-metrics"]),
        eval_metrics_uri=str(paths["eval-metrics"]),
        eval_results_uri=str(RESULTS),
    )
    (model,), (version,), (artifact,) = registry.models(), registry.versions(), registry.artifacts()
    assert task.output == model["id"]
    assert artifact["uri"] == f"file://{paths['model']}"
    held = values(version)
    assert held["eval_results_uri"] == f"file://{RESULTS}"
    assert held["base_model"] == "ibm-granite/granite-3.1-8b-base"
    assert held["pipeline_run_url"].endswith(f"/runs/details/{held['pipeline_run_id']}")
    assert (held["training_num_epochs"], held["training_learning_rate"]) == (3.0, 2e-5)
    assert held["eval_limit"] == "all"
    assert (held["eval_toy_sub_blue_acc"], held["eval_toy_mc_acc"]) == (1.0, 0.0)
    assert held["pipeline_run_id"] == artifact["modelSourceId"]
    assert held["pipeline_run_name"].startswith("register-finetuned-model-")
    assert "{" + "{" not in str(version), "a placeholder that the local runner leaves counts as empty"


@installs_packages
@pytest.mark.skipif(
    tuple(map(int, kfp.__version__.split(".")[:2])) < (2, 17),
    reason="before KFP 2.17 the local runner wants every artifact connected",
)
def test_a_pipeline_need_not_connect_any_artifact(registry: LocalRegistry, runner: Path) -> None:
    @dsl.pipeline
    def register_by_location(address: str) -> str:
        return model_registry(pvc_mount_path="", registry_address=address, model_uri="gs://models/digits").output

    task = register_by_location(address=registry.url)
    (model,), (version,), (artifact,) = registry.models(), registry.versions(), registry.artifacts()
    assert task.output == model["id"]
    assert (version["name"], artifact["uri"]) == ("1.0.0", "gs://models/digits")
