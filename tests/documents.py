"""The documents as the tests read them.

In a collection of components a generator writes what stands above the README's marker, and `benchmarks` stays behind.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1]
DOCUMENTS = {
    name: (FOLDER / name).read_text(encoding="utf-8")
    for name in ("README.md", "OPERATIONS.md", "CONTRIBUTING.md", "benchmarks/README.md")
    if (FOLDER / name).exists()
}
README, OPERATIONS, CONTRIBUTING = (DOCUMENTS[name] for name in ("README.md", "OPERATIONS.md", "CONTRIBUTING.md"))
MARKER = "<!-- custom-content -->"
ABOVE, _, BELOW = README.partition(MARKER)

above_is_ours = pytest.mark.skipif(
    not README.startswith("# Model Registry\n"), reason="a collection's generator has written the README's upper part"
)


def section(text: str, title: str) -> str:
    """What stands below a heading of the second level."""
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    """The cells of a table, without its head."""
    lines = re.findall(r"^\| (.+) \|$", text, re.MULTILINE)
    return [line.split(" | ") for line in lines[1:]]


def blocks(text: str, language: str = r"\w+") -> list[str]:
    """The code of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def headings(text: str) -> list[str]:
    """The titles of all levels, but no line of code that looks like one."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"^#+ (.+)$", prose, re.MULTILINE)


def anchors(text: str) -> list[str]:
    """What a link may name behind its `#`."""
    return [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in headings(text)]
