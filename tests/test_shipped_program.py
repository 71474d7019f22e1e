"""The program in the compiled YAML, run as the pod runs it: what it lacks, no other test sees."""

# ruff: noqa: D102, D103

from __future__ import annotations

import ast
import base64
import importlib.util
import inspect
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tokenize
import zipfile
from pathlib import Path
from typing import Any

import pytest

from . import image
from .builders import executor_input, metrics, model_artifact, results_artifact, store_session_info
from .kubernetes_api import KubernetesApi, claim_volume, mount, pod, workflow
from .local_registry import DroppedConnection, LocalRegistry, Request
from .registering import values
from .shipped import archive, archive_text, container, light, program, returned, run_command, run_pod, start_pod
from .subject import component, model_registry, shared

PACKAGE = Path(__file__).parents[1] / "shared"
RESULTS = Path(__file__).parent / "fixtures" / "lm_eval" / "0.4.13" / "all_tasks_with_samples.json"


def inputs(registry: LocalRegistry, folder: Path, **parameters: Any) -> dict[str, Any]:
    """The executor input of a fine-tuning pipeline's last step."""
    return executor_input(
        {
            "pvc_mount_path": str(folder),
            "registry_address": registry.url,
            "registry_port": 8080,
            "model_name": "toy-digits",
            "model_version": "1.0.0",
            "source_pipeline_name": "{{$.pipeline_job_resource_name}}",
            "source_pipeline_run_id": "run-1",
            "custom_properties": {"team": "vision", "rank": 3},
            **parameters,
        },
        {
            "input_model": model_artifact(
                uri="minio://mlpipeline/v2/artifacts/run-1/model",
                metadata={
                    "model_name": "toy-org/toy-base",
                    "store_session_info": store_session_info(endpoint="minio-service.kubeflow:9000"),
                },
            ),
            "input_metrics": metrics(values={"num_epochs": 3.0, "learning_rate": 2e-5, "hub_token": "hf_" + "x" * 30}),
            "eval_metrics": metrics({"eval_duration_seconds": 12.5}),
            "eval_results": results_artifact(RESULTS),
        },
        folder,
    )


def test_it_registers_a_model_with_all_its_inputs(registry: LocalRegistry, tmp_path: Path) -> None:
    code, output = run_pod(tmp_path, inputs(registry, tmp_path))
    assert code == 0, output
    assert returned(tmp_path) == registry.models()[0]["id"]
    (version,), (artifact,) = registry.versions(), registry.artifacts()
    held = values(version)
    assert artifact["uri"].startswith(
        "s3://mlpipeline/v2/artifacts/run-1/model?endpoint=http://minio-service.kubeflow:9000"
    )
    assert held["training_num_epochs"] == 3.0
    assert held["training_learning_rate"] == 2e-5
    assert held["training_hub_token"] == "[REDACTED]"
    assert held["eval_duration_seconds"] == 12.5
    assert held["base_model"] == "toy-org/toy-base"
    assert (held["team"], held["rank"]) == ("vision", 3.0)
    assert held["best_metric"] in held
    assert held[held["best_metric"]] == held["best_score"]
    assert held["eval_results_uri"] == f"file://{RESULTS}"
    assert "pipeline_name" not in held, "an unresolved placeholder counts as empty"
    assert (tmp_path / "pipeline_log.txt").read_text() == "Model Registry: toy-digits v1.0.0 (ID: 1)\n"
    # KFP's own executor prints its whole input first; what this component prints is below.
    printed = output.partition("\nRegistration\n")[2]
    assert "hf_x" not in printed
    assert "training_learning_rate" in printed


def test_in_a_cluster_it_finds_the_claim_and_the_run_and_sends_the_pods_token(
    registry: LocalRegistry, tmp_path: Path
) -> None:
    with KubernetesApi(tmp_path, namespace="team-a") as api:
        api.pods["step-1"] = pod(
            "step-1",
            "train-x7k2p",
            "0a1b-run",
            volumes=[claim_volume("models", "team-models")],
            mounts=[mount("models", "/mnt/models", subPath="nightly")],
        )
        api.workflows["train-x7k2p"] = workflow("train-x7k2p", "nightly 12")
        on_claim = model_artifact(
            uri="/mnt/models/digits/final", metadata={"pvc_model_dir": "/mnt/models/digits/final"}
        )
        known = {"pvc_mount_path": "", "registry_address": registry.url, "source_pipeline_name": "train"}
        given = executor_input(known, {"input_model": on_claim}, tmp_path)
        code, output = run_pod(tmp_path, given, api.account_dir, KFP_POD_NAME="step-1", **api.environment)
    assert code == 0, output
    (version,), (artifact,) = registry.versions(), registry.artifacts()
    assert artifact["uri"] == "pvc://team-models/nightly/digits/final"
    found = {name: artifact[f"modelSource{name}"] for name in ("Kind", "Class", "Group", "Id", "Name")}
    assert found == {
        "Kind": "kfp",
        "Class": "pipelinerun",
        "Group": "team-a",
        "Id": "0a1b-run",
        "Name": "nightly 12",
    }
    assert values(version) == {
        "pipeline_name": "train",
        "pipeline_run_id": "0a1b-run",
        "pipeline_run_name": "nightly 12",
        "pipeline_namespace": "team-a",
    }
    assert {request.headers["authorization"] for request in registry.requests} == {"Bearer pod-token"}


