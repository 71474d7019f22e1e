"""README, docstring, metadata and signature say the same; the folder follows the collection's conventions."""

# ruff: noqa: D103

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest

from .readme import ABOVE, BELOW, README, above_is_ours
from .shipped import container
from .subject import component, model_registry, shared

yaml = pytest.importorskip("yaml")

FOLDER = Path(component.__file__).parent
SIGNATURE = inspect.signature(model_registry.python_func)


def docstring_args(function: Any = model_registry.python_func) -> dict[str, str]:
    section = (inspect.getdoc(function) or "").partition("Args:\n")[2].partition("\n\n")[0]
    return dict(re.findall(r"^ +(\w+): (.+)$", section, re.MULTILINE))


def type_name(annotation: Any) -> str:
    return getattr(annotation, "__name__", None) or re.sub(r".*\.(\w+)'?>?.*", r"\1", str(annotation))


def section(title: str) -> str:
    return README.partition(f"\n## {title}")[2].partition("\n## ")[0]


@above_is_ours
def test_the_table_of_inputs_is_the_signature_and_the_docstring() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(.+?)` \| (.+?) \| (.+?) \|$", section("Inputs"), re.MULTILINE)
    described = docstring_args()
    assert [(name, text) for name, _, _, text in rows] == [(name, described[name]) for name in SIGNATURE.parameters]
    for name, kind, default, _ in rows:
        parameter = SIGNATURE.parameters[name]
        if parameter.default is inspect.Parameter.empty:
            assert default == "required"
        else:
            assert default == f"`{json.dumps(parameter.default)}`".replace("null", "None")
        expected = {"input_model": "Input[Model]", "input_metrics": "Input[Metrics]", "eval_metrics": "Input[Metrics]"}
        expected["eval_results"] = "Input[Artifact]"
        assert kind == expected.get(name, type_name(parameter.annotation))


@above_is_ours
def test_the_readmes_sections_stand_in_the_collections_order() -> None:
    titles = ["Overview", "Inputs", "Outputs", "Metadata", "Usage Examples", "Additional Resources"]
    assert re.findall(r"^## (.+)$", ABOVE, re.MULTILINE) == titles
    assert BELOW.strip()


@above_is_ours
def test_the_readme_shows_the_metadata_as_it_is() -> None:
    assert (
        f"```yaml\n{(FOLDER / 'metadata.yaml').read_text(encoding='utf-8').removeprefix('---').strip()}\n```" in README
    )


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


def test_the_readme_names_the_versions_that_the_pod_installs() -> None:
    command = json.dumps(container()["command"])
    for package in re.findall(r"(?:model-registry|kubernetes)==[\d.]+", README):
        assert package in command


def test_every_link_inside_the_repository_leads_somewhere() -> None:
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)\)", README):
        assert (FOLDER / target).exists(), target


def test_every_link_inside_the_readme_leads_to_a_heading() -> None:
    titles = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", README, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    anchors = [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]
    assert set(re.findall(r"\]\(#([^)]+)\)", README)) - set(anchors) == set()
    assert len(set(anchors)) == len(anchors)


def test_the_table_of_rooms_is_the_package() -> None:
    rooms = re.findall(r"^\| `(\w+)` \| .+ \|$", section("Contributing"), re.MULTILINE)
    (said,) = re.findall(r"From the top floor down: ([^.]+)\.", inspect.cleandoc(shared.__doc__ or ""))
    assert rooms == re.split(r",\s+", said)
    assert sorted(rooms) == sorted(path.stem for path in (FOLDER / "shared").glob("*.py") if path.stem != "__init__")


def test_lines_of_code_are_as_short_as_the_collection_wants_them() -> None:
    blocks = re.findall(r"^```\w+\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert [line for block in blocks for line in block.splitlines() if len(line) > 160] == []
