"""What a compiled pipeline becomes on a cluster: strings on the program's way to a pod, and the run's Workflow object.

KFP's compiler writes a container; its driver gets that as one argument and answers with a patch of the pod's spec; Argo
puts the template that holds the patch into the environment of the pod. Each hop escapes the program's text once more,
with Go's encoding/json, and Linux caps every string. The Workflow object keeps the text of each hop, and Argo caps it.
What a run fills in (addresses, metrics) is assumed, the rest of each template is a constant: both were measured with
KFP 2.15 and 2.17 and with Argo 3.5 and 4.0, and agree with Argo's own controller within 1 %.
"""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from dataclasses import dataclass
from typing import Any, Literal

LONGEST = 131_072  # bytes of one string in argv or the environment, its NUL included (MAX_ARG_STRLEN)
LARGEST = 1_048_576  # bytes of a Workflow object that Argo writes, its nodes packed (MAX_WORKFLOW_SIZE)
VARIABLE = len("ARGO_TEMPLATE=")
METRICS = 130  # what an evaluation with MMLU logs
COMPONENT = "comp-model-registry"  # its key in a compiled pipeline

Argo = Literal["3.5", "4.0"]
JSON = dict[str, Any]

# Every cluster has to start the step: what older Argo bears decides, and what the program leaves is the evaluation's.
LONGEST_PROGRAM = 32_768
SHARES: dict[Argo, float] = {"4.0": 0.5, "3.5": 0.9}


@dataclass(frozen=True)
class Hop:
    """One string on the way to the pod.

    Attributes:
        name: Where it stands.
        argo: The Argo generation that has it, "" for every one.
        size: Its bytes.
    """

    name: str
    argo: Argo | Literal[""]
    size: int

    @property
    def share(self) -> float:
        """The part of the longest string that it takes."""
        return (self.size + 1) / LONGEST


@dataclass(frozen=True)
class WorkflowObject:
    """What Kubernetes keeps of a run: Argo packs the nodes of a large one; if that is not enough, the run fails.

    Attributes:
        size: Its bytes.
        packed: Its bytes with the nodes packed.
    """

    size: int
    packed: int

    @property
    def share(self) -> float:
        """The part of the largest object that it takes."""
        return min(self.size, self.packed) / LARGEST


@dataclass(frozen=True)
class Step:
    """A component of a compiled pipeline that runs in a pod.

    Attributes:
        name: The component's key.
        component: Its declaration.
        container: Its container.
        tasks: The task of each run of it, as its DAG has it.
    """

    name: str
    component: JSON
    container: JSON
    tasks: tuple[JSON, ...]

    def patch(self, metrics: int) -> str:
        """The patch of the pod's spec with which the driver answers, for so many metrics."""
        launcher = [*LAUNCHER, "--executor_input", executor_input(self.component, metrics)]
        launcher += ["--component_spec", proto_json(self.component), "--"]
        main = {"name": "main", "image": self.container["image"], "command": launcher, "resources": {}}
        return go_json({"containers": [main | {"args": self.container["command"] + self.container["args"]}]})


DRIVER = [
    *("--type", "CONTAINER", "--pipeline_name", "x" * 30, "--run_id", "x" * 36, "--run_name", "x" * 36),
    *("--run_display_name", "x" * 40, "--dag_execution_id", "123456", "--iteration_index", "-1"),
    *("--cached_decision_path", "/tmp/outputs/cached-decision", "--pod_spec_patch_path", "/tmp/outputs/pod-spec-patch"),
    *("--condition_path", "/tmp/outputs/condition", "--kubernetes_config", "", "--http_proxy", "", "--https_proxy", ""),
    *("--no_proxy", "", "--ml_pipeline_server_address", "ml-pipeline.kubeflow", "--ml_pipeline_server_port", "8887"),
    *("--mlmd_server_address", "metadata-grpc-service.kubeflow.svc.cluster.local", "--mlmd_server_port", "8080"),
]
LAUNCHER = [
    *("/kfp-launcher/launch", "--pipeline_name", "x" * 30, "--run_id", "x" * 36, "--execution_id", "123456"),
    *("--pod_name", "$(KFP_POD_NAME)", "--pod_uid", "$(KFP_POD_UID)", "--mlmd_server_address"),
    *("metadata-grpc-service.kubeflow.svc.cluster.local", "--mlmd_server_port", "8080", "--publish_logs", "true"),
]


def hops(compiled: str, metrics: int = METRICS) -> list[Hop]:
    """List the strings that the component of this folder becomes in a compiled pipeline.

    Args:
        compiled: The YAML that KFP's compiler wrote.
        metrics: How many metrics the evaluation has logged: they travel along.

    Returns:
        The hops, in the order in which the program passes them.
    """
    (step,) = [step for step in steps(compiled) if step.name == COMPONENT]
    task = max(step.tasks, key=lambda task: size(go_json(task)))
    given = {"component": go_json(step.component), "task": go_json(task), "container": go_json(step.container)}
    task_name = COMPONENT.removeprefix("comp-")
    driver = [*DRIVER, "--task_name", task_name, *(word for name in given for word in (f"--{name}", given[name]))]
    inputs = [{"name": name, "value": value} for name, value in given.items()]
    inputs += [{"name": "task-name", "value": task_name}, {"name": "parent-dag-id", "value": "123456"}]
    inputs += [{"name": "iteration-index", "default": "-1", "value": "-1"}]
    inputs += [{"name": "kubernetes-config", "default": "", "value": ""}]
    driver_size, patch_size = size(go_json(driver)), size(go_json(step.patch(metrics)))
    return [
        Hop("the program, an argument in the user's pod", "", max(map(size, step.container["command"]))),
        Hop("the driver's argument --container", "", size(given["container"])),
        Hop("ARGO_TEMPLATE of the driver's pod", "4.0", VARIABLE + driver_size + 1535),
        Hop("ARGO_TEMPLATE of the user's pod", "4.0", VARIABLE + patch_size + 2620),
        Hop("ARGO_TEMPLATE of the driver's pod", "3.5", VARIABLE + driver_size + size(go_json(inputs)) + 1000),
        Hop("ARGO_TEMPLATE of the user's pod", "3.5", VARIABLE + 2 * patch_size + 2190),  # it holds the patch twice
    ]