def test_in_a_cluster_without_rights_it_registers_and_says_what_is_unknown(
    registry: LocalRegistry, tmp_path: Path
) -> None:
    with KubernetesApi(tmp_path, namespace="team-a") as api:
        api.answers["pods"] = 403
        known = {"pvc_mount_path": "", "registry_address": registry.url, "model_uri": "gs://bucket/model"}
        code, output = run_pod(
            tmp_path, executor_input(known, {}, tmp_path), api.account_dir, KFP_POD_NAME="step-1", **api.environment
        )
    assert code == 0, output
    assert values(registry.versions()[0]) == {"pipeline_namespace": "team-a"}
    assert len([line for line in output.splitlines() if "Unknown: run ID, run name" in line and "403" in line]) == 1


def test_without_an_address_it_prints_the_whole_registration_and_sends_nothing(
    registry: LocalRegistry, tmp_path: Path
) -> None:
    code, output = run_pod(tmp_path, inputs(registry, tmp_path, registry_address=""))
    assert code == 0, output
    assert returned(tmp_path) == "SKIPPED"
    for part in ("toy-digits", "s3://mlpipeline/v2/artifacts/run-1/model", "training_num_epochs", "best_score"):
        assert part in output
    assert registry.requests == []
    assert not (tmp_path / "pipeline_log.txt").exists()


def test_an_error_ends_in_one_sentence_that_says_what_to_do(registry: LocalRegistry, tmp_path: Path) -> None:
    code, output = run_pod(tmp_path, inputs(registry, tmp_path, on_existing_version="replace"))
    assert code != 0
    assert output.strip().splitlines()[-1] == (
        "ValueError: on_existing_version='replace' is unknown: it is one of fail, skip, update, increment. "
        "Nothing was sent."
    )


@pytest.mark.parametrize("acts", [True, False])
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_step_that_is_killed_between_two_requests_is_completed_by_the_next(
    registry: LocalRegistry, tmp_path: Path, number: int, acts: bool
) -> None:
    process: subprocess.Popen[str]

    def kill(request: Request) -> None:
        process.send_signal(signal.SIGKILL)
        if not acts:
            raise DroppedConnection

    registry.inject(kill, nth=number)
    process = start_pod(tmp_path, inputs(registry, tmp_path))
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    code, output = run_pod(tmp_path, inputs(registry, tmp_path))
    assert code == 0, output
    assert returned(tmp_path) == "1"
    assert (len(registry.models()), len(registry.versions()), len(registry.artifacts())) == (1, 1, 1)


def test_the_light_step_registers_with_the_rooms_of_its_image(registry: LocalRegistry, tmp_path: Path) -> None:
    variables, environment = image.copy(tmp_path / "image"), Path(sys.executable).parents[1]
    code, output = run_command(container(light), tmp_path, inputs(registry, tmp_path), environment, **variables)
    assert code == 0, output
    assert returned(tmp_path) == "1"
    assert values(registry.versions()[0])["training_num_epochs"] == 3.0


def test_only_what_is_used_is_imported(registry: LocalRegistry, tmp_path: Path) -> None:
    known = inputs(registry, tmp_path, source_pipeline_run_name="Monday", source_namespace="team-a")
    code, output = run_pod(tmp_path, known, PYTHONPROFILEIMPORTTIME="1")
    assert code == 0, output
    imported = {line.rpartition("|")[2].strip() for line in output.splitlines() if line.startswith("import time:")}
    assert "mr_openapi" in imported
    assert not imported & {"kubernetes", "model_registry", "requests"}


class CodeAlone(ast.NodeTransformer):
    """Takes from a module what no pod needs: docstrings, and annotations but those that make a class."""

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        node.body = [line if isinstance(line, ast.AnnAssign) else self.visit(line) for line in without_docstring(node)]
        return node

    def visit_FunctionDef(self, node: Any) -> Any:
        node.body, node.returns = without_docstring(node), None
        return self.generic_visit(node)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg(node.arg)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        return ast.Assign([node.target], node.value) if node.value else node


def without_docstring(node: Any) -> list[ast.stmt]:
    return node.body[ast.get_docstring(node) is not None :]


