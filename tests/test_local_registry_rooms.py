"""The local registry's rooms are as easy to walk as its first page says."""

# ruff: noqa: D103

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from . import local_registry

FOLDER = Path(local_registry.__file__).parent
ROOMS = re.findall(r"^    (\w+)  +\S", (local_registry.__doc__ or "").partition("The rooms,")[2], re.MULTILINE)


def test_the_first_page_names_every_room() -> None:
    assert sorted(ROOMS) == sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("__"))


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_from_those_above_it_only(room: str) -> None:
    tree = ast.parse((FOLDER / f"{room}.py").read_text(encoding="utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level}
    assert imported <= set(ROOMS[: ROOMS.index(room)])
