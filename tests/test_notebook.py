"""The component's function called in a process of one's own, as in a notebook: no pod, no `shared` on the path."""

# ruff: noqa: D103

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .local_registry import LocalRegistry
from .subject import PACKAGE, package

CALL = f"""
import asyncio, sys
from {PACKAGE} import model_registry

def call():
    return model_registry.python_func(pvc_mount_path="", model_uri="gs://bucket/model", registry_address=sys.argv[1])

async def cell():
    return call()
"""


@pytest.mark.parametrize("way", ["call()", "asyncio.run(cell())"], ids=["a script", "a notebook's event loop"])
def test_the_function_registers_in_a_process_of_ones_own(registry: LocalRegistry, tmp_path: Path, way: str) -> None:
    (tmp_path / "shared").mkdir()  # a folder of data beside a notebook, no package
    importable = Path(package.__file__).parents[PACKAGE.count(".") + 1]
    process = subprocess.run(
        [sys.executable, "-c", f"{CALL}\nprint('returned', {way})", registry.url],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(importable)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout.endswith("returned 1\n"), process.stdout
    assert [artifact["uri"] for artifact in registry.artifacts()] == ["gs://bucket/model"]
