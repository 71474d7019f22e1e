"""Which run made the model: what the caller left empty is found, or unknown in one plain line."""

# ruff: noqa: D103

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from .kubernetes_api import KubernetesApi, claim_volume, ephemeral_volume, mount, pod, workflow
from .subject import cluster as edge
from .subject import location, provenance

Pod: Any = edge.Pod
Mount: Any = location.Mount
Run: Any = provenance.Run
custom_properties = provenance.custom_properties
filled = provenance.filled
model_source = provenance.model_source
run_properties = provenance.run_properties
traced = provenance.traced

POD = "train-x7k2p-system-container-impl-3961"
NOTHING = Run()
RUN = Run("train", "0a1b-run", "nightly 12", "team-a", "train-x7k2p")


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubernetesApi]:
    """The cluster, seen from a pod of the run "nightly 12"."""
    with KubernetesApi(tmp_path, namespace="team-a") as api:
        for name, value in {**api.environment, "KFP_POD_NAME": POD}.items():
            monkeypatch.setenv(name, value)
        api.pods[POD] = pod(POD, "train-x7k2p", "0a1b-run")
        api.workflows["train-x7k2p"] = workflow("train-x7k2p", "nightly 12")
        yield api


def observe(api: KubernetesApi, given: Run = NOTHING, claims: bool = False) -> Pod:
    return edge.observe(given, claims, api.account_dir)


def without(*facts: str) -> Run:
    """What a caller says who leaves these facts to the cluster."""
    return Run(**{name: "" if name in facts else "given" for name in ("pipeline_name", "id", "name", "namespace")})


def test_namespace_run_and_its_display_name_are_found_in_two_calls(
    cluster: KubernetesApi, caplog: pytest.LogCaptureFixture
) -> None:
    seen = observe(cluster, claims=True)
    assert seen.run == Run("", "0a1b-run", "nightly 12", "team-a", "train-x7k2p")
    assert caplog.messages == []
    assert cluster.requests == [
        f"/api/v1/namespaces/team-a/pods/{POD}",
        "/apis/argoproj.io/v1alpha1/namespaces/team-a/workflows/train-x7k2p",
    ]


@pytest.mark.parametrize(
    ("missing", "claims", "calls"),
    [((), False, 0), (("namespace",), False, 0), ((), True, 1), (("id",), False, 1), (("name",), False, 2)],
)
def test_the_api_is_asked_only_for_what_nothing_nearer_tells(
    cluster: KubernetesApi, caplog: pytest.LogCaptureFixture, missing: tuple[str, ...], claims: bool, calls: int
) -> None:
    seen = observe(cluster, without(*missing), claims)
    assert (len(cluster.requests), seen.run.namespace, caplog.messages) == (calls, "team-a", [])


