"""The documents say what is so: parameters, metadata, links, sizes; the folder follows the collection's conventions."""

# ruff: noqa: D103

from __future__ import annotations

import inspect
import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .documents import (
    ABOVE,
    BELOW,
    CONTRIBUTING,
    DOCUMENTS,
    FOLDER,
    OPERATIONS,
    README,
    above_is_ours,
    anchors,
    blocks,
    headings,
    rows,
    section,
)
from .pod_strings import LARGEST, LONGEST, Argo, longest, workflow_object
from .shipped import compiled, container, light
from .subject import model_registry, properties, shared
from .test_fits import rounds

yaml = pytest.importorskip("yaml")

ARGOS: tuple[Argo, ...] = ("3.5", "4.0")
NEAR = 0.03  # a program of a few bytes more does not make a document untrue
SIGNATURE = inspect.signature(model_registry.python_func)
# Where a clone is spoken of: below the marker that is not so in a collection.
OF_A_CLONE = (
    "clone",
    "pip install .",
    "--editable",
    "python example_pipelines.py",
    "python tests",
    "pytest",
    "kfp_model_registry",
    "kfp-model-registry",
    "benchmarks",
    ".ci",
)


def docstring_args() -> dict[str, str]:
    described = (inspect.getdoc(model_registry.python_func) or "").partition("Args:\n")[2].partition("\n\n")[0]
    return dict(re.findall(r"^ +(\w+): (.+)$", described, re.MULTILINE))


def type_name(annotation: Any) -> str:
    return getattr(annotation, "__name__", None) or re.sub(r".*\.(\w+)'?>?.*", r"\1", str(annotation))


@above_is_ours
def test_the_table_of_inputs_is_the_signature_and_the_docstring() -> None:
    described = docstring_args()
    table = [[cell.strip("`") for cell in cells] for cells in rows(section(ABOVE, "Inputs"))]
    assert [(name, text) for name, _, _, text in table] == [(name, described[name]) for name in SIGNATURE.parameters]
    for name, kind, default, _ in table:
        parameter = SIGNATURE.parameters[name]
        is_required = parameter.default is inspect.Parameter.empty
        assert default == ("required" if is_required else repr(parameter.default).replace("'", '"'))
        expected = {"input_model": "Input[Model]", "input_metrics": "Input[Metrics]", "eval_metrics": "Input[Metrics]"}
        expected["eval_results"] = "Input[Artifact]"
        assert kind == expected.get(name, type_name(parameter.annotation))


@above_is_ours
def test_the_readmes_upper_part_goes_from_what_it_is_to_how_it_is_used() -> None:
    first = ["Overview", "Try it in one command", "Test it in one command", "Use it"]
    collections = ["Inputs", "Outputs", "Metadata", "Usage Examples", "Additional Resources"]
    assert headings(ABOVE) == ["Model Registry", *first, *collections]


def test_the_readmes_lower_part_goes_from_a_pipelines_author_to_what_it_works_with() -> None:
    assert headings(BELOW) == [
        "What a pipeline's author has to know",
        "What gets registered",
        "Where the model is",
        "Re-runs and existing versions",
        "When it fails",
        "What the step costs",
        "Compatibility",
    ]


@above_is_ours
def test_the_readme_is_read_in_a_few_minutes() -> None:
    assert len(README.splitlines()) <= 250


@pytest.mark.parametrize("words", OF_A_CLONE)
def test_below_the_marker_nothing_is_true_of_a_clone_only(words: str) -> None:
    assert words not in BELOW


@above_is_ours
def test_the_readme_shows_the_metadata_as_it_is() -> None:
    metadata = (FOLDER / "metadata.yaml").read_text(encoding="utf-8")
    assert blocks(ABOVE, "yaml") == [f"{metadata.removeprefix('---').strip()}\n"]


def test_metadata_has_its_keys_in_order() -> None:
    text = (FOLDER / "metadata.yaml").read_text(encoding="utf-8")
    assert text.startswith("---\n")
    assert re.search(r"^lastVerified: \d{4}-\d\d-\d\dT00:00:00Z$", text, re.MULTILINE)
    metadata = yaml.safe_load(text)
    assert list(metadata) == ["name", "tier", "stability", "dependencies", "tags", "lastVerified"]
    assert (metadata["name"], metadata["tier"], metadata["stability"]) == ("model_registry", "core", "experimental")
    assert metadata["dependencies"] == {
        "kubeflow": [{"name": "Pipelines", "version": ">=2.15.2"}],
        "external_services": [{"name": "Model Registry", "version": ">=0.3.4"}],
    }
    assert metadata["tags"] == ["deployment", "model_registry", "registration", "kubeflow"]


def test_owners_are_the_collections() -> None:
    owners = (FOLDER / "OWNERS").read_text(encoding="utf-8")
    assert yaml.safe_load(owners) == {
        "approvers": ["briangallagher", "Fiona-Waters", "kramaranya", "MStokluska", "szaher"]
    }


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_names_the_versions_that_the_pod_installs(name: str) -> None:
    command = json.dumps(container()["command"])
    named = re.findall(r"(?:model-registry|kubernetes)==[\d.]+\d", DOCUMENTS[name])
    assert [package for package in named if package not in command] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_leads_to_a_file_or_a_heading(name: str) -> None:
    ours = BELOW if name == "README.md" and above_is_ours.args[0] else DOCUMENTS[name]
    for target in re.findall(r"\]\((?!https?://)([^)]+)\)", ours):
        path, _, anchor = target.partition("#")
        file = (FOLDER / name).parent / path if path else FOLDER / name
        assert file.exists(), target
        if anchor:
            assert anchors(file.read_text(encoding="utf-8")).count(anchor) == 1, target


