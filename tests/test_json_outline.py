"""A JSON file of any size is read like `json.load` reads it, but for what is not wanted, which costs no memory."""

# ruff: noqa: D103

from __future__ import annotations

import json
import math
import re
import tracemalloc
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from .subject import evaluation, json_outline

hypothesis = pytest.importorskip("hypothesis")
given, st = hypothesis.given, hypothesis.strategies


def keeping(*names: str) -> re.Pattern[bytes]:
    """What `read_outline` keeps: these members, with all that is in them."""
    return re.compile(rb"\{(\n(%s)[\[{](\n.*)*)?" % "|".join(names).encode())


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.text('"\\{}[],:\n/u', max_size=30)
    | st.sampled_from(["]}", '"', "\\", "\\\\", '\\"', "x" * 300, "\\" * 300, '"{' * 150]),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text('ab"\\{}[]', max_size=5), inner, max_size=5),
    max_leaves=30,
)


@given(
    st.dictionaries(
        st.sampled_from(["results", "groups", "samples", "n-shot", "config", "git_hash", "other"]) | st.text(), JSON
    ),
    st.sampled_from([None, 0, 2, "\t"]),
    st.booleans(),
)
def test_what_is_read_is_what_json_load_reads(members: dict[str, Any], indent: int | None, ascii_only: bool) -> None:
    file = BytesIO(json.dumps(members, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass"))
    try:
        expected = json.loads(file.getvalue(), parse_int=float)
    except UnicodeDecodeError:  # a lone surrogate: no reader takes such a file
        return
    wanted = ("results", "groups", "n-shot")
    for name, value in expected.items():
        if isinstance(value, list | dict) and name not in wanted:
            expected[name] = type(value)()
    found = json_outline.read_outline(file, keeping(*wanted))
    assert json.dumps(found) == json.dumps(expected)  # as text, NaN equals NaN
    assert list(found) == list(expected)


@given(JSON, st.integers(3, 40), st.booleans())
def test_a_value_is_skipped_wherever_the_chunks_part(value: Any, chunk: int, ascii_only: bool) -> None:
    text = json.dumps({"x": [value], "r": [1, 2], "y": {"z": value}, "n": 7}, ensure_ascii=ascii_only)
    file = BytesIO(text.encode("utf-8", "surrogatepass"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_outline, "CHUNK", chunk)
        assert json_outline.read_outline(file, keeping("r")) == {"x": [], "r": [1.0, 2.0], "y": {}, "n": 7.0}


@pytest.mark.parametrize("size", [0, 1, (1 << 10) - 30, (1 << 10) - 1, 1 << 10, (1 << 10) + 1, 3 << 10])
@pytest.mark.parametrize("filling", ["x", "\\", '"', "}]", '\\"', "é", "]", "\n"])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_string_of_any_length_is_skipped(
    size: int, filling: str, ascii_only: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_outline, "CHUNK", 1 << 10)
    long = filling * (size // len(filling))
    text = json.dumps({"x": [long, {"a": [[], "{", {}]}], "text": long, "r": {"a": "b"}}, ensure_ascii=ascii_only)
    found = json_outline.read_outline(BytesIO(text.encode()), keeping("r"))
    assert (found["x"], found["r"]) == ([], {"a": "b"})
    assert len(found["text"]) <= 1 << 11  # of what is longer than a chunk only the end is kept
    assert len(text) > 1 << 10 or found["text"] == long


def test_brackets_nested_to_any_depth_are_skipped() -> None:
    for opening, closing in (("[", "]"), ('{"a":', "}"), ('[{"a":[0,', "]}]")):
        text = f'{{"x": {opening * 20_000}1{closing * 20_000}, "r": [1]}}'
        found = json_outline.read_outline(BytesIO(text.encode()), keeping("r"))
        assert not found.pop("x")
        assert found == {"r": [1.0]}


@pytest.mark.parametrize("member", ["samples", "pretty_env_info"])
def test_a_huge_member_is_never_held_in_memory(member: str, tmp_path: Path) -> None:
    sample = json.dumps(
        {"prompt": 'say "{[" \\ ' * 200, "logprobs": [[i, -i / 7] for i in range(200)], "nan": [math.nan]}
    )
    huge = json.dumps(sample * 2_000) if member == "pretty_env_info" else "[" + ", ".join([sample] * 2_000) + "]"
    path = tmp_path / "results.json"
    path.write_text(f'{{"{member}": {huge}, "results": {{"t": {{"acc,none": 0.5}}}}}}')
    assert path.stat().st_size > 10_000_000
    del huge
    tracemalloc.start()
    try:
        assert evaluation.read_results(str(path))["results"] == {"t": {"acc,none": 0.5}}
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()
