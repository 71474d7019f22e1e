"""The Containerfile obeyed without a container engine.

What it installs goes to a virtual environment, the rest below a folder that stands for the image's root.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

FILE = Path(__file__).parents[1] / "Containerfile"


def instructions(name: str) -> list[str]:
    """The Containerfile's instructions of one name (RUN, COPY, …), each without it."""
    lines = FILE.read_text(encoding="utf-8").splitlines()
    return [line.removeprefix(f"{name} ") for line in lines if line.startswith(f"{name} ")]


def install(environment: Path) -> None:
    """Run the commands in a virtual environment."""
    path = f"{environment.resolve() / 'bin'}:{os.environ['PATH']}"
    for command in instructions("RUN"):
        subprocess.run(["sh", "-ec", command], check=True, env={**os.environ, "PATH": path})


def copy(root: Path) -> dict[str, str]:
    """Copy what the image gets; the variables that it sets, for a root in this folder."""
    for instruction in instructions("COPY"):
        source, target = instruction.split()[-2:]
        shutil.copytree(FILE.parent / source, f"{root}{target}")
    settings = [instruction.partition("=") for instruction in instructions("ENV")]
    return {name: f"{root}{path}" for name, _, path in settings}
