"""Which run made the model: what the caller left empty is found, or unknown in one plain line."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kfp_model_registry import component
from kubernetes_api import KubernetesApi, claim_volume, ephemeral_volume, mount, pod, workflow

POD = "train-x7k2p-system-container-impl-3961"
EVERYTHING = ["namespace", "run_id", "run_name"]
NOTHING_GIVEN = {"pipeline_name": "", "run_id": "", "run_name": "", "namespace": ""}


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubernetesApi]:
    """The cluster, seen from a pod of the run "nightly 12"."""
    with KubernetesApi(tmp_path, namespace="team-a") as api:
        for name, value in {**api.environment, "KFP_POD_NAME": POD}.items():
            monkeypatch.setenv(name, value)
        api.pods[POD] = pod(POD, "train-x7k2p", "0a1b-run")
        api.workflows["train-x7k2p"] = workflow("train-x7k2p", "nightly 12")
        yield api


def observe(api: KubernetesApi, missing: list[str], claims: bool = False, seconds: float = 10.0) -> Any:
    return component.observe_cluster(missing, claims, account_dir=api.account_dir, seconds=seconds)


def test_namespace_run_and_its_display_name_are_found_in_two_calls(cluster: KubernetesApi) -> None:
    seen, remarks = observe(cluster, EVERYTHING, claims=True)
    found = {name: seen[name] for name in ("in_cluster", "namespace", "run_id", "run_name", "workflow")}
    assert found == {
        "in_cluster": True,
        "namespace": "team-a",
        "run_id": "0a1b-run",
        "run_name": "nightly 12",
        "workflow": "train-x7k2p",
    }
    assert remarks == []
    assert cluster.requests == [
        f"/api/v1/namespaces/team-a/pods/{POD}",
        "/apis/argoproj.io/v1alpha1/namespaces/team-a/workflows/train-x7k2p",
    ]


@pytest.mark.parametrize(
    ("missing", "claims", "calls"),
    [([], False, 0), (["namespace"], False, 0), ([], True, 1), (["run_id"], False, 1), (["run_name"], False, 2)],
)
def test_the_api_is_asked_only_for_what_nothing_nearer_tells(
    cluster: KubernetesApi, missing: list[str], claims: bool, calls: int
) -> None:
    seen, remarks = observe(cluster, missing, claims)
    assert (len(cluster.requests), seen["namespace"], remarks) == (calls, "team-a", [])


def test_hostname_names_the_pod_where_kfp_does_not(cluster: KubernetesApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KFP_POD_NAME")
    monkeypatch.setenv("HOSTNAME", POD)
    assert observe(cluster, ["run_id"])[0]["run_id"] == "0a1b-run"


def test_without_any_name_of_the_pod_nothing_is_asked(cluster: KubernetesApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KFP_POD_NAME")
    monkeypatch.delenv("HOSTNAME", raising=False)
    _, remarks = observe(cluster, ["run_id"])
    assert (remarks, cluster.requests) == (
        ["Unknown: run ID, since neither KFP_POD_NAME nor HOSTNAME names this pod."],
        [],
    )


@pytest.mark.parametrize("code", [401, 403, 404, 429, 500, 503])
def test_without_the_right_to_read_the_run_is_unknown_in_one_line(cluster: KubernetesApi, code: int) -> None:
    cluster.answers = {"pods": code}
    seen, remarks = observe(cluster, EVERYTHING, claims=True)
    assert (seen["namespace"], seen["run_id"], seen["run_name"], seen["mounts"]) == ("team-a", "", "", [])
    assert len(remarks) == 1
    assert "\n" not in remarks[0]
    assert remarks[0].startswith("Unknown: run ID, run name, volume claims, since the Kubernetes API gave no ")
    assert f"/pods/{POD}: HTTP {code}" in remarks[0]
    assert len(cluster.requests) == 1, "a refused call is not retried, nor followed by another"


def test_what_the_pod_tells_is_kept_when_the_workflow_is_forbidden(cluster: KubernetesApi) -> None:
    cluster.answers = {"workflows": 403}
    seen, remarks = observe(cluster, EVERYTHING)
    assert (seen["run_id"], seen["run_name"]) == ("0a1b-run", "")
    assert len(remarks) == 1
    assert remarks[0].startswith("Unknown: run name, since ")
    assert "workflows/train-x7k2p: HTTP 403" in remarks[0]


@pytest.mark.parametrize("trouble", ["hang", "drip", "drop", "html"])
def test_a_sick_api_server_costs_one_line(cluster: KubernetesApi, trouble: str) -> None:
    cluster.answers = {"pods": trouble}
    seen, remarks = observe(cluster, ["run_id"], seconds=0.3)
    assert (seen["run_id"], len(remarks), len(cluster.requests)) == ("", 1, 1)


@pytest.mark.parametrize("trouble", ["hang", "drip"])
def test_each_call_waits_for_ten_seconds_at_most(cluster: KubernetesApi, trouble: str) -> None:
    cluster.answers = {"pods": trouble}
    _, remarks = observe(cluster, ["run_id"], seconds=0.3)
    assert "Timeout" in remarks[0]
    assert inspect.signature(component.observe_cluster).parameters["seconds"].default == 10


def test_an_api_server_that_nobody_vouches_for_is_not_believed(cluster: KubernetesApi, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with KubernetesApi(elsewhere) as other:
        (tmp_path / "ca.crt").write_bytes(Path(other.account_dir, "ca.crt").read_bytes())
        seen, remarks = observe(cluster, ["run_id"])
    assert (seen["run_id"], cluster.requests) == ("", [])
    assert "SSL" in remarks[0]


def test_no_api_server_at_all_costs_one_line(cluster: KubernetesApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "1")
    seen, remarks = observe(cluster, ["run_id"])
    assert (seen["run_id"], len(remarks)) == ("", 1)


def test_a_pod_without_labels_is_no_pipeline_s_pod(cluster: KubernetesApi) -> None:
    cluster.pods[POD] = pod(POD)
    _, remarks = observe(cluster, EVERYTHING)
    assert remarks == [f"Unknown: run ID, run name, since pod {POD} lacks the labels of a pipeline's pod."]


def test_a_workflow_without_the_annotation_has_no_display_name(cluster: KubernetesApi) -> None:
    cluster.workflows["train-x7k2p"] = workflow("train-x7k2p")
    _, remarks = observe(cluster, EVERYTHING)
    assert remarks == [
        "Unknown: run name, since workflow train-x7k2p lacks the annotation pipelines.kubeflow.org/run_name."
    ]


def test_a_pod_without_a_service_account_goes_on(cluster: KubernetesApi, tmp_path: Path) -> None:
    seen, remarks = component.observe_cluster(EVERYTHING, True, account_dir=str(tmp_path / "none"))
    assert (seen["in_cluster"], seen["namespace"], cluster.requests) == (True, "", [])
    assert len(remarks) == 1
    assert remarks[0].startswith("Unknown: namespace, run ID, run name, volume claims, since ")


def test_outside_a_cluster_no_kubeconfig_is_consulted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with KubernetesApi(tmp_path) as laptop:
        server = f"https://127.0.0.1:{laptop.environment['KUBERNETES_SERVICE_PORT']}"
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
            f"clusters: [{{name: c, cluster: {{server: '{server}', insecure-skip-tls-verify: true}}}}]\n"
            "users: [{name: u, user: {token: pod-token}}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n"
        )
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
        monkeypatch.setenv("KFP_POD_NAME", POD)
        seen, _ = component.observe_cluster(EVERYTHING, True, account_dir=laptop.account_dir)
        assert (seen["in_cluster"], seen["namespace"], seen["run_id"], laptop.requests) == (False, "", "", [])


def test_the_client_is_imported_only_when_something_is_missing(cluster: KubernetesApi) -> None:
    # The helpers' source alone, as a pod gets it: kfp itself, outside a pod, imports the client.
    helpers = [function for _, function in inspect.getmembers(component, inspect.isfunction)]
    script = "\n".join(
        [
            "import sys",
            "from typing import *",
            *(inspect.getsource(helper) for helper in helpers if helper.__module__ == component.__name__),
            f"observe_cluster(sys.argv[1:], False, account_dir={cluster.account_dir!r})",
            "print('kubernetes' in sys.modules)",
        ]
    )
    printed = {
        missing: subprocess.check_output([sys.executable, "-", missing], input=script, text=True).strip()
        for missing in ("namespace", "run_id")
    }
    assert printed == {"namespace": "False", "run_id": "True"}


VOLUMES = [
    claim_volume("data", "team-models"),
    claim_volume("ws", "train-x7k2p-kfp-workspace"),
    ephemeral_volume("tmp"),
]


def test_mounts_name_their_claims(cluster: KubernetesApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUN", "r1")
    mounts = [
        mount("data", "/mnt/models", subPath="llm"),
        mount("ws", "/kfp-workspace"),
        mount("tmp", "/scratch"),
        mount("data", "/mnt/runs", subPathExpr="runs/$(RUN)/$(UNSET_HERE)"),
    ]
    cluster.pods[POD] = pod(POD, "train-x7k2p", "0a1b-run", VOLUMES, mounts)
    seen, remarks = observe(cluster, [], claims=True)
    assert remarks == []
    assert seen["mounts"] == [
        {"mount_path": "/kfp-launcher", "sub_path": "", "claim": "", "lasting": True},
        {"mount_path": "/mnt/models", "sub_path": "llm", "claim": "team-models", "lasting": True},
        {"mount_path": "/kfp-workspace", "sub_path": "", "claim": "train-x7k2p-kfp-workspace", "lasting": False},
        {"mount_path": "/scratch", "sub_path": "", "claim": f"{POD}-tmp", "lasting": False},
        {"mount_path": "/mnt/runs", "sub_path": "runs/r1/$(UNSET_HERE)", "claim": "team-models", "lasting": True},
    ]


def test_in_a_notebook_s_pod_every_container_counts(cluster: KubernetesApi) -> None:
    cluster.pods[POD] = pod(POD, volumes=VOLUMES, mounts=[mount("data", "/home/me")], container="notebook")
    seen, _ = observe(cluster, [], claims=True)
    assert {given["mount_path"]: given["claim"] for given in seen["mounts"]}["/home/me"] == "team-models"


SEEN = {
    "in_cluster": True,
    "namespace": "team-a",
    "run_id": "0a1b-run",
    "run_name": "nightly 12",
    "workflow": "w",
    "mounts": [],
}
LAPTOP = {"in_cluster": False, "namespace": "", "run_id": "", "run_name": "", "workflow": "", "mounts": []}


def test_the_cluster_completes_what_the_caller_left_empty() -> None:
    given = {"pipeline_name": "train", "run_id": "", "run_name": "by hand", "namespace": ""}
    assert component.trace_run(given, SEEN) == (
        {"pipeline_name": "train", "run_id": "0a1b-run", "run_name": "by hand", "namespace": "team-a"},
        [],
    )


def test_outside_a_cluster_one_line_says_what_is_unknown() -> None:
    assert component.trace_run({**NOTHING_GIVEN, "run_name": "local"}, LAPTOP) == (
        {**NOTHING_GIVEN, "run_name": "local"},
        ["Unknown: namespace, run ID, since this runs outside a cluster."],
    )


def test_in_a_cluster_what_is_unknown_is_not_said_twice() -> None:
    assert component.trace_run(NOTHING_GIVEN, {**LAPTOP, "in_cluster": True}) == (NOTHING_GIVEN, [])


def test_nothing_is_said_where_nothing_is_missing() -> None:
    given = {"pipeline_name": "", "run_id": "r", "run_name": "n", "namespace": "ns"}
    assert component.trace_run(given, LAPTOP) == (given, [])


RUN = {"pipeline_name": "train", "run_id": "0a1b-run", "run_name": "nightly 12", "namespace": "team-a"}
KFP = {"modelSourceKind": "kfp", "modelSourceClass": "pipelinerun"}


@pytest.mark.parametrize(
    ("known", "source"),
    [
        (RUN, {**KFP, "modelSourceGroup": "team-a", "modelSourceId": "0a1b-run", "modelSourceName": "nightly 12"}),
        (
            {**RUN, "run_name": ""},
            {**KFP, "modelSourceGroup": "team-a", "modelSourceId": "0a1b-run", "modelSourceName": "train"},
        ),
        ({**NOTHING_GIVEN, "run_id": "0a1b-run"}, {**KFP, "modelSourceId": "0a1b-run"}),
        (NOTHING_GIVEN, KFP),
    ],
)
def test_the_artifact_names_the_run_that_dashboards_link_to(known: dict[str, str], source: dict[str, str]) -> None:
    assert component.model_source(known) == source


def test_the_version_names_the_run_and_the_base_model() -> None:
    assert component.run_properties(RUN, "toy-org/toy-model") == {
        "pipeline_name": "train",
        "pipeline_run_id": "0a1b-run",
        "pipeline_run_name": "nightly 12",
        "pipeline_namespace": "team-a",
        "base_model": "toy-org/toy-model",
    }


def test_the_version_has_no_empty_properties_as_the_ui_shows_them_as_labels() -> None:
    assert component.run_properties({**NOTHING_GIVEN, "pipeline_name": "train"}, "") == {"pipeline_name": "train"}


@pytest.mark.parametrize("odd", ["labels", "spec", "metadata", "volumes"])
def test_an_odd_pod_costs_no_registration(cluster: KubernetesApi, odd: str) -> None:
    described = cluster.pods[POD]
    if odd in described:
        described[odd] = ["no", "object"]
    elif odd == "labels":
        described["metadata"]["labels"] = "none"
    else:
        described["spec"]["volumes"] = ["none"]
    seen, remarks = observe(cluster, EVERYTHING, claims=True)
    assert seen["namespace"] == "team-a"
    assert len(remarks) == 1


def test_without_the_client_the_run_is_unknown(cluster: KubernetesApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    seen, (remark,) = observe(cluster, EVERYTHING)
    assert seen["run_id"] == ""
    assert "kubernetes" in remark
