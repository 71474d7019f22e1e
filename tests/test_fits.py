"""It runs on a real cluster: no string on the program's way to the pod, and no run's Workflow object, is too large."""

# ruff: noqa: D103

from typing import Any

import pytest
from kfp import dsl

from .pod_strings import LONGEST_PROGRAM, SHARES, Argo, hops, workflow_object
from .shipped import compiled, light, program
from .subject import example_pipelines, model_registry

PIPELINES = {
    "the component": model_registry,
    "train_and_register": example_pipelines.train_and_register,
    "register_finetuned_model": example_pipelines.register_finetuned_model,
}


def test_the_program_leaves_room_for_what_evaluations_log() -> None:
    assert len(program().encode()) <= LONGEST_PROGRAM


@pytest.mark.parametrize("pipeline", PIPELINES.values(), ids=PIPELINES)
@pytest.mark.parametrize(("argo", "share"), SHARES.items())
def test_no_string_on_the_way_to_the_pod_is_too_long(pipeline: Any, argo: Argo, share: float) -> None:
    too_long = [hop for hop in hops(compiled(pipeline)) if hop.argo in ("", argo) and hop.share > share]
    assert [f"{hop.name}: {hop.size:,} bytes, {hop.share:.0%}" for hop in too_long] == []


def rounds(registration: Any) -> Any:
    """A pipeline that trains, evaluates and registers in a loop, as `train_and_register` does once."""

    @dsl.pipeline(name="rounds")
    def pipeline() -> None:
        with dsl.ParallelFor([0.1, 0.5, 1.0]) as regularization:
            training = example_pipelines.train_digits_classifier(
                regularization=regularization, max_iterations=500, held_out_fraction=0.25, random_seed=0
            )
            model = training.outputs["output_model"]
            evaluation = example_pipelines.evaluate_digits_classifier(
                input_model=model, held_out_data=training.outputs["held_out_data"]
            )
            registration(
                pvc_mount_path="",
                input_model=model,
                input_metrics=training.outputs["output_metrics"],
                eval_metrics=evaluation.outputs["output_metrics"],
                eval_results=evaluation.outputs["output_results"],
                registry_address="model-registry-service.kubeflow.svc.cluster.local",
            )

    return pipeline


@pytest.mark.parametrize(("registration", "iterations"), [(model_registry, 3), (light, 10)], ids=["carried", "light"])
def test_argo_keeps_the_workflow_of_a_loop_that_registers(registration: Any, iterations: int) -> None:
    assert workflow_object(compiled(rounds(registration)), iterations).share < 1


def test_neither_argo_nor_kfp_finds_something_to_replace_in_it() -> None:
    assert "{" + "{" not in program()
