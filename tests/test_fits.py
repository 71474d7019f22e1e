"""It starts on a real cluster: no string on the program's way to the pod is longer than a stock cluster bears."""

# ruff: noqa: D103

from __future__ import annotations

from typing import Any

import pytest

from .pod_strings import LONGEST_PROGRAM, SHARES, Argo, hops
from .shipped import compiled, program
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


def test_neither_argo_nor_kfp_finds_something_to_replace_in_it() -> None:
    assert "{" + "{" not in program()