def test_hostname_names_the_pod_where_kfp_does_not(cluster: KubernetesApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KFP_POD_NAME")
    monkeypatch.setenv("HOSTNAME", POD)
    assert observe(cluster, without("id")).run.id == "0a1b-run"


@pytest.mark.parametrize("code", [401, 403, 404, 429, 500, 503])
def test_without_the_right_to_read_the_run_is_unknown_in_one_line(
    cluster: KubernetesApi, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    cluster.answers = {"pods": code}
    assert observe(cluster, claims=True) == Pod(Run(namespace="team-a"), ())
    assert caplog.messages == [
        f"Unknown: run ID, run name, volume claims, since /api/v1/namespaces/team-a/pods/{POD} gave HTTP {code}."
    ]
    assert len(cluster.requests) == 1, "a refused call is not retried, nor followed by another"


def test_what_the_pod_tells_is_kept_when_the_workflow_is_forbidden(
    cluster: KubernetesApi, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.answers = {"workflows": 403}
    seen = observe(cluster)
    assert (seen.run.id, seen.run.resource_name, seen.run.name) == ("0a1b-run", "train-x7k2p", "")
    (remark,) = caplog.messages
    assert remark.startswith("Unknown: run name, since ")
    assert "workflows/train-x7k2p gave HTTP 403." in remark


@pytest.mark.parametrize("trouble", ["hang", "drop", "html"])
def test_a_sick_api_server_costs_one_line(
    cluster: KubernetesApi, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    monkeypatch.setattr(edge, "SECONDS", 0.3)
    cluster.answers = {"pods": trouble}
    seen = observe(cluster, without("id"))
    assert (seen.run.id, len(caplog.messages), len(cluster.requests)) == ("", 1, 1)


def test_each_call_waits_for_ten_seconds_at_most(
    cluster: KubernetesApi, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert edge.SECONDS == 10
    monkeypatch.setattr(edge, "SECONDS", 0.3)
    cluster.answers = {"pods": "hang"}
    observe(cluster, without("id"))
    assert "Timeout" in caplog.messages[0]


def test_an_api_server_that_nobody_vouches_for_is_not_believed(
    cluster: KubernetesApi, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with KubernetesApi(elsewhere) as other:
        (tmp_path / "ca.crt").write_bytes(Path(other.account_dir, "ca.crt").read_bytes())
        seen = observe(cluster, without("id"))
    assert (seen.run.id, cluster.requests) == ("", [])
    assert "SSL" in caplog.messages[0]
    assert "\n" not in caplog.messages[0]


def test_no_api_server_at_all_costs_one_line(
    cluster: KubernetesApi, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "1")
    seen = observe(cluster, without("id"))
    assert (seen.run.id, len(caplog.messages)) == ("", 1)


def test_a_pod_without_labels_is_no_pipeline_s_pod(cluster: KubernetesApi, caplog: pytest.LogCaptureFixture) -> None:
    cluster.pods[POD] = pod(POD)
    observe(cluster)
    assert caplog.messages == ["Unknown: run ID, run name, since pod and workflow do not say."]


def test_a_workflow_without_the_annotation_has_no_display_name(
    cluster: KubernetesApi, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.workflows["train-x7k2p"] = workflow("train-x7k2p")
    observe(cluster)
    assert caplog.messages == ["Unknown: run name, since pod and workflow do not say."]


def test_a_pod_without_a_service_account_goes_on(
    cluster: KubernetesApi, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    assert edge.observe(NOTHING, True, str(tmp_path / "none")) == Pod(Run(), ())
    assert cluster.requests == []
    (remark,) = caplog.messages
    assert remark.startswith("Unknown: namespace, run ID, run name, volume claims, since ")


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
        assert observe(laptop, claims=True) == Pod(Run(), None)
        assert laptop.requests == []


@pytest.mark.parametrize(("missing", "imported"), [("namespace", "False"), ("id", "True")])
def test_the_client_is_imported_only_when_something_is_missing(
    cluster: KubernetesApi, missing: str, imported: str
) -> None:
    # In a process of its own, as a pod has it: kfp itself, outside a pod, imports the client.
    script = (
        "import sys\nfrom shared import cluster\nfrom shared.provenance import Run\n"
        f"cluster.observe(Run(**{{**dict(id='r', name='n', namespace='ns'), {missing!r}: ''}}), False, sys.argv[1])\n"
        "print('kubernetes' in sys.modules)"
    )
    root = Path(edge.__file__).parents[1]
    command = [sys.executable, "-c", script, cluster.account_dir]
    assert subprocess.check_output(command, text=True, cwd=root).strip() == imported


VOLUMES = [
    claim_volume("data", "team-models"),
    claim_volume("ws", "train-x7k2p-kfp-workspace"),
    ephemeral_volume("tmp"),
]


def test_mounts_name_their_claims(cluster: KubernetesApi, caplog: pytest.LogCaptureFixture) -> None:
    mounts = [
        mount("data", "/mnt/models", subPath="llm"),
        mount("ws", "/kfp-workspace"),
        mount("tmp", "/scratch"),
    ]
    cluster.pods[POD] = pod(POD, "train-x7k2p", "0a1b-run", VOLUMES, mounts)
    seen = observe(cluster, RUN, claims=True)
    assert caplog.messages == []
    assert set(seen.mounts or ()) >= {
        Mount("/kfp-launcher", "", "", True),
        Mount("/mnt/models", "llm", "team-models", True),
        Mount("/kfp-workspace", "", "train-x7k2p-kfp-workspace", False),
        Mount("/scratch", "", f"{POD}-tmp", False),
    }
    # Argo's sidecar has the same volumes, in folders of its own.
    assert location.path_location("/mnt/models/m", seen.mounts) == "pvc://team-models/llm/m"


def test_in_a_notebook_s_pod_every_container_counts(cluster: KubernetesApi) -> None:
    cluster.pods[POD] = pod(POD, volumes=VOLUMES, mounts=[mount("data", "/home/me")], container="notebook")
    seen = observe(cluster, RUN, claims=True)
    assert {found.path: found.claim for found in seen.mounts or ()}["/home/me"] == "team-models"


@pytest.mark.parametrize("odd", ["labels", "spec", "metadata", "volumes"])
def test_an_odd_pod_costs_no_registration(cluster: KubernetesApi, caplog: pytest.LogCaptureFixture, odd: str) -> None:
    described = cluster.pods[POD]
    if odd in described:
        described[odd] = ["no", "object"]
    elif odd == "labels":
        described["metadata"]["labels"] = "none"
    else:
        described["spec"]["volumes"] = ["none"]
    assert observe(cluster, claims=True).run.namespace == "team-a"
    assert len(caplog.messages) == 1


def test_without_the_client_the_run_is_unknown(
    cluster: KubernetesApi, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    assert observe(cluster).run.id == ""
    (remark,) = caplog.messages
    assert "kubernetes" in remark


def test_outside_a_cluster_one_line_says_what_is_unknown(caplog: pytest.LogCaptureFixture) -> None:
    edge.observe(Run(name="local"), True)
    assert caplog.messages == ["Unknown: namespace, run ID, since this runs outside a cluster."]


def test_nothing_is_said_where_nothing_is_missing(caplog: pytest.LogCaptureFixture) -> None:
    edge.observe(without("pipeline_name"), True)
    assert caplog.messages == []


def test_the_cluster_completes_what_the_caller_left_empty() -> None:
    seen = Run("", "0a1b-run", "nightly 12", "team-a", "train-x7k2p")
    assert traced(Run("train", name="by hand"), seen) == Run("train", "0a1b-run", "by hand", "team-a", "train-x7k2p")


KFP = {"modelSourceKind": "kfp", "modelSourceClass": "pipelinerun"}
NAMES = {"modelSourceGroup": "team-a", "modelSourceId": "0a1b-run"}


@pytest.mark.parametrize(
    ("known", "source"),
    [
        (RUN, {**KFP, **NAMES, "modelSourceName": "nightly 12"}),
        (Run("train", "0a1b-run", "", "team-a"), {**KFP, **NAMES, "modelSourceName": "train"}),
        (Run(id="0a1b-run"), {**KFP, "modelSourceId": "0a1b-run"}),
        (Run(name="password=hunter2"), {**KFP, "modelSourceName": "password=[REDACTED]"}),
        (NOTHING, KFP),
    ],
)
def test_the_artifact_names_the_run_that_dashboards_link_to(known: Run, source: dict[str, str]) -> None:
    assert model_source(known) == source


@pytest.mark.parametrize("run_id", ["0a1b-run", "r" * 5000, "token=hunter2"])
def test_version_and_artifact_name_one_run(run_id: str) -> None:
    assert model_source(Run(id=run_id))["modelSourceId"] == run_properties(Run(id=run_id), {})["pipeline_run_id"]


def test_the_version_names_the_run_and_the_base_model() -> None:
    assert run_properties(RUN, {"model_name": "toy-org/toy-model"}) == {
        "pipeline_name": "train",
        "pipeline_run_id": "0a1b-run",
        "pipeline_run_name": "nightly 12",
        "pipeline_namespace": "team-a",
        "base_model": "toy-org/toy-model",
    }


def test_the_version_has_no_empty_properties_as_the_ui_shows_them_as_labels() -> None:
    assert run_properties(Run("train", name=" "), {}) == {"pipeline_name": "train"}


def test_what_names_the_run_is_published_without_secrets() -> None:
    assert run_properties(Run(name="password=hunter2"), {}) == {"pipeline_run_name": "password=[REDACTED]"}


# --- placeholders in custom properties ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (dsl.PIPELINE_JOB_ID_PLACEHOLDER, "0a1b-run"),
        (dsl.PIPELINE_JOB_NAME_PLACEHOLDER, "nightly 12"),
        (dsl.PIPELINE_JOB_RESOURCE_NAME_PLACEHOLDER, "train-x7k2p"),
        (f"https://kfp/#/runs/details/{dsl.PIPELINE_JOB_ID_PLACEHOLDER}", "https://kfp/#/runs/details/0a1b-run"),
        (f"{dsl.PIPELINE_JOB_ID_PLACEHOLDER} {dsl.PIPELINE_JOB_ID_PLACEHOLDER}", "0a1b-run 0a1b-run"),
        ("no placeholder {{here}}", "no placeholder {{here}}"),
        ("", ""),
        (dsl.PIPELINE_TASK_NAME_PLACEHOLDER, None),
        (f"{dsl.PIPELINE_JOB_ID_PLACEHOLDER} {dsl.PIPELINE_ROOT_PLACEHOLDER}", None),
        ("{{$.inputs.parameters['tier']}}", None),
        (dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER, None),
    ],
)
def test_what_is_known_of_the_run_is_filled_in(text: str, expected: str | None) -> None:
    assert filled(text, RUN) == expected


@pytest.mark.parametrize(
    "placeholder",
    [
        dsl.PIPELINE_JOB_ID_PLACEHOLDER,
        dsl.PIPELINE_JOB_NAME_PLACEHOLDER,
        dsl.PIPELINE_JOB_RESOURCE_NAME_PLACEHOLDER,
    ],
)
def test_an_unknown_fact_is_not_filled_in(placeholder: str) -> None:
    assert filled(f"run {placeholder}", NOTHING) is None


def test_custom_properties_that_keep_a_placeholder_are_left_out_with_one_remark(
    caplog: pytest.LogCaptureFixture,
) -> None:
    custom: dict[str, Any] = {
        "run": dsl.PIPELINE_JOB_ID_PLACEHOLDER,
        "task": dsl.PIPELINE_TASK_NAME_PLACEHOLDER,
        "root": dsl.PIPELINE_ROOT_PLACEHOLDER,
        "label": "",
        "stage": 3,
        "nothing": None,
        "links": [dsl.PIPELINE_TASK_NAME_PLACEHOLDER],
    }
    assert custom_properties(custom, RUN) == {"run": "0a1b-run", "label": "", "stage": 3}
    (remark,) = caplog.messages
    assert "4 (task, root, nothing, links)" in remark


def test_placeholders_are_filled_in_wherever_they_stand_in_a_list_or_dict() -> None:
    link = f"https://kfp/{dsl.PIPELINE_JOB_ID_PLACEHOLDER}"
    quoted = Run(id="0a1b-run", name='the "best" \\ run')
    custom = {
        "links": [{"run": link, "of": dsl.PIPELINE_JOB_NAME_PLACEHOLDER}],
        "name": dsl.PIPELINE_JOB_NAME_PLACEHOLDER,
    }
    assert custom_properties(custom, quoted) == {
        "links": json.dumps([{"run": "https://kfp/0a1b-run", "of": quoted.name}]),
        "name": quoted.name,
    }


def test_without_placeholders_nothing_is_said(caplog: pytest.LogCaptureFixture) -> None:
    assert custom_properties({"stage": "gold"}, NOTHING) == {"stage": "gold"}
    assert caplog.messages == []