def test_every_picture_says_what_it_shows_to_who_does_not_see_it() -> None:
    pictures = re.findall(r"!\[(.*?)\]\((.+?)\)", "".join(DOCUMENTS.values()))
    assert [path for alt, path in pictures if len(alt) < 40] == []


def test_the_table_of_rooms_is_the_package_and_names_tests_that_exist() -> None:
    table = [
        [*re.findall(r"`(\w+)`", f"{cells[0]} {cells[-1]}")]
        for cells in rows(section(CONTRIBUTING, "Where a rule lives"))
    ]
    (said,) = re.findall(r"From the top floor down: ([^.]+)\.", inspect.cleandoc(shared.__doc__ or ""))
    rooms = [room for room, *_ in table]
    assert rooms == re.split(r",\s+", said)
    assert sorted(rooms) == sorted(path.stem for path in (FOLDER / "shared").glob("*.py") if path.stem != "__init__")
    missing = [test for _, *tests in table for test in tests if not (FOLDER / "tests" / f"{test}.py").is_file()]
    assert missing == []
    assert all(len(row) > 1 for row in table)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_lines_are_as_short_as_the_collection_wants_them(name: str) -> None:
    code = [line for block in blocks(DOCUMENTS[name]) for line in block.splitlines()]
    assert [line for line in code if len(line) > 160] == []
    prose = [line for line in DOCUMENTS[name].splitlines() if not line.startswith(("|", "!"))]
    assert [line for line in prose if len(line) > 300] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_a_command_names_is_there(name: str) -> None:
    named = re.findall(
        r"\b(?:python|bash|pytest) ((?:\.ci|tests|benchmarks|example_pipelines)[\w./]*)", DOCUMENTS[name]
    )
    for path in named:
        assert (FOLDER / path).exists() or not (FOLDER / path.split("/")[0]).exists(), path


def test_the_limits_are_those_of_the_rooms() -> None:
    registered = section(BELOW, "What gets registered")
    for limit in (properties.MOST_PROPERTIES, properties.LONGEST_NAME, properties.LONGEST_TEXT):
        assert f" {limit:,}" in registered


def test_the_sizes_are_todays() -> None:
    large = section(OPERATIONS, "How large a step may be")
    strings, objects = (rows(table) for table in re.findall(r"(?:^\|.+\|\n)+", large, re.MULTILINE))
    (_, *shown), (_, *room) = strings
    for argo, cell, metrics in zip(ARGOS, shown, room, strict=True):
        assert_holds(cell, longest(compiled(), argo).size, LONGEST)
        most = int(metrics.replace(",", ""))
        assert longest(compiled(), argo, most).size < LONGEST < longest(compiled(), argo, most * 11 // 10).size
    for iterations, *cells in objects:
        for cell, registration in zip(cells, (model_registry, light), strict=True):
            assert_holds(cell, workflow_object(compiled(rounds(registration)), int(iterations)).packed, LARGEST)
    alone = workflow_object(compiled())
    for size, said in zip(
        (alone.size, alone.packed), re.findall(r"([\d,]+)(?: bytes, or| with)", large)[-2:], strict=True
    ):
        assert int(said.replace(",", "")) == pytest.approx(size, rel=NEAR)


def assert_holds(cell: str, size: int, limit: int) -> None:
    """Hold a table's cell, "12,345 bytes, 67 %" or "refused", against a size of today."""
    said = re.fullmatch(r"([\d,]+) bytes, (\d+) %", cell)
    assert said or (cell == "refused" and size > limit), (cell, size)
    if said:
        assert int(said[1].replace(",", "")) == pytest.approx(size, rel=NEAR)
        assert int(said[2]) == pytest.approx(100 * size / limit, abs=2)


def test_the_light_step_is_written_as_it_works(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (source,) = blocks(section(OPERATIONS, "The light step"), "python")
    monkeypatch.setitem(sys.modules, "kfp_model_registry", sys.modules[shared.__name__.rpartition(".")[0]])
    (tmp_path / "light.py").write_text(source, encoding="utf-8")
    given = runpy.run_path(str(tmp_path / "light.py"))["light"]
    assert container(given) == container(light)


def test_what_a_compiled_pipeline_carries_is_unpacked_and_compared_as_said(tmp_path: Path) -> None:
    (tmp_path / "pipeline.yaml").write_text(compiled(), encoding="utf-8")
    (tmp_path / "kfp-model-registry").symlink_to(FOLDER)
    script = "set -eo pipefail\n" + "".join(blocks(section(OPERATIONS, "What the program carries"), "bash"))
    tools = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=tools, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "the same"
    rooms = {path.name for path in (tmp_path / "carried" / "shared").iterdir()}
    assert rooms == {path.name for path in (FOLDER / "shared").glob("*.py")}
