"""What is waited for, how long, and what is said meanwhile: a server that is restarted costs no registration."""

# ruff: noqa: D103

from __future__ import annotations

import json
import random
import time
from typing import Any

import pytest

from .local_registry import LocalRegistry, encoded_error
from .registering import holds_one_of_each, lines, register
from .subject import session

retry_pause = session.retry_pause

DATABASE_AWAY = (
    500,
    "application/json",
    b'{"code": "500", "message": "dial tcp 10.0.0.9:5432: connect: connection refused"}',
)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
@pytest.mark.parametrize("fault", ["drop_before", "drop_after", 503])
def test_a_server_that_stays_down_is_an_error_that_says_what_is_registered(
    registry: LocalRegistry, waits: list[float], fault: Any, number: int
) -> None:
    for nth in range(number, number + 99):
        registry.inject(fault, nth=nth)
    with pytest.raises(ConnectionError) as refused:
        register(registry.url)
    message = str(refused.value)
    assert registry.url in message
    assert "tries" in message
    assert "run this step again" in message
    assert ("Nothing was registered" in message) == (number < 3)
    assert ("the registered model 'fine-tuned-model' (ID 1)" in message) == (number > 2)
    assert ("version '1.0.0' (ID 2)" in message) == (number > 3)
    assert ("is not known" in message) == (number > 1)
    assert 250 < sum(waits) <= 300
    registry.injections.clear()
    assert register(registry.url) == "1"
    assert holds_one_of_each(registry)


