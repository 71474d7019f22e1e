"""OPERATIONS.md shows what is really printed: each error is made here, and its text must stand there.

The README's table of failures must know each of them.
"""

# ruff: noqa: D103

from __future__ import annotations

import functools
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .certificates import certificate
from .documents import BELOW, OPERATIONS, blocks, rows, section
from .local_registry import LocalRegistry, Request, encoded_error
from .registering import call, register
from .subject import address, session
from .test_connection import jwt

Surroundings = tuple[Path, pytest.MonkeyPatch]


def mount_tokens(surroundings: Surroundings, kfp: str = "") -> None:
    """Mount the account's own token, and KFP's if its audience is given; Kubernetes writes audiences as lists."""
    folder, patch = surroundings
    account = folder / "kubernetes.io/serviceaccount"
    audiences = {account: "https://kubernetes.default.svc"}
    if kfp:
        audiences[folder / "kubeflow/pipelines"] = kfp
        patch.setenv("KF_PIPELINES_SA_TOKEN_PATH", str(folder / "kubeflow/pipelines/token"))
    for mounted, audience in audiences.items():
        mounted.mkdir(parents=True)
        claims: dict[str, Any] = {"sub": "system:serviceaccount:team-a:pipeline-runner", "aud": [audience]}
        (mounted / "token").write_text(jwt(**claims))
    patch.setattr(address, "known_server", functools.partial(address.known_server, account=str(account)))


def bad_argument(surroundings: Surroundings) -> None:
    register("registry", registry_port=0)


def no_model(surroundings: Surroundings) -> None:
    register("registry", model_uri="", pvc_mount_path="/workspace")


def no_known_claim(surroundings: Surroundings) -> None:
    surroundings[1].setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    register("registry", model_uri="/mnt/models/digits")


def unreachable(surroundings: Surroundings) -> None:
    with LocalRegistry() as registry:
        gone = registry.url
    register(gone)


def no_answer_in_time(surroundings: Surroundings) -> None:
    import aiohttp

    ended = threading.Event()
    limit = aiohttp.ClientTimeout

    def wait(request: Request) -> None:
        ended.wait(30)

    surroundings[1].setattr(aiohttp, "ClientTimeout", lambda **limits: limit(**{**limits, "sock_read": 0.02}))
    with LocalRegistry() as registry:
        registry.inject(wait, times=100)
        try:
            register(registry.url)
        finally:
            ended.set()


def no_token(surroundings: Surroundings) -> None:
    with LocalRegistry(require_token="of somebody") as registry:
        register(registry.url)


def two_tokens_refused(surroundings: Surroundings) -> None:
    mount_tokens(surroundings, kfp="pipelines.kubeflow.org")
    no_token(surroundings)


def no_right(surroundings: Surroundings) -> None:
    mount_tokens(surroundings)
    with LocalRegistry(forbidden=True) as registry:
        register(registry.url)


def denied_by_the_mesh(surroundings: Surroundings) -> None:
    mount_tokens(surroundings)
    with LocalRegistry() as registry:
        registry.inject((403, "text/plain", b"RBAC: access denied"))
        register(registry.url)


def unknown_ca(surroundings: Surroundings) -> None:
    _, server = certificate(surroundings[0] / "server")
    other, _ = certificate(surroundings[0] / "other")
    with LocalRegistry(tls=server) as registry:
        register(registry.url, registry_ca_path=other)


def tls_port(surroundings: Surroundings) -> None:
    with LocalRegistry() as registry:
        registry.inject((400, "text/plain", b"Client sent an HTTP request to an HTTPS server.\n"))
        register(registry.url)


def login_page(surroundings: Surroundings) -> None:
    with LocalRegistry() as registry:
        registry.inject((200, "text/html", b"<html><title>Log in</title></html>"))
        register(registry.url)


def redirect(surroundings: Surroundings) -> None:
    with LocalRegistry() as registry:
        registry.inject(302, headers={"Location": "https://login.example.com/start"})
        register(registry.url)


def proxy_refuses(surroundings: Surroundings) -> None:
    with LocalRegistry() as proxy:
        surroundings[1].setenv("https_proxy", proxy.url)
        proxy.inject(403, match="CONNECT")
        register("https://registry.example.com")


def wrong_path(surroundings: Surroundings) -> None:
    with LocalRegistry(apis=()) as registry:
        register(registry.url)


def version_exists(surroundings: Surroundings) -> None:
    with LocalRegistry() as registry:
        register(registry.url, model_uri="gs://models/digits/monday")
        register(registry.url, model_uri="gs://models/digits/tuesday", source_pipeline_run_id="run-2")


def archived(surroundings: Surroundings) -> None:
    with LocalRegistry() as registry:
        registry.add_model("fine-tuned-model", state="ARCHIVED")
        register(registry.url)


def name_refused(surroundings: Surroundings) -> None:
    with LocalRegistry(collation="folding") as registry:
        register(registry.url, model_name="Digits")
        register(registry.url, model_name="digits")


def body_refused(surroundings: Surroundings) -> None:
    with LocalRegistry() as registry:
        said = encoded_error(400, "author: this server takes letters only")
        registry.inject((400, "application/json", said), match="POST .*/model_versions$|POST .*/versions$")
        register(registry.url)


