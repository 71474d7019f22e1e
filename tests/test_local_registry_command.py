"""The local registry's command line: it serves, and it shows what a registry holds about a model."""

# ruff: noqa: D103

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from . import local_registry
from .plain_http import Http


def test_the_script_says_where_and_what_it_is() -> None:
    command = [sys.executable, str(Path(local_registry.__file__).parent), "--port", "0", "--api", "v1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        url = line.rsplit(" ", 1)[1]
        assert "testing only" in line
        assert Http(url).get("registered_models")[0] == 200
        assert Http(url, "v1alpha3").get("registered_models")[0] == 404
        process.terminate()
