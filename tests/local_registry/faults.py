"""What can go wrong on the way: a request as it arrived, and the faults that wait for one."""

# ruff: noqa: D102

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from .api import Query
from .schema import JSON


@dataclass
class Request:
    """A request as it arrived; `status` is None while it is unanswered, and for ever if the connection was dropped."""

    number: int
    connection: int
    method: str
    path: str
    query: Query
    headers: dict[str, str]
    raw_query: str
    raw_body: bytes
    status: int | None = None

    @property
    def line(self) -> str:
        """What faults are matched with: method, path and query."""
        return f"{self.method} {self.path}" + (f"?{self.raw_query}" if self.raw_query else "")

    @property
    def body(self) -> Any:
        return json.loads(self.raw_body) if self.raw_body else None


Fault = (
    Literal["drop_before", "drop_after", "error_after", "conflict"]
    | int
    | tuple[int, str, bytes]
    | Callable[[Request], None]
)


@dataclass
class Injection:
    """A fault that waits for its request."""

    fault: Fault
    match: re.Pattern[str]
    nth: int | None
    times: int
    headers: dict[str, str]
    fields: JSON

    def meets(self, request: Request) -> bool:
        if self.times == 0 or (self.nth is not None and request.number != self.nth):
            return False
        return self.match.search(request.line) is not None


def encoded_error(status: int, message: str) -> bytes:
    """The JSON in which a server says what is wrong."""
    return json.dumps({"code": str(status), "message": message}).encode()