def longest(compiled: str, argo: Argo, metrics: int = METRICS) -> Hop:
    """The longest string on an Argo generation."""
    return max((hop for hop in hops(compiled, metrics=metrics) if hop.argo in ("", argo)), key=lambda hop: hop.size)


def workflow_object(compiled: str, iterations: int = 1) -> WorkflowObject:
    """Weigh a run's Workflow object at its end, as KFP 2.17 makes it.

    A step's texts stand in the workflow's arguments, and in the nodes of each of its runs: of the driver two, of the
    executor four, since KFP 2.17's ConfigMap gives every template a retry, which is a node more (measured).

    Args:
        compiled: The YAML that KFP's compiler wrote.
        iterations: How often a loop runs.

    Returns:
        The object.
    """
    arguments: list[str] = []
    nodes: dict[str, JSON] = {}
    for step in steps(compiled, iterations):
        texts = {"component": go_json(step.component), "container": go_json(step.container)}
        patch = [{"name": "pod-spec-patch", "value": step.patch(METRICS)}]
        arguments += texts.values()
        for number, task in enumerate(step.tasks):
            arguments.append(go_json(task))
            given = [{"name": name, "value": value} for name, value in {**texts, "task": go_json(task)}.items()]
            driver = {"inputs": {"parameters": given}, "outputs": {"parameters": patch}, "more": "y" * 900}
            executor = {"inputs": {"parameters": patch}, "more": "y" * 900}
            for copy, node in enumerate([driver] * 2 + [executor] * 4):
                nodes[f"{zlib.crc32(f'{step.name} {number} {copy}'.encode()):08x}"] = node
    text = go_json(nodes)
    rest = size(go_json(arguments)) + 20_000
    return WorkflowObject(rest + size(text), rest + len(base64.b64encode(gzip.compress(text.encode()))))


def steps(compiled: str, iterations: int = 1) -> list[Step]:
    """The steps of a compiled pipeline whose loops run so often."""
    import yaml

    specification = next(iter(yaml.safe_load_all(compiled)))
    executors, tasks = specification["deploymentSpec"]["executors"], runs(specification, "root", iterations)
    found = []
    for name, component in specification["components"].items():
        container = executors.get(component.get("executorLabel"), {}).get("container")
        if container:
            own = tuple(task for task in tasks if task["componentRef"]["name"] == name)
            found.append(Step(name, component, container, own))
    return found


def runs(specification: JSON, name: str, iterations: int) -> list[JSON]:
    """The tasks of a DAG and of the DAGs in it, each as often as it runs."""
    dag = (specification["components"] | {"root": specification["root"]})[name].get("dag", {})
    found: list[JSON] = []
    for task in dag.get("tasks", {}).values():
        inner = runs(specification, task["componentRef"]["name"], iterations) or [task]
        found += inner * (iterations if "parameterIterator" in task else 1)
    return found


def go_json(value: Any) -> str:
    """JSON as Go's encoding/json writes it."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def proto_json(value: Any) -> str:
    """JSON as Go's protojson may write it: with blanks, and nothing of HTML escaped."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(", ", ":"))


def size(text: str) -> int:
    """A text's bytes."""
    return len(text.encode())


def executor_input(component: JSON, metrics: int) -> str:
    """What a run fills in: defaults or 50 characters, and for each artifact an address and an object store's data."""
    inputs = component.get("inputDefinitions", {})
    declared = inputs.get("artifacts", {})
    measured = {f"_-_college_subject_{number:04}_acc_stderr,none": 0.123456 + number / 1e6 for number in range(metrics)}
    keys = ("accessKeyKey", "disableSSL", "endpoint", "fromEnv", "region", "secretKeyKey", "secretName")
    session = go_json(dict.fromkeys(keys, "x" * 16))
    kinds = {name: given.get("artifactType", {}) for name, given in declared.items()}
    evaluation = [name for name, kind in kinds.items() if kind.get("schemaTitle") == "system.Metrics"][-1:]
    artifacts = {}
    for name, kind in kinds.items():
        metadata = {"accuracy": 0.98, "store_session_info": session} | (measured if name in evaluation else {})
        artifacts[name] = {"artifacts": [{"name": name, "type": kind, "uri": "x" * 170, "metadata": metadata}]}
    parameters = {name: given.get("defaultValue") or "x" * 50 for name, given in inputs.get("parameters", {}).items()}
    returned = {
        name: {"outputFile": f"/tmp/kfp/outputs/{name}"}
        for name in component.get("outputDefinitions", {}).get("parameters", {})
    }
    return proto_json(
        {
            "inputs": {"artifacts": artifacts, "parameterValues": parameters},
            "outputs": {"parameters": returned, "outputFile": "/tmp/kfp_outputs/output_metadata.json"},
        }
    )
