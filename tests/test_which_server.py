"""Which server the tests talk to: only who asks for `-m registry` has one of theirs written to."""

# ruff: noqa: D103

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .local_registry import LocalRegistry

A_TEST_FOR_ANY_SERVER = f"{Path(__file__).with_name('test_local_registry_finding.py')}::test_options_is_no_method_here"


@pytest.mark.parametrize(
    ("marks", "is_asked"),
    [([], False), (["-m", "not deploy"], False), (["-m", "registry"], True), (["-m", "registry and not deploy"], True)],
    ids=["no marks", "another mark", "registry", "registry and more"],
)
def test_only_who_selects_the_registrys_tests_has_them_talk_to_the_server_that_is_set(
    registry: LocalRegistry, marks: list[str], is_asked: bool
) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", A_TEST_FOR_ANY_SERVER, *marks]
    environment = {**os.environ, "MODEL_REGISTRY_URL": registry.url}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, "1 passed" in done.stdout) == (0, True), done.stdout + done.stderr
    assert (registry.requests != []) is is_asked