def code_alone(source: bytes) -> str:
    """What Python makes of a module, less its docstrings and annotations."""
    tree = ast.parse(source)
    tree.body = without_docstring(tree)
    return ast.dump(CodeAlone().visit(tree))


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.stem)
def test_it_carries_a_rooms_code_under_the_same_line_numbers_and_none_of_its_words(path: Path) -> None:
    source, carried = path.read_bytes(), archive(program())[f"shared/{path.name}"]
    assert ast.dump(ast.parse(carried)) == code_alone(source)
    assert [node.lineno for node in statements(carried)] == [node.lineno for node in statements(source)]
    assert not [token for token in tokenize.tokenize(io.BytesIO(carried).readline) if token.type == tokenize.COMMENT]


def statements(source: bytes) -> list[ast.stmt]:
    """A module's statements but its docstrings."""
    found = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.stmt)]
    return [node for node in found if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))]


AWKWARD = """\
def first(
    weights: dict[
        str, float  # by name
    ] = {"ä": 1.0}, *, step: int = 1, **rest: "int"
) -> dict[
    str, int
]:  # why
    "Words."
    ä, größe = 'a -> b: # no comment', 1; other: list[int] = [step]  # ä
    return {"ä": größe, "a": lambda step: other}  # -> int


class Kept:
    \"\"\"Words
    of two lines.\"\"\"

    size: int = 1
    name: str

    async def method(self, given: int) -> None: ...
"""


def test_it_carries_the_code_of_awkward_lines() -> None:
    carried = component.code_alone(AWKWARD)
    assert ast.dump(ast.parse(carried)) == code_alone(AWKWARD.encode())
    assert len(carried.splitlines()) == len(AWKWARD.splitlines())
    assert [line for line in carried.splitlines() if line] == [
        "def first(",
        ' weights = {"ä": 1.0}, *, step = 1, **rest',
        "):",
        " ä, größe = 'a -> b: # no comment', 1; other = [step]",
        ' return {"ä": größe, "a": lambda step: other}',
        "class Kept:",
        " size: int = 1",
        " name: str",
        " async def method(self, given): ...",
    ]


def test_it_carries_all_rooms_and_nothing_else() -> None:
    assert sorted(archive(program())) == sorted(f"shared/{path.name}" for path in PACKAGE.glob("*.py"))


def test_what_python_leaves_beside_the_sources_does_not_travel(tmp_path: Path) -> None:
    shutil.copy(PACKAGE.parent / "component.py", tmp_path)
    shutil.copytree(PACKAGE, tmp_path / "shared", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "shared" / "__pycache__").mkdir()
    (tmp_path / "shared" / "__pycache__" / "session.cpython-311.pyc").write_bytes(b"compiled")
    specification = importlib.util.spec_from_file_location("component_elsewhere", tmp_path / "component.py")
    assert specification
    assert specification.loader
    elsewhere = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(elsewhere)
    carried = archive(elsewhere.model_registry.component_spec.implementation.container.command[-1])
    assert carried == archive(program())


def built(folder: Path, umask: int = 0o022, **environment: str) -> subprocess.CompletedProcess[str]:
    """Build the component.py of a folder, or of an archive, in a process of its own, which prints the program."""
    script = (
        "import importlib, sys; sys.path.insert(0, sys.argv[1]); built = importlib.import_module(sys.argv[2]);"
        "print(built.model_registry.component_spec.implementation.container.command[-1])"
    )
    names = (folder, "component") if folder.is_dir() else (folder, "kfp_model_registry.component")
    command = [sys.executable, "-c", script, *map(str, names)]
    surroundings = {**os.environ, **environment}
    return subprocess.run(command, env=surroundings, umask=umask, capture_output=True, text=True)


def test_two_compilations_give_the_same_bytes_and_tell_nothing_of_the_builder(tmp_path: Path) -> None:
    elsewhere = shutil.copytree(PACKAGE.parent, tmp_path / "clone", ignore=shutil.ignore_patterns(".*", "__pycache__"))
    assert built(elsewhere, umask=0o077).stdout == built(PACKAGE.parent, umask=0o002).stdout
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(archive_text(program())))) as files:
        told = {(file.mtime, file.uid, file.gid, file.uname, file.gname, file.mode) for file in files}
    assert told == {(0, 0, 0, "", "", 0o644)}
    assert str(PACKAGE.parent) not in program()


def last_line(text: str) -> str:
    return text.strip().splitlines()[-1]


def test_component_py_alone_says_that_the_whole_folder_is_needed(tmp_path: Path) -> None:
    shutil.copy(PACKAGE.with_name("component.py"), tmp_path)
    assert last_line(built(tmp_path).stderr).startswith(
        f"ImportError: {tmp_path / 'shared'} is no folder of files: component.py carries the rooms that stand beside it"
    )


