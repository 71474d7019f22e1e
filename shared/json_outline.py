"""A JSON file of any size without what is not wanted; it knows no evaluation.

`samples` can make a results file hundreds of megabytes large. Streaming parsers are slower than json.load, or refuse
the NaN that Python writes (measured): so regular expressions copy the text without it, a megabyte at a time.
"""

import json
import re
from typing import Any, BinaryIO

CHUNK = 1 << 20

# Each takes all that it can at once, never goes back (`*+`), and matches if only "".
IN_STRING = rb'(?:[^"\\]++|\\.)*+'
FLAT = NESTED = rb'(?:[^"\[\]{}]++|"%s")*+' % IN_STRING
for _ in range(4):  # as in lm-eval's samples: a Python step for each bracket would be slower than json.load
    NESTED = rb'(?:[^"\[\]{}]++|"%s"|[\[{]%s[\]}])*+' % (IN_STRING, NESTED)
TO_QUOTE, TO_BRACKET, TO_OPEN_BRACKET = (re.compile(part, re.DOTALL) for part in (IN_STRING, FLAT, NESTED))

Members = dict[str, Any]


def outlined(file: BinaryIO, wanted: tuple[str, ...]) -> bytearray:
    """Copy a JSON object's text, with null for those of its lists and objects that are not wanted.

    The loop counts brackets. A chunk is cut anywhere: what its end leaves open is looked at again with the next one.
    """
    wanted_name = re.compile(rf'"({"|".join(wanted)})"\s*:\s*\Z'.encode())
    kept, rest = bytearray(), b""
    depth, skipping, in_long_string = 0, False, False
    while more := file.read(CHUNK):
        chunk, place = rest + more, 0
        while True:
            plain = TO_QUOTE if in_long_string else TO_OPEN_BRACKET if depth > 1 else TO_BRACKET
            found = plain.match(chunk, place)
            end = found.end() if found else place
            if not skipping and not in_long_string:
                kept += chunk[place:end]
            mark = chunk[end : end + 1]
            if mark == b'"' and (in_long_string or end == 0):  # longer than a chunk: only its quotes are kept
                in_long_string = not in_long_string
            elif mark in (b"[", b"{"):
                if depth == 1 and not wanted_name.search(kept[-300:]):
                    kept += b"null"
                    skipping = True
                depth += 1
            elif mark in (b"]", b"}"):
                depth -= 1
            else:  # the end, or a string or escape that the end cuts in two
                break
            if not skipping:
                kept += mark
            skipping = skipping and depth > 1
            place = end + 1
        rest = chunk[end:]
    return kept + rest


def read_outline(file: BinaryIO, wanted: tuple[str, ...]) -> Members:
    """Read a JSON object without what is not wanted, in memory for what is.

    Args:
        file: The file, in bytes.
        wanted: The names of the members whose lists and objects are kept.

    Returns:
        The members; a list or object that is not wanted is None. All numbers are doubles.

    Raises:
        ValueError: It is no JSON object; the text says what was found.
    """
    try:
        members = json.loads(outlined(file, wanted), parse_int=float)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
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
    except (TypeError, ValueError, OverflowError):
        return None
