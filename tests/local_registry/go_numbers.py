"""How Go reads and prints numbers."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any


def go_int32(text: str) -> int:
    """A whole number of 32 bits as `strconv.ParseInt` reads it, signs included."""
    if not re.fullmatch(r"[+-]?\d+", text, re.ASCII) or not -(2**31) <= int(text) < 2**31:
        raise ValueError(f"{text!r} is no number of 32 bits")
    return int(text)


def go_double(value: float) -> str:
    """A double as `encoding/json` prints it: the shortest digits, without a point or an exponent where it can."""
    digits = Decimal(repr(value)).normalize()
    return format(digits, "e" if value and not 1e-6 <= abs(value) < 1e21 else "f")


def encoded(value: Any) -> str:
    """JSON as the server writes it; Python's own differs in its doubles."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{encoded(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(encoded, value)) + "]"
    return go_double(value) if isinstance(value, float) else json.dumps(value)
