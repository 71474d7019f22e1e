"""What every test may use, and what no test may see."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import pkgutil
import sys
import time
import uuid
from collections.abc import Iterator

import pytest
from _pytest.mark.expression import Expression

from .local_registry import LocalRegistry
from .plain_http import Http
from .subject import PACKAGE, shared

# In a pod the embedded package is `shared`: under that name the component's function finds the modules tested here.
sys.modules["shared"] = shared
for _module in pkgutil.iter_modules(shared.__path__):
    sys.modules[f"shared.{_module.name}"] = importlib.import_module(f"{PACKAGE}.shared.{_module.name}")

MARKS = (
    "registry: holds for any registry; `-m registry` runs it against the server that MODEL_REGISTRY_URL names",
    "deploy: downloads a registered model with KServe's own code (needs the deploy extra)",
)
SURROUNDINGS = (
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("KF_PIPELINES_SA_TOKEN_PATH", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT", "KFP_POD_NAME"),
)


def pytest_configure(config: pytest.Config) -> None:
    """The marks are known from wherever the tests are run; of generated examples each test has 60, however slow."""
    for mark in MARKS:
        config.addinivalue_line("markers", mark)
    with contextlib.suppress(ImportError):  # not every environment that runs some of the tests has it
        settings = importlib.import_module("hypothesis").settings
        settings.register_profile("any machine", deadline=None, max_examples=60)
        settings.load_profile("any machine")


def selects(mark_expression: str, *marks: str) -> bool:
    """Whether `-m` selects a test that has these marks."""

    def has(mark: str, /, **_: object) -> bool:
        return mark in marks

    return Expression.compile(mark_expression).evaluate(has)


@pytest.fixture(autouse=True)
def no_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the developer's proxies, nor the pod that the tests may run in."""
    for name in SURROUNDINGS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _remarks(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test can read the rooms' remarks as `caplog.messages`, until it calls the component, which prints them."""
    for name, value in {"handlers": [], "propagate": True}.items():
        monkeypatch.setattr(logging.getLogger("model_registry"), name, value)
    caplog.set_level(logging.INFO, "model_registry")


@pytest.fixture
def registry() -> Iterator[LocalRegistry]:
    """An empty registry of the test's own."""
    with LocalRegistry() as running:
        yield running


@pytest.fixture
def registry_url(pytestconfig: pytest.Config) -> Iterator[str]:
    """A registry to talk to over HTTP only: an empty one in memory, or the one that MODEL_REGISTRY_URL names.

    That one only where `-m` asks for tests because of their mark: who set the variable while trying the example, and
    then runs all tests, wants neither a server written to nor to wait for one that is gone.
    """
    given, asked = os.environ.get("MODEL_REGISTRY_URL", ""), pytestconfig.getoption("markexpr")
    if given and selects(asked, "registry") and not selects(asked):
        yield given.rstrip("/")
        return
    with LocalRegistry() as running:
        yield running.url


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits between tries, in seconds, which nobody waits for here."""
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    return waited


@pytest.fixture
def http(registry_url: str) -> Http:
    """A plain client of that registry."""
    return Http(registry_url)


@pytest.fixture
def name() -> str:
    """A name that no earlier run has used; `-` and no `_`, `%` or backslash."""
    return f"test-{uuid.uuid4().hex}"
