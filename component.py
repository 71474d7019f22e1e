"""Register a trained model in Kubeflow Model Registry, as the last step of a Kubeflow pipeline.

The component tells the registration as a story; its rules live in the package `shared`, which it carries into the pod.
"""

import os
import tempfile
from pathlib import Path

from kfp import dsl

# KFP embeds a whole folder, __pycache__ included: so it gets a copy of the sources alone, whose times never change.
_folder = tempfile.TemporaryDirectory()
_package = Path(_folder.name, "shared")
_package.mkdir()
for _source in Path(__file__).with_name("shared").iterdir():
    if _source.suffix == ".py":
        (_package / _source.name).write_bytes(_source.read_bytes())
for _copied in (*_package.iterdir(), _package, _package.parent):
    os.utime(_copied, (0, 0))


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
    custom_properties: dict = {},  # noqa: B006 (KFP reads the default from the signature)
    registry_ca_path: str = "",
) -> str:
    """Register a trained model in Kubeflow Model Registry with its hyperparameters, metrics and provenance.

    Args:
        pvc_mount_path: PVC mount path of the workspace, for the shared log and final_model; may be empty.
        input_model: Model artifact of the training step.
        input_metrics: Training metrics and hyperparameters.
        eval_metrics: Evaluation metrics, of lm-eval or Eval Hub.
        eval_results: Full evaluation results, a JSON file.
        registry_address: Server: host, host:port or URL; empty registers nothing.
        registry_port: Server port, where the address has none.
        model_name: Name of the registered model.
        model_version: Name of the version; semantic for "increment".
        model_format_name: Format of the model (pytorch, onnx, …).
        model_format_version: Version of the format.
        model_description: Description of the version, and of a new model.
        author: Author of the version, and owner of a new model.
        shared_log_file: Log file in pvc_mount_path that gets one line.
        source_pipeline_name: Name of the pipeline.
        source_pipeline_run_id: ID of the run; detected if empty.
        source_pipeline_run_name: Name of the run; detected if empty.
        source_namespace: Namespace of the run; detected if empty.
        model_uri: Location to register instead of the artifact's.
        on_existing_version: What to do with another run's: fail, skip, update or increment.
        custom_properties: Further properties; an empty text makes a label.
        registry_ca_path: CA bundle in the pod, for https.

    Returns:
        The registered model's ID, or "SKIPPED" without a registry_address.
    """
    given = dict(locals())

    from os import environ
    from os.path import exists
    from shared import address, arguments, artifacts, cluster, evaluation, location, properties, provenance
    from shared import registration, registry, report, versions

    with report.printed_remarks():
        request = arguments.checked(given)
        model, metrics, evaluated, results = map(
            artifacts.received, (input_model, input_metrics, eval_metrics, eval_results)
        )
        training = properties.training_properties(metrics.metadata)
        scores = evaluation.recorded(evaluated, results, model)

        pod = cluster.observe(request.run, location.needs_claims(request.model_uri, model, exists))
        try:
            uri = location.locate_model(request.model_uri, model, request.workspace, pod.mounts, exists)
        except ValueError as problem:
            if request.registry_url:
                raise
            uri = f"none: with a registry_address this step would fail. {problem}"

        run = provenance.traced(request.run, pod.run)
        known = provenance.run_properties(run, str(model.metadata.get("model_name") or ""))
        custom = properties.custom_properties(provenance.custom_filled(request.custom, run))
        recorded = properties.joined_properties(known, custom, scores, training)
        planned = registration.Registration(request.card, uri, run, recorded)
        print(report.registration_text(planned), flush=True)
        if not request.registry_url:
            print("SKIPPED: registry_address is empty, so nothing was registered.")
            return "SKIPPED"

        server = address.known_server(request.registry_url, request.ca_path, environ)
        with registry.opened(server) as held:
            what, claim = versions.register(held, planned, request.policy)

        print(report.outcome_text(server, what, claim), flush=True)
        if request.log_path and what != "skipped":
            report.append_log_line(request.log_path, claim)
        return str(claim.model["id"])


_folder.cleanup()
