"""Two pipelines that end in a registration: of a small model trained on the spot, and of a fine-tuned one.

    python example_pipelines.py

runs the first one on this machine with KFP's local runner, against the server that MODEL_REGISTRY_URL names or else
against the tests' registry in memory, and prints what the registry holds afterwards.
"""

import importlib
import runpy
import sys
import tempfile
from pathlib import Path

from kfp import dsl, local

try:
    model_registry = importlib.import_module("kfp_model_registry.component").model_registry
except ModuleNotFoundError:  # not installed, but loaded by path as one folder of a components collection
    model_registry = runpy.run_path(str(Path(__file__).with_name("component.py")))["model_registry"]

# The registry's UI shows a property that is a URL as a link: this one leads from a version to its run. The component
# fills in the placeholder, since KFP's driver does so only where it is a whole parameter. Write your Kubeflow's host.
PIPELINE_RUN_URL = f"https://kubeflow.example.com/pipeline/#/runs/details/{dsl.PIPELINE_JOB_ID_PLACEHOLDER}"


@dsl.component(
    base_image="registry.access.redhat.com/ubi9/python-311:latest", packages_to_install=["scikit-learn==1.9.1"]
)
def train_digits_classifier(
    regularization: float,
    max_iterations: int,
    held_out_fraction: float,
    random_seed: int,
    output_model: dsl.Output[dsl.Model],
    output_metrics: dsl.Output[dsl.Metrics],
    held_out_data: dsl.Output[dsl.Dataset],
) -> None:
    """Train a classifier of handwritten digits on the data set that scikit-learn brings along."""
    from pathlib import Path

    import joblib
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    images, digits = load_digits(return_X_y=True)
    images, test_images, digits, test_digits = train_test_split(
        images, digits, test_size=held_out_fraction, random_state=random_seed, stratify=digits
    )
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=regularization, max_iter=max_iterations))
    classifier.fit(images, digits)

    Path(output_model.path).mkdir(parents=True, exist_ok=True)
    joblib.dump(classifier, Path(output_model.path) / "model.joblib")
    joblib.dump((test_images, test_digits), held_out_data.path)
    output_model.metadata["framework"] = "scikit-learn"
    output_metrics.log_metric("regularization", regularization)
    output_metrics.log_metric("max_iterations", max_iterations)
    output_metrics.log_metric("random_seed", random_seed)
    output_metrics.log_metric("iterations", int(classifier[-1].n_iter_.max()))
    output_metrics.log_metric("samples", len(images))
    output_metrics.log_metric("accuracy", float(classifier.score(images, digits)))


@dsl.component(
    base_image="registry.access.redhat.com/ubi9/python-311:latest", packages_to_install=["scikit-learn==1.9.1"]
)
def evaluate_digits_classifier(
    input_model: dsl.Input[dsl.Model],
    held_out_data: dsl.Input[dsl.Dataset],
    output_metrics: dsl.Output[dsl.Metrics],
    output_results: dsl.Output[dsl.Artifact],
) -> None:
    """Evaluate the classifier on the data that it has not seen; the results have the shape of lm-eval's file."""
    import json
    import math
    from pathlib import Path

    import joblib
    from sklearn.metrics import accuracy_score, f1_score, log_loss

    classifier = joblib.load(Path(input_model.path) / "model.joblib")
    images, digits = joblib.load(held_out_data.path)
    predicted = classifier.predict(images)
    accuracy = float(accuracy_score(digits, predicted))
    scores = {
        "acc": accuracy,
        "acc_stderr": math.sqrt(accuracy * (1 - accuracy) / (len(digits) - 1)),
        "f1_macro": float(f1_score(digits, predicted, average="macro")),
        "log_loss": float(log_loss(digits, classifier.predict_proba(images))),
    }
    for name, score in scores.items():
        output_metrics.log_metric(f"digits_{name}", score)
    results = {
        "results": {"digits": {"alias": "digits", **{f"{name},none": score for name, score in scores.items()}}},
        "higher_is_better": {"digits": {"acc": True, "f1_macro": True, "log_loss": False}},
        "n-shot": {"digits": 0},
        "n-samples": {"digits": {"original": len(digits), "effective": len(digits)}},
    }
    Path(output_results.path).write_text(json.dumps(results))


