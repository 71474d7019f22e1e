"""Register a trained model in Kubeflow Model Registry, as the last step of a Kubeflow pipeline.

The component tells the registration as a story; its rules live in the package `shared`, which it carries into the pod.
"""

import ast
import base64
import gzip
import io
import re
import tarfile
import tempfile
import tokenize
from collections.abc import Iterator
from pathlib import Path

from kfp import dsl


def code_alone(source: str) -> str:
    """Cut what no pod needs: a cluster caps what a step may carry (OPERATIONS.md).

    Args:
        source: A module's text.

    Returns:
        The same code, each line under the same number: so a traceback in the pod names the repository's lines. A body
        must hold more than a docstring, or it would be left empty.
    """
    lines = source.splitlines()
    for (first, start), (last, end) in sorted(idle_spans(source), reverse=True):
        lines[first - 1 : last] = [lines[first - 1][:start].rstrip() + lines[last - 1][end:], *[""] * (last - first)]
    return narrow("\n".join(lines))


def narrow(source: str) -> str:
    """Indent by one blank instead of four: so the program has 700 bytes less."""
    return re.sub("^ +", lambda blanks: blanks[0][::4], source, flags=re.MULTILINE)


def idle_spans(source: str) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Find comments, docstrings and annotations, by line and column; a class keeps its fields', which make it."""
    for kind, _, start, end, _ in tokenize.generate_tokens(io.StringIO(source).readline):
        if kind == tokenize.COMMENT:
            yield start, end
    tree = ast.parse(re.sub(r"[^\x00-\x7f]", "x", source))  # its columns count bytes: so a character has one
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    fields = {line for body in classes for line in body.body if isinstance(line, ast.AnnAssign)}
    for node in set(ast.walk(tree)) - fields:
        match node:
            case (
                ast.Expr(value=ast.Constant(value=str()) as idle)
                | ast.arg(annotation=ast.expr() as idle)
                | ast.AnnAssign(annotation=idle, value=ast.expr())
                | ast.FunctionDef(returns=ast.expr() as idle)
                | ast.AsyncFunctionDef(returns=ast.expr() as idle)
            ):
                before = source.splitlines()[idle.lineno - 1][: idle.col_offset].rstrip(" :->")
                yield (idle.lineno, len(before)), (idle.end_lineno or 0, idle.end_col_offset or 0)


