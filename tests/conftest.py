"""What every test may use, and what no test may see."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from kfp_model_registry import component
from local_registry import LocalRegistry

SURROUNDINGS = (
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("KF_PIPELINES_SA_TOKEN_PATH", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT", "KFP_POD_NAME"),
)


@pytest.fixture(autouse=True)
def no_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the developer's proxies, nor the pod that the tests may run in."""
    for name in SURROUNDINGS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def registry() -> Iterator[LocalRegistry]:
    """An empty registry of the test's own."""
    with LocalRegistry() as running:
        yield running


@pytest.fixture
def registry_url() -> Iterator[str]:
    """A registry to talk to over HTTP only: MODEL_REGISTRY_URL if set, else an empty one in memory."""
    given = os.environ.get("MODEL_REGISTRY_URL", "")
    if given:
        yield component.registry_base_url(given, 8080)
        return
    with LocalRegistry() as running:
        yield running.url