def same_500(surroundings: Surroundings) -> None:
    mixed = (
        "Illegal mix of collations (latin1_swedish_ci,IMPLICIT) and (utf8mb4_general_ci,COERCIBLE) for operation '='"
    )
    said = encoded_error(500, f"Error 1267 (HY000): {mixed}")
    with LocalRegistry() as registry:
        registry.inject((500, "application/json", said), match="GET .*/registered_models", times=100)
        register(registry.url, model_name="模型")


def down_half_way(surroundings: Surroundings) -> None:
    with LocalRegistry() as registry:
        for number in range(4, 100):
            registry.inject(503, nth=number)
        register(registry.url)


def others_keep_winning(surroundings: Surroundings) -> None:
    with LocalRegistry() as registry:
        version = registry.add_version(registry.add_model("fine-tuned-model")["id"], "1.0.0")
        artifact = registry.add_artifact(version["id"], uri="gs://models/digits/monday")
        theirs = {"artifactType": "model-artifact", "uri": "gs://models/digits/tuesday", "state": "LIVE"}

        def undo(request: Request) -> None:
            call(registry.url, "PATCH", f"/model_artifacts/{artifact['id']}", theirs)

        registry.inject(undo, match="GET .*/artifacts", times=100)
        register(registry.url, on_existing_version="update")


SCENARIOS: dict[str, Callable[[Surroundings], Any]] = {
    "An argument cannot be used": bad_argument,
    "There is no model": no_model,
    "No claim is known to hold the model": no_known_claim,
    "Nobody listens at the address": unreachable,
    "The server does not answer in time": no_answer_in_time,
    "The server wants a token (401)": no_token,
    "The server refuses the tokens (401)": two_tokens_refused,
    "The service account may not (403)": no_right,
    "The service mesh denies access (403)": denied_by_the_mesh,
    "The certificate is not trusted": unknown_ca,
    "The port speaks TLS": tls_port,
    "The address is not the registry's": wrong_path,
    "A login page answers": login_page,
    "Another address answers": redirect,
    "The proxy refuses the way": proxy_refuses,
    "The version exists": version_exists,
    "The model or version is archived": archived,
    "The database folds names": name_refused,
    "The registry refuses what it got": body_refused,
    "The database cannot do it": same_500,
    "The server goes down half-way": down_half_way,
    "Others update the same version": others_keep_winning,
}


def printed(scenario: Callable[[Surroundings], Any], surroundings: Surroundings) -> str:
    """The last line of the step's log, with the parts that differ from run to run as in OPERATIONS.md."""
    surroundings[1].setattr("time.sleep", lambda seconds: None)
    with pytest.raises(Exception) as error:  # noqa: PT011 (which one it is stands there, too)
        scenario(surroundings)
    text = f"{error.typename}: {error.value}"
    text = re.sub(
        r"127\.0\.0\.1:\d+|'127\.0\.0\.1', \d+", "registry:8443" if "https://127" in text else "registry:8080", text
    )
    # Where nothing is shortened, a time-out costs half of the minute.
    text = re.sub(r"\(\d+ tries\)", "(2 tries)" if "no answer in time" in text else "(8 tries)", text)
    text = re.sub(r"/\S+/ca\.pem", "/etc/ours/ca.pem", text)
    return text.replace(str(surroundings[0]), "/var/run/secrets")


def shown_errors() -> dict[str, str]:
    """The errors that OPERATIONS.md shows, by heading; their lines are broken there."""
    below_headings = r"^### ([^\n]+)\n\n```text\n(.+?)\n```$"
    found = re.findall(below_headings, section(OPERATIONS, "What to do when"), re.MULTILINE | re.DOTALL)
    return {heading: " ".join(text.split()) for heading, text in found}


@pytest.mark.parametrize("when", SCENARIOS)
def test_the_document_shows_what_is_printed(when: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = printed(SCENARIOS[when], (tmp_path, monkeypatch))
    assert "\n" not in text
    assert shown_errors().get(when) == " ".join(text.split())


def test_the_document_shows_no_error_that_is_not_made_here() -> None:
    assert re.findall(r"^### (.+)$", section(OPERATIONS, "What to do when"), re.MULTILINE) == list(SCENARIOS)


def test_each_error_has_one_row_in_the_readmes_table_and_each_row_an_error() -> None:
    said = [re.findall("`([^`]+)`", cells[0]) for cells in rows(section(BELOW, "When it fails"))]
    errors = shown_errors()
    assert {when: sum(any(words in text for words in row) for row in said) for when, text in errors.items()} == (
        dict.fromkeys(errors, 1)
    )
    assert [words for row in said for words in row if not any(words in text for text in errors.values())] == []


def test_the_document_shows_how_a_wait_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    printed(unreachable, (tmp_path, monkeypatch))
    waits = [line for line in capsys.readouterr().out.splitlines() if "Waiting" in line]
    (shown,) = blocks(section(OPERATIONS, "What the step waits for"), "text")
    assert without_numbers(waits[0]) == without_numbers(shown.strip())
    assert f"at most {session.MOST_LOST_SECONDS:.0f} s more" in shown


def without_numbers(line: str) -> str:
    """A line with a mark in place of address, seconds and error number, which differ from run to run and system."""
    line = re.sub(r"127\.0\.0\.1:\d+|'127\.0\.0\.1', \d+", "registry:8080", line)
    return re.sub(r"\d+(\.\d+)? s\b|Errno \d+", "…", line)
