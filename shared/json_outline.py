"""A JSON file of any size without what is not wanted; it knows no evaluation.

`samples` can make a results file hundreds of megabytes large. Streaming parsers are slower than json.load, or refuse
the NaN that Python writes (measured): so regular expressions copy the text without it, a megabyte at a time.
"""

import json
import re
from typing import Any, BinaryIO

CHUNK = 1 << 20

# Each takes all that it can at once, never goes back (`*+`), and matches if only "".
IN_STRING = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'
FLAT = NESTED = rb'(?:[^"\[\]{}]++|"%s")*+' % IN_STRING
for _ in range(4):  # as in lm-eval's samples: a Python step for each bracket would be slower than json.load
    NESTED = rb'(?:[^"\[\]{}]++|"%s"|[\[{]%s[\]}])*+' % (IN_STRING, NESTED)
TO_QUOTE, TO_BRACKET, TO_OPEN_BRACKET = (re.compile(part, re.DOTALL) for part in (IN_STRING, FLAT, NESTED))
NAME = re.compile(rb'"(%s)"\s*:\s*\Z' % IN_STRING, re.DOTALL)

Members = dict[str, Any]


def outlined(file: BinaryIO, wanted: re.Pattern[bytes]) -> bytearray:
    """Copy a JSON text, and of those lists and objects that are not wanted only the brackets.

    A chunk is cut anywhere: what its end leaves open is looked at again with the next one.
    """
    kept, rest = bytearray(), b""
    path: list[bytes] = []
    skipped = 0  # how many brackets are open in what is not wanted, its own among them
    while more := file.read(CHUNK):
        chunk, place = rest + more, 0
        while True:
            found = (TO_OPEN_BRACKET if skipped else TO_BRACKET).match(chunk, place)
            end = found.end() if found else place
            if not skipped:
                kept += chunk[place:end]
            mark = chunk[end : end + 1]
            if mark in (b"[", b"{"):
                if not skipped:
                    name = NAME.search(kept[-300:])
                    path.append((name[1] if name else b"") + mark)
                    kept += mark
                if skipped or not wanted.fullmatch(b"\n".join(path)):
                    skipped += 1
            elif mark in (b"]", b"}"):
                skipped = max(0, skipped - 1)
                if not skipped:
                    del path[-1:]
                    kept += mark
            else:  # the end, or a string or escape that the end cuts in two
                break
            place = end + 1
        rest = chunk[end:]
        if len(rest) > CHUNK:  # a string, of which only the end is kept
            rest = b'"' + TO_QUOTE.sub(b"", rest[1:], 1)
    return kept + rest


def read_outline(file: BinaryIO, wanted: re.Pattern[bytes]) -> Members:
    r"""Read a JSON object without what is not wanted, in memory for what is.

    Args:
        file: The file, in bytes.
        wanted: What the path to a list or object matches if it is wanted: a line a step, with its name and bracket,
            such as `{\nresults{\ntask{`. In a list steps have no name.

    Returns:
        The members; a list or object that is not wanted is empty. All numbers are doubles.

    Raises:
        ValueError: It is no JSON object; the text says what was found.
    """
    try:
        members = json.loads(outlined(file, wanted).decode("utf-8-sig", "replace"), parse_int=float)
    except ValueError:
        raise ValueError("it is not valid JSON") from None
    if not isinstance(members, dict):
        raise ValueError(f"expected a JSON object, found a {type(members).__name__}")
    return members


def dict_at(members: Members, name: str) -> Members:
    """Return the dict under a name, {} if there is another value or none."""
    value = members.get(name)
    return value if isinstance(value, dict) else {}


def number_of(value: Any) -> float | None:
    """Read a number, or the text of one; None if it is neither."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