@dsl.pipeline(name="train-and-register", description="Train a small model, evaluate it, and register it.")
def train_and_register(
    regularization: float = 0.1,
    max_iterations: int = 500,
    held_out_fraction: float = 0.25,
    random_seed: int = 0,
    pvc_mount_path: str = "",
    registry_address: str = "model-registry-service.kubeflow.svc.cluster.local",
    registry_port: int = 8080,
    model_name: str = "digits-classifier",
    model_version: str = "1.0.0",
    model_description: str = "Reads a handwritten digit from an image of 8 x 8 pixels",
    author: str = "pipeline",
    on_existing_version: str = "increment",
) -> str:
    """Train a classifier of handwritten digits, evaluate it on held-out data and register it.

    Args:
        regularization: Inverse strength of the regularization.
        max_iterations: Most steps of the solver.
        held_out_fraction: Part of the data that is kept for the evaluation.
        random_seed: Seed of the split.
        pvc_mount_path: Folder of the shared log; empty writes none.
        registry_address: Address of the Model Registry; empty registers nothing.
        registry_port: Its port, unless the address has one.
        model_name: Name of the registered model.
        model_version: Version to register, or to count up from.
        model_description: What the model is for.
        author: Who registers it.
        on_existing_version: What to do if another run has registered this version: fail, skip, update or increment.

    Returns:
        The registered model's ID.
    """
    training = train_digits_classifier(
        regularization=regularization,
        max_iterations=max_iterations,
        held_out_fraction=held_out_fraction,
        random_seed=random_seed,
    )
    evaluation = evaluate_digits_classifier(
        input_model=training.outputs["output_model"], held_out_data=training.outputs["held_out_data"]
    )
    registration = model_registry(
        pvc_mount_path=pvc_mount_path,
        input_model=training.outputs["output_model"],
        input_metrics=training.outputs["output_metrics"],
        eval_metrics=evaluation.outputs["output_metrics"],
        eval_results=evaluation.outputs["output_results"],
        registry_address=registry_address,
        registry_port=registry_port,
        model_name=model_name,
        model_version=model_version,
        model_format_name="sklearn",
        model_format_version="1",
        model_description=model_description,
        author=author,
        source_pipeline_name="train-and-register",
        source_pipeline_run_id=dsl.PIPELINE_JOB_ID_PLACEHOLDER,
        source_pipeline_run_name=dsl.PIPELINE_JOB_NAME_PLACEHOLDER,
        on_existing_version=on_existing_version,
        custom_properties={
            "model_type": "predictive",  # the registry's UI shows it as the model's type
            "task": "image-classification",
            "digits": "",  # a label
            "pipeline_run_url": PIPELINE_RUN_URL,
        },
    )
    registration.set_caching_options(False)  # a cached step registers nothing
    # KFP 2.15 and 2.16 repeat a step that failed; 2.17 as it ships does not (its retryPolicy is OnError)
    registration.set_retry(num_retries=2, backoff_duration="30s", backoff_factor=2.0)
    return registration.output