def test_a_wheel_that_is_not_unpacked_says_that_pip_has_to_install_it(tmp_path: Path) -> None:
    wheel = tmp_path / "model_registry.whl"
    with zipfile.ZipFile(wheel, "w") as packed:
        for path in (*PACKAGE.parent.glob("*.py"), *PACKAGE.glob("*.py")):
            packed.write(path, Path("kfp_model_registry", path.relative_to(PACKAGE.parent)))
    assert last_line(built(wheel).stderr).endswith(
        "or have pip install the package instead of importing it from a wheel."
    )


def test_without_a_folder_for_temporary_files_it_says_which_variable_names_one(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import tempfile; tempfile.tempdir = '/not-there'", encoding="utf-8")
    error = last_line(built(PACKAGE.parent, PYTHONPATH=str(tmp_path)).stderr)
    assert error.startswith("ImportError: The component is built in a temporary folder: set TMPDIR to one that exists")
    assert "/not-there" in error


def test_it_carries_the_docstring_as_the_descriptions_of_the_inputs_alone() -> None:
    described = model_registry.component_spec.inputs["registry_ca_path"].description
    assert described in (model_registry.python_func.__doc__ or "")
    assert described not in program()
    assert not re.findall(r'"""|^#|^ {4}', program(), re.MULTILINE)


def test_the_copy_that_was_embedded_is_removed(tmp_path: Path) -> None:
    script = "import os, runpy, sys; kept = runpy.run_path(sys.argv[1]); print(os.listdir(os.environ['TMPDIR']))"
    command = [sys.executable, "-c", script, str(PACKAGE.with_name("component.py"))]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    assert subprocess.check_output(command, env=environment, text=True).strip() == "[]"


def test_a_traceback_names_real_files_and_lines(registry: LocalRegistry, tmp_path: Path) -> None:
    code, output = run_pod(tmp_path, inputs(registry, tmp_path, on_existing_version="replace"))
    assert code != 0
    name, line = re.findall(r'File "[^"]*/shared/(\w+\.py)", line (\d+)', output)[-1]
    assert "raise refusal(" in (PACKAGE / name).read_text(encoding="utf-8").splitlines()[int(line) - 1]


@pytest.mark.skipif(not PACKAGE.with_name("pyproject.toml").exists(), reason="this folder is no project of its own")
def test_the_component_of_an_installed_wheel_carries_the_same(tmp_path: Path) -> None:
    pytest.importorskip("setuptools", minversion="77")
    ignored = shutil.ignore_patterns(".*", "build", "*.egg-info", "tests", "__pycache__")
    source = shutil.copytree(PACKAGE.parent, tmp_path / "source", ignore=ignored)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path), str(source)], check=True
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as unpacked:
        unpacked.extractall(tmp_path / "site")
    script = (
        "import json, kfp_model_registry\n"
        "from kfp_model_registry.component import model_registry\n"
        "implementation = model_registry.component_spec.implementation.container\n"
        "print(json.dumps([kfp_model_registry.__file__, implementation.command[-1]]))"
    )
    clean = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    shown = subprocess.check_output([sys.executable, "-c", script], env=clean, cwd=tmp_path, text=True)
    file, source = json.loads(shown)
    assert file.startswith(str(tmp_path))
    assert archive(source) == archive(program())


def test_all_imports_point_to_a_lower_floor_and_to_the_standard_library() -> None:
    said = inspect.getdoc(shared) or ""
    floors = re.findall(r"\w+", said.partition("From the top floor down:")[2].partition(". ")[0])
    assert sorted(floors) == sorted(path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__")
    for module in floors:
        tree = ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level == 1]
        rooms = {room for node in imports for room in ([node.module] if node.module else [a.name for a in node.names])}
        assert rooms <= set(floors[floors.index(module) + 1 :]), module
        roots = {alias.name.split(".")[0] for node in tree.body if isinstance(node, ast.Import) for alias in node.names}
        roots |= {
            str(node.module).split(".")[0] for node in tree.body if isinstance(node, ast.ImportFrom) if not node.level
        }
        assert roots <= set(sys.stdlib_module_names), module


def test_only_the_edges_import_what_is_not_pythons_own() -> None:
    foreign = set()
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) and not node.level else []
            if {name.split(".")[0] for name in names} - set(sys.stdlib_module_names):
                foreign.add(path.stem)
    assert foreign == {"session", "cluster"}


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.stem)
def test_a_room_opens_with_what_it_knows_and_can_be_seen_as_a_whole(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300
    assert len((ast.get_docstring(ast.parse(text)) or "").partition("\n\n")[0]) > 40


def test_the_component_is_a_story_of_at_most_200_lines() -> None:
    text = (PACKAGE.parent / "component.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 200
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    assert [function.name for function in functions] == [
        "code_alone",
        "narrow",
        "idle_spans",
        "packed",
        "model_registry",
    ]
