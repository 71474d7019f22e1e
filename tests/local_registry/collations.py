"""How databases compare names, and what they make of an SQL LIKE."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable
from typing import Literal

from .schema import ApiError

Collation = Literal["exact", "folding", "general"]

SMALL_KANA = str.maketrans("ぁぃぅぇぉっゃゅょゎゕゖ", "あいうえおつやゆよわかけ")
KATAKANA = {chr(code): chr(code - 0x60).translate(SMALL_KANA) for code in range(0x30A1, 0x30F7)}
ALIKE = str.maketrans(KATAKANA | {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h"})
ANY_FURTHER_CHARACTER = "\N{REPLACEMENT CHARACTER}"


def collated(text: str, collation: Collation) -> str:
    """The text as a unique index and `=` compare it."""
    return weighed(text, collation).rstrip(" ") if collation == "general" else weighed(text, collation)


def weighed(text: str, collation: Collation) -> str:
    """The text as LIKE compares it, character by character."""
    return WEIGHTS[collation](text)


@functools.lru_cache(maxsize=65536)
def folded(text: str) -> str:
    """The text as MySQL compares it by default, which is utf8mb4_0900_ai_ci: Unicode's primary weights.

    Neither case, accents nor strokes count; kana are alike whatever their kind and size; what has no width is nothing.
    """
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    letters = decomposed.replace("и\u0306", "й")  # the one that is a letter of its own
    kept = "".join(char for char in letters if not is_weightless(char))
    return kept.translate(SMALL_KANA).translate(ALIKE)


def is_weightless(char: str) -> bool:
    """Whether a character is a mark on another one, a control character or one without width."""
    return unicodedata.category(char) in ("Mn", "Me", "Cf", "Cc") and not char.isspace()


@functools.lru_cache(maxsize=65536)
def generalized(text: str) -> str:
    """The text as MariaDB compares it by default, which is utf8mb4_general_ci: each character for itself (measured).

    Neither case nor a letter's accent counts, ß is an s, and all characters beyond 16 bits are one.
    """
    return "".join(map(general_weight, text))


def general_weight(char: str) -> str:
    """A character without its case and accent, as far as the collation's table knows the letter."""
    if char > "\uffff":
        return ANY_FURTHER_CHARACTER
    has_table = char < "\u0500" or "\u1e00" <= char < "\u1f00"
    letter = unicodedata.normalize("NFD", char)[0] if has_table and char not in "Йй" else char
    return "S" if char == "ß" else letter.upper() if len(letter.upper()) == 1 else letter


WEIGHTS: dict[Collation, Callable[[str], str]] = {"exact": str, "folding": folded, "general": generalized}


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
    expression, open_escape = like_pattern(weighed(pattern, collation))
    text = weighed(text, collation)
    if not open_escape:
        return expression.fullmatch(text) is not None
    if collation != "exact":  # MySQL and MariaDB: a backslash at the very end stands for itself
        return re.fullmatch(expression.pattern + r"\\", text, re.DOTALL) is not None
    if re.match(expression.pattern + ".", text, re.DOTALL):
        raise ApiError(500, "ERROR: LIKE pattern must not end with escape character (SQLSTATE 22025)")
    return False
