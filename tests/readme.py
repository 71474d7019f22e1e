"""The README as the tests read it: in a components collection a generator writes what stands above the marker."""

from __future__ import annotations

from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
ABOVE, _, BELOW = README.partition("<!-- custom-content -->")

above_is_ours = pytest.mark.skipif(
    not README.startswith("# Model Registry\n"), reason="a collection's generator has written the README's upper part"
)