@dsl.pipeline(
    name="register-finetuned-model",
    description="Register a fine-tuned language model with the metrics and the lm-eval results of its run.",
    pipeline_config=dsl.PipelineConfig(
        workspace=dsl.WorkspaceConfig(
            size="1Gi",
            # a stock KFP refuses a workspace that names no access modes
            kubernetes=dsl.KubernetesWorkspaceConfig(pvcSpecPatch={"accessModes": ["ReadWriteOnce"]}),
        )
    ),
)
def register_finetuned_model(
    model_uri: str = "s3://mlpipeline/models/granite-fine-tuned/model/"
    "?endpoint=http://minio-service.kubeflow:9000&defaultRegion=us-east-1",
    training_metrics_uri: str = "minio://mlpipeline/models/granite-fine-tuned/training-metrics",
    eval_metrics_uri: str = "minio://mlpipeline/models/granite-fine-tuned/eval-metrics",
    eval_results_uri: str = "minio://mlpipeline/models/granite-fine-tuned/results.json",
    registry_address: str = "model-registry-service.kubeflow.svc.cluster.local",
    registry_port: int = 8080,
    model_name: str = "granite-fine-tuned",
    model_version: str = "1.0.0",
    model_format_name: str = "pytorch",
    model_format_version: str = "1.0",
    model_description: str = "",
    author: str = "pipeline",
    on_existing_version: str = "fail",
) -> str:
    """Register a model that was fine-tuned and evaluated with lm-eval elsewhere.

    The model is not imported: KFP would copy it into the pod, and an importer knows no endpoint. Imported metrics hold
    the values that the import gives them; KFP fills in no parameter there. A pipeline that trains the model itself
    connects its steps' own outputs, as `train_and_register` does.

    Args:
        model_uri: Where the fine-tuned model is, with its endpoint.
        training_metrics_uri: The training step's metrics artifact.
        eval_metrics_uri: The evaluation step's metrics artifact.
        eval_results_uri: The results file of lm-eval.
        registry_address: Address of the Model Registry; empty registers nothing.
        registry_port: Its port, unless the address has one.
        model_name: Name of the registered model.
        model_version: Version to register.
        model_format_name: Format of the model.
        model_format_version: Version of that format.
        model_description: What the model is for.
        author: Who registers it.
        on_existing_version: What to do if another run has registered this version: fail, skip, update or increment.

    Returns:
        The registered model's ID.
    """
    training_metrics = dsl.importer(
        artifact_uri=training_metrics_uri,
        artifact_class=dsl.Metrics,
        metadata={"num_epochs": 3, "learning_rate": 2e-5, "lora_r": 16},
    )
    eval_metrics = dsl.importer(
        artifact_uri=eval_metrics_uri, artifact_class=dsl.Metrics, metadata={"eval_limit": "all"}
    )
    eval_results = dsl.importer(artifact_uri=eval_results_uri, artifact_class=dsl.Artifact)
    registration = model_registry(
        pvc_mount_path=dsl.WORKSPACE_PATH_PLACEHOLDER,
        input_metrics=training_metrics.output,
        eval_metrics=eval_metrics.output,
        eval_results=eval_results.output,
        registry_address=registry_address,
        registry_port=registry_port,
        model_name=model_name,
        model_version=model_version,
        model_format_name=model_format_name,
        model_format_version=model_format_version,
        model_description=model_description,
        author=author,
        source_pipeline_name="register-finetuned-model",
        source_pipeline_run_id=dsl.PIPELINE_JOB_ID_PLACEHOLDER,
        source_pipeline_run_name=dsl.PIPELINE_JOB_NAME_PLACEHOLDER,
        model_uri=model_uri,
        on_existing_version=on_existing_version,
        custom_properties={
            "model_type": "generative",
            "base_model": "ibm-granite/granite-3.1-8b-base",
            "pipeline_run_url": PIPELINE_RUN_URL,
        },
    )
    registration.set_caching_options(False)  # a cached step registers nothing
    # KFP 2.15 and 2.16 repeat a step that failed; 2.17 as it ships does not (its retryPolicy is OnError)
    registration.set_retry(num_retries=2, backoff_duration="30s", backoff_factor=2.0)
    return registration.output


def main() -> None:
    """Run `train_and_register` on this machine and print what is in the registry afterwards."""
    tests = Path(__file__).resolve().parent / "tests"
    sys.path.insert(0, str(tests))
    try:
        local_registry = importlib.import_module("local_registry")
    except ModuleNotFoundError:
        sys.exit(f"Run this script in a clone: {tests} holds no local_registry, which looks into the registry for it.")
    with local_registry.registry_in_use() as url:
        folder = Path(tempfile.mkdtemp(prefix="train-and-register-"))
        local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=str(folder / "artifacts"))
        run = train_and_register(registry_address=url, pvc_mount_path=str(folder))
        local_registry.show(url, run.output)
    print(f"shared log        {(folder / 'pipeline_log.txt').read_text().strip()}")
    print(f"The model stays in {folder}; delete the folder when you no longer need it.")


if __name__ == "__main__":
    main()
