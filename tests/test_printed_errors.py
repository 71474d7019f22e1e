"""The README's "What to do when" shows what is really printed: each error is made here, its text must stand there."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from certificates import certificate
from kfp_model_registry import component
from local_registry import LocalRegistry, Request
from registering import register
from test_connection import TOKEN

README = (Path(component.__file__).parent / "README.md").read_text(encoding="utf-8")
Surroundings = tuple[Path, pytest.MonkeyPatch]


def unreachable(surroundings: Surroundings) -> str:
    with LocalRegistry() as registry:
        gone = registry.url
    register(gone)
    return gone


def no_answer_in_time(surroundings: Surroundings) -> None:
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
    with LocalRegistry(require_token=TOKEN) as registry:
        register(registry.url)


def no_right(surroundings: Surroundings) -> None:
    token = surroundings[0] / "token"
    token.write_text(TOKEN)
    surroundings[1].setenv("KF_PIPELINES_SA_TOKEN_PATH", str(token))
    with LocalRegistry(forbidden=True) as registry:
        register(registry.url)


def unknown_ca(surroundings: Surroundings) -> None:
    _, server = certificate(surroundings[0] / "server")
    other, _ = certificate(surroundings[0] / "other")
    with LocalRegistry(tls=server) as registry:
        register(registry.url, registry_ca_path=other)


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


def down_half_way(surroundings: Surroundings) -> None:
    with LocalRegistry() as registry:
        for number in range(4, 100):
            registry.inject(503, nth=number)
        register(registry.url)


SCENARIOS: dict[str, Callable[[Surroundings], Any]] = {
    "nobody listens at the address": unreachable,
    "the server does not answer in time": no_answer_in_time,
    "the server wants a token (401)": no_token,
    "the service account may not (403)": no_right,
    "the certificate is not trusted": unknown_ca,
    "the address is not the registry's": wrong_path,
    "the version exists": version_exists,
    "the model or version is archived": archived,
    "the database folds names": name_refused,
    "the server goes down half-way": down_half_way,
}


def printed(scenario: Callable[[Surroundings], Any], surroundings: Surroundings) -> str:
    """The last line of the step's log, with the parts that differ from run to run as in the README."""
    surroundings[1].setattr("time.sleep", lambda seconds: None)
    with pytest.raises(Exception) as error:  # noqa: PT011 (which one it is stands in the README)
        scenario(surroundings)
    text = f"{error.typename}: {error.value}"
    text = re.sub(
        r"127\.0\.0\.1:\d+|'127\.0\.0\.1', \d+", "registry:8443" if "https://127" in text else "registry:8080", text
    )
    # Where nothing is shortened, a time-out costs half of the minute.
    text = re.sub(r"\(\d+ tries\)", "(2 tries)" if "no answer in time" in text else "(8 tries)", text)
    return re.sub(r"/\S+/ca\.pem", "/etc/ours/ca.pem", text)


@pytest.mark.parametrize("when", SCENARIOS)
def test_the_readme_shows_what_is_printed(when: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = printed(SCENARIOS[when], (tmp_path, monkeypatch))
    assert "Next: " in text
    assert "\n" not in text
    assert f"**{when}**\n\n```text\n{text}\n```\n" in README.partition("## What to do when")[2]