def packed(folder: Path) -> str:
    """Pack a folder's code as KFP does, but without times, owners and modes: they weigh 700 bytes, and differ."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as files:
        for path in sorted(folder.rglob("*.py")):
            member = tarfile.TarInfo(path.relative_to(folder).as_posix())
            member.size = path.stat().st_size
            files.addfile(member, io.BytesIO(path.read_bytes()))
    return base64.b64encode(gzip.compress(archive.getvalue(), mtime=0)).decode()


# KFP embeds a whole folder, __pycache__ included: so it gets a copy of the code alone.
_rooms = Path(__file__).with_name("shared")
if not _rooms.is_dir():
    raise ImportError(
        f"{_rooms} is no folder of files: component.py carries the rooms that stand beside it in its repository, so "
        "copy the whole folder, or have pip install the package instead of importing it from a wheel."
    )
try:
    _folder = tempfile.TemporaryDirectory()
except OSError as _error:
    raise ImportError(
        f"The component is built in a temporary folder: set TMPDIR to one that exists ({_error})."
    ) from None
_package = Path(_folder.name, "shared")
_package.mkdir()
for _room in _rooms.glob("*.py"):
    (_package / _room.name).write_text(code_alone(_room.read_text(encoding="utf-8")), encoding="utf-8")


@dsl.component(
    base_image="registry.access.redhat.com/ubi9/python-311:latest",
    packages_to_install=["model-registry==0.3.18", "kubernetes==30.1.0"],
    embedded_artifact_path=_folder.name,
)
def model_registry(
    pvc_mount_path: str,
    input_model: dsl.Input[dsl.Model] = None,
    input_metrics: dsl.Input[dsl.Metrics] = None,
    eval_metrics: dsl.Input[dsl.Metrics] = None,
    eval_results: dsl.Input[dsl.Artifact] = None,
    registry_address: str = "",
    registry_port: int = 8080,
    model_name: str = "fine-tuned-model",
    model_version: str = "1.0.0",
    model_format_name: str = "pytorch",
    model_format_version: str = "1.0",
    model_description: str = "",
    author: str = "pipeline",
    shared_log_file: str = "pipeline_log.txt",
    source_pipeline_name: str = "",
    source_pipeline_run_id: str = "",
    source_pipeline_run_name: str = "",
    source_namespace: str = "",
    model_uri: str = "",
    on_existing_version: str = "fail",
    custom_properties: dict = {},
    registry_ca_path: str = "",
    is_secure: bool = False,
) -> str:
    """Register a trained model in Kubeflow Model Registry with its hyperparameters, metrics and provenance.

    Args:
        pvc_mount_path: PVC mount path of the workspace.
        input_model: Model of the training step.
        input_metrics: Its metrics and hyperparameters.
        eval_metrics: Metrics of the evaluation step.
        eval_results: Its full results, a JSON file.
        registry_address: Host, host:port or URL; empty registers nothing.
        registry_port: Port, unless the address has one.
        model_name: Name of the registered model.
        model_version: Name of the version.
        model_format_name: Format of the model (pytorch, onnx, …).
        model_format_version: Version of the format.
        model_description: Description of the version.
        author: Author of the version.
        shared_log_file: Log file in pvc_mount_path.
        source_pipeline_name: Name of the pipeline.
        source_pipeline_run_id: ID of the run; detected if empty.
        source_pipeline_run_name: Name of the run; detected if empty.
        source_namespace: Namespace of the run; detected if empty.
        model_uri: Location, instead of the artifact's.
        on_existing_version: If taken: fail, skip, update or increment.
        custom_properties: Further properties; an empty text is a label.
        registry_ca_path: CA bundle in the pod.
        is_secure: Whether an address without a scheme means https.

    Returns:
        The registered model's ID, or "SKIPPED" without a registry_address.
    """
    import os  # noqa: I001
    from shared import address, arguments, cluster, evaluation, location, properties, provenance
    from shared import registration, report, versions

    report.print_remarks()
    request = arguments.checked(locals())
    model, metrics, evaluated, results = map(cluster.received, (input_model, input_metrics, eval_metrics, eval_results))
    training = properties.training_properties(metrics.metadata, model.metadata)
    scores = evaluation.recorded(evaluated, results, model)

    pod = cluster.observe(request.run, location.needs_mounts(request.model_uri, model))
    locate = location.locate_model if request.registry_url else location.location_or_reason
    uri = locate(request.model_uri, model, request.workspace, pod.mounts, os.path.exists)

    run = provenance.traced(request.run, pod.run)
    known = provenance.run_properties(run, model.metadata)
    custom = provenance.custom_properties(request.custom, run)
    recorded = properties.joined_properties(known, custom, scores, training)
    planned = registration.Registration(request.card, uri, run, recorded)
    print(report.registration_text(planned))
    if not request.registry_url:
        print("SKIPPED: registry_address is empty.")
        return "SKIPPED"

    server = address.known_server(request.registry_url, request.ca_path, os.environ)
    what, claim = versions.register(server, planned, request.policy)

    print(report.outcome_text(server, what, claim))
    report.append_log_line(request.log_path, what, claim)
    return str(claim.model["id"])


# KFP's program is made lighter, which a KFP that writes it otherwise only leaves undone: it loses its comments and the
# docstring, whose words are the descriptions of the inputs already, and gets the leaner archive.
_command = model_registry.component_spec.implementation.container.command
_program = narrow(re.sub(r'^# .*\n|^ *"""Register (.|\n)*?"""\n', "", _command[-1], flags=re.MULTILINE))
_command[-1] = re.sub(r"(?<=ARCHIVE_B64 = ')[^']+", packed(_package.parent), _program)
_folder.cleanup()
