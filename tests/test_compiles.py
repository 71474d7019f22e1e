"""What KFP makes of the component: every supported KFP runs these tests."""

# ruff: noqa: D103

import ast
import inspect
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from . import subject
from .image import instructions
from .shipped import compiled, container, light
from .subject import component, model_registry

yaml = pytest.importorskip("yaml")

FOLDER = Path(component.__file__).parent
INTERFACE: list[tuple[str, str, Any]] = [
    ("pvc_mount_path", "STRING", None),
    ("input_model", "system.Model", None),
    ("input_metrics", "system.Metrics", None),
    ("eval_metrics", "system.Metrics", None),
    ("eval_results", "system.Artifact", None),
    ("registry_address", "STRING", ""),
    ("registry_port", "NUMBER_INTEGER", 8080),
    ("model_name", "STRING", "fine-tuned-model"),
    ("model_version", "STRING", "1.0.0"),
    ("model_format_name", "STRING", "pytorch"),
    ("model_format_version", "STRING", "1.0"),
    ("model_description", "STRING", ""),
    ("author", "STRING", "pipeline"),
    ("shared_log_file", "STRING", "pipeline_log.txt"),
    ("source_pipeline_name", "STRING", ""),
    ("source_pipeline_run_id", "STRING", ""),
    ("source_pipeline_run_name", "STRING", ""),
    ("source_namespace", "STRING", ""),
    ("model_uri", "STRING", ""),
    ("on_existing_version", "STRING", "fail"),
    ("custom_properties", "STRUCT", {}),
    ("registry_ca_path", "STRING", ""),
    ("is_secure", "BOOLEAN", False),
]


def component_specification() -> dict[str, Any]:
    return next(yaml.safe_load_all(compiled()))["components"]["comp-model-registry"]


def test_the_package_exports_the_component() -> None:
    assert subject.package.__all__ == ["model_registry"]
    assert subject.package.model_registry is component.model_registry


def test_the_parameters_have_their_names_order_types_and_defaults() -> None:
    assert list(inspect.signature(model_registry.python_func).parameters) == [name for name, _, _ in INTERFACE]
    inputs = component_specification()["inputDefinitions"]
    for name, kind, default in INTERFACE:
        if name in inputs.get("artifacts", {}):
            artifact = inputs["artifacts"][name]
            assert (artifact["artifactType"]["schemaTitle"], artifact["isOptional"]) == (kind, True)
        else:
            parameter = inputs["parameters"][name]
            assert (parameter["parameterType"], parameter.get("defaultValue")) == (kind, default)
            assert parameter.get("isOptional", False) == (name != "pvc_mount_path")
    assert len(inputs["parameters"]) + len(inputs["artifacts"]) == len(INTERFACE)


def test_the_one_output_is_the_return_value() -> None:
    assert component_specification()["outputDefinitions"] == {"parameters": {"Output": {"parameterType": "STRING"}}}


def test_a_pipeline_can_use_its_output() -> None:
    @dsl.component(base_image="python:3.11")
    def show(model_id: str) -> None:
        print(model_id)

    @dsl.pipeline(name="uses-the-output")
    def pipeline() -> None:
        show(model_id=model_registry(pvc_mount_path="").output)

    assert "taskOutputParameter" in compiled(pipeline)


def test_compiling_twice_gives_the_same_bytes() -> None:
    assert compiled() == compiled()


def test_the_pod_installs_exact_versions_on_an_image_where_any_user_may_install() -> None:
    assert container()["image"] == "registry.access.redhat.com/ubi9/python-311:latest"
    command = json.dumps(container()["command"])
    for package in ("model-registry==0.3.18", "kubernetes==30.1.0"):
        assert package in command


def test_the_light_step_is_the_same_component_without_archive_and_installation() -> None:
    whole, slim = (next(yaml.safe_load_all(compiled(given))) for given in (model_registry, light))
    assert slim["components"] == whole["components"]
    source = container(light)["command"][-1]
    assert len(source.encode()) < 6 * 1024
    assert "pip install" not in json.dumps(container(light)["command"])


def test_the_light_steps_image_has_what_the_pod_would_install() -> None:
    assert instructions("FROM") == [container()["image"]]
    installed = re.findall(r"[\w-]+==[\w.]+", " ".join(instructions("RUN")))
    command = json.dumps(container()["command"])
    assert [package for package in installed if package.startswith("kfp==")]
    assert {package for package in installed if not package.startswith("kfp==")} == {
        package for package in re.findall(r"[\w-]+==[\w.]+", command) if not package.startswith("kfp==")
    }


@pytest.mark.parametrize("name", ["component.py", "example_pipelines.py"])
def test_module_scope_imports_only_the_standard_library_and_kfp(name: str) -> None:
    tree = ast.parse((FOLDER / name).read_text(encoding="utf-8"))
    imported = {alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "." * node.level for node in tree.body if isinstance(node, ast.ImportFrom)}
    roots = {module.split(".")[0] for module in imported} - set(sys.stdlib_module_names)
    assert roots <= ({"kfp"} if name == "component.py" else {"kfp", "kfp_model_registry"})