def test_a_filter_that_is_blamed_for_the_databases_restart_is_asked_again(
    registry: LocalRegistry, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    message = "error listing model versions: invalid filter query, type mismatch or invalid value in comparison"
    answer = json.dumps({"code": "400", "message": f"{message}: bad request"}).encode()
    blamed, answered = (400, "application/json", answer), registry.answered
    monkeypatch.setattr(registry, "answered", lambda r: blamed if r.number == 1 else answered(r))
    assert register(registry.url) == "1"
    assert len(waits) == 1


@pytest.mark.parametrize("times", [1, 2, 6])
@pytest.mark.parametrize("number", [3, 4])
def test_a_new_registration_outlasts_a_database_that_restarts(
    registry: LocalRegistry, waits: list[float], number: int, times: int
) -> None:
    # For an ID that the server has just given it has a JSON 404 then, and lists are a 500 (measured).
    registry.inject(404, match="POST .*/(versions|artifacts)$", nth=number)
    for later in range(number + 1, number + times):
        registry.inject(404, match="POST", nth=later)
        registry.inject(DATABASE_AWAY, match="GET", nth=later)
    assert register(registry.url) == "1"
    assert holds_one_of_each(registry)
    assert sum(waits) < 300


@pytest.mark.parametrize("answer", [404, DATABASE_AWAY])
@pytest.mark.parametrize("what", ["POST .*/artifacts", "PATCH .*/model_versions/"])
def test_a_database_that_stays_away_is_an_outage(
    registry: LocalRegistry, waits: list[float], what: str, answer: Any
) -> None:
    changed: dict[str, str] = {}
    if "PATCH" in what:
        register(registry.url)
        changed = {"model_description": "Changed."}
    registry.inject(answer, match=what, times=100)
    with pytest.raises(ConnectionError, match=r"was done is not known.* Next: .* run this step again") as refused:
        register(registry.url, **changed)
    assert f"status {answer if answer == 404 else 500} when" in str(refused.value)
    assert 250 < sum(waits) <= 300
    registry.injections.clear()
    register(registry.url, **changed)
    assert holds_one_of_each(registry)


@pytest.mark.parametrize("where", ["GET .*/registered_models", "POST .*/registered_models$", "POST .*/artifacts"])
def test_a_500_is_waited_for_and_its_words_are_for_who_runs_the_database(
    registry: LocalRegistry, waits: list[float], where: str
) -> None:
    words = "Error 1267 (HY000): Illegal mix of collations (latin1_swedish_ci,IMPLICIT)"
    registry.inject((500, "application/json", encoded_error(500, words)), match=where, times=100)
    with pytest.raises(ConnectionError) as refused:
        register(registry.url)
    assert f"{words} (" in str(refused.value)
    assert "Next: show this message to who runs the registry and its database; then run" in str(refused.value)
    assert 250 < sum(waits) <= 300


@pytest.mark.parametrize(
    "answer", [(404, "text/plain", b""), (404, "text/html", b" \n"), (200, "application/json", b"")]
)
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_sidecar_that_has_no_routes_yet_is_waited_for(
    registry: LocalRegistry, waits: list[float], number: int, answer: Any
) -> None:
    for nth in range(number, number + 3):
        registry.inject(answer, nth=nth, headers={"server": "envoy"})
    assert register(registry.url) == "1"
    assert holds_one_of_each(registry)
    assert {line.split()[1].split("/")[0] for line in lines(registry)} == {"v1"}


def test_a_sidecar_that_never_gets_routes_is_an_outage(registry: LocalRegistry, waits: list[float]) -> None:
    registry.inject((404, "text/plain", b""), times=100, headers={"server": "envoy"})
    with pytest.raises(ConnectionError, match=r"answers with status 404 .* run this step again"):
        register(registry.url)
    assert 250 < sum(waits) <= 300


def test_each_wait_says_for_what_and_how_long_still(
    registry: LocalRegistry, waits: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    registry.inject(503, times=2, headers={"Retry-After": "70"})
    register(registry.url)
    said = [line for line in capsys.readouterr().out.splitlines() if "Waiting" in line]
    for line, left in zip(said, ("230", "160"), strict=True):
        assert line.startswith(
            f"INFO: Waiting 70.0 s, then for at most {left} s more: no usable answer from {registry.url} "
        )
        assert "status 503: injected" in line


def test_the_tries_of_a_request_lie_apart_further_and_further(
    registry: LocalRegistry, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "random", lambda: 0.5)
    registry.inject(503, times=4)
    register(registry.url)
    assert waits == [0.5, 1.0, 2.0, 4.0]


def test_a_longer_wait_than_is_left_is_an_error_at_once(registry: LocalRegistry, waits: list[float]) -> None:
    registry.inject(503, nth=1, headers={"Retry-After": "3600"})
    with pytest.raises(ConnectionError, match="status 503"):
        register(registry.url)
    assert not waits


@pytest.mark.parametrize(("retry_after", "expected"), [("", 4.0), ("1", 4.0), ("9", 9.0), (" 9 ", 9.0), ("soon", 4.0)])
def test_retry_after_is_honoured(retry_after: str, expected: float) -> None:
    assert retry_pause(3, retry_after, 0.5) == expected


def test_the_time_that_tries_take_counts_towards_the_five_minutes(
    registry: LocalRegistry, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: clock() + 120.0 * len(registry.requests))
    registry.inject(503, times=100)
    with pytest.raises(ConnectionError, match=r"\(3 tries\)"):
        register(registry.url)
    assert len(waits) == 2


def test_a_request_waits_5_s_for_a_connection_and_30_s_for_an_answer(
    registry: LocalRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    import aiohttp

    chosen: list[aiohttp.ClientTimeout] = []
    request = aiohttp.ClientSession.request

    def observed(session: aiohttp.ClientSession, *given: Any, **options: Any) -> Any:
        chosen.append(options["timeout"])
        return request(session, *given, **options)

    monkeypatch.setattr(aiohttp.ClientSession, "request", observed)
    register(registry.url)
    assert {(limit.sock_connect, limit.sock_read) for limit in chosen} == {(5, 30)}


def test_tries_back_off_and_spread() -> None:
    pauses = [retry_pause(attempt, "", 0.5) for attempt in range(8)]
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 16.0, 16.0]
    assert retry_pause(0, "", 0.0) < 0.5 < retry_pause(0, "", 0.99)


@pytest.mark.parametrize("number", [3, 4])
def test_a_gateway_that_loses_its_route_for_a_moment_costs_no_registration(
    registry: LocalRegistry, waits: list[float], number: int
) -> None:
    registry.inject((404, "text/plain", b"default backend - 404"), nth=number)
    assert register(registry.url) == "1"
    assert holds_one_of_each(registry)
