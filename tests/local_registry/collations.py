"""How databases compare names, and what they make of an SQL LIKE."""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import Literal

from .schema import ApiError

Collation = Literal["exact", "folding"]


@functools.lru_cache(maxsize=65536)
def folded(text: str) -> str:
    """The text as MySQL and MariaDB compare it by default: neither case nor accents count."""
    return "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char)).casefold()


def collated(text: str, collation: Collation) -> str:
    """The text as names are compared under a collation."""
    return folded(text) if collation == "folding" else text


@functools.lru_cache(maxsize=4096)
def like_pattern(pattern: str) -> tuple[re.Pattern[str], bool]:
    """An SQL LIKE pattern as a regular expression, and whether it ends in a lone backslash."""
    parts, escaped = [], False
    for char in pattern:
        if escaped:
            parts.append(re.escape(char))
            escaped = False
        elif char == "\\":
            escaped = True
        else:
            parts.append({"%": ".*", "_": "."}.get(char) or re.escape(char))
    return re.compile("".join(parts), re.DOTALL), escaped


def is_like(text: str, pattern: str, collation: Collation) -> bool:
    """SQL LIKE: `%` and `_` are wildcards and a backslash escapes what follows it."""
    expression, open_escape = like_pattern(collated(pattern, collation))
    text = collated(text, collation)
    if not open_escape:
        return expression.fullmatch(text) is not None
    if collation == "folding":  # MySQL: a backslash at the very end stands for itself
        return re.fullmatch(expression.pattern + r"\\", text, re.DOTALL) is not None
    if re.match(expression.pattern + ".", text, re.DOTALL):
        raise ApiError(500, "ERROR: LIKE pattern must not end with escape character (SQLSTATE 22025)")
    return False
