"""What a registration costs the server, what it survives, and what it says when it cannot go on."""

# ruff: noqa: D103

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from .local_registry import LocalRegistry, Request
from .registering import call, register, text, values
from .subject import registration, registry, session

semantic_version = registration.semantic_version
name_filter = registry.name_filter
retry_pause = session.retry_pause

FAULTS = "drop_before", "drop_after", "error_after", 500, 502, 503, 504, 429


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits between tries, in seconds, which nobody waits for here."""
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    return waited


def holds_one_of_each(registry: LocalRegistry) -> bool:
    return (len(registry.models()), len(registry.versions()), len(registry.artifacts())) == (1, 1, 1)


def lines(registry: LocalRegistry) -> list[str]:
    return [f"{request.method} {request.path.removeprefix('/api/model_registry/')}" for request in registry.requests]


def test_a_new_model_takes_four_requests_and_a_new_version_three_over_one_connection(registry: LocalRegistry) -> None:
    register(registry.url)
    assert lines(registry) == [
        "GET v1/registered_models",
        "POST v1/registered_models",
        "POST v1/registered_models/1/versions",
        "POST v1/model_versions/2/artifacts",
    ]
    assert registry.connections == 1
    register(registry.url, model_version="1.1.0")
    assert len(registry.requests) == 4 + 3
    assert registry.connections == 2


def test_a_rerun_sends_no_change(registry: LocalRegistry) -> None:
    register(registry.url)
    before = registry.versions(), registry.artifacts()
    register(registry.url)
    assert (registry.versions(), registry.artifacts()) == before
    assert "PATCH" not in {request.method for request in registry.requests}


def test_many_models_and_versions_cost_no_further_request(registry: LocalRegistry) -> None:
    for number in range(2000):
        registry.add_model(f"other-{number}")
    model = registry.add_model("fine-tuned-model")
    for number in range(2000):
        registry.add_version(model["id"], f"0.0.{number}")
    register(registry.url)
    assert len(registry.requests) == 3


def test_an_older_server_is_spoken_to_in_its_own_version() -> None:
    with LocalRegistry(apis=("v1alpha3",)) as registry:
        assert register(registry.url) == "1"
        assert [request.status for request in registry.requests] == [404, 200, 201, 201, 201]
        assert holds_one_of_each(registry)


def test_an_older_server_behind_a_gateway_that_says_404_in_json_is_found() -> None:
    with LocalRegistry(apis=("v1alpha3",)) as registry:
        registry.inject((404, "application/json", b'{"message": "no Route matched"}'), match="/v1/")
        assert register(registry.url) == "1"
        assert holds_one_of_each(registry)


def test_another_service_that_says_404_in_json_is_no_registry_whose_database_is_down(registry: LocalRegistry) -> None:
    registry.inject((404, "application/json", b'{"detail": "Not Found"}'), times=100)
    with pytest.raises(ConnectionError, match=r"serves neither Model Registry API.* Next: check the address"):
        register(registry.url)


def test_a_server_without_the_api_is_an_error_that_says_so(waits: list[float]) -> None:
    with LocalRegistry(apis=()) as registry:
        with pytest.raises(ConnectionError, match="serves neither Model Registry API") as refused:
            register(registry.url)
        assert registry.url in str(refused.value)
        assert "Nothing was registered." in str(refused.value)
        assert len(registry.requests) == 2
    assert not waits


@pytest.mark.parametrize(("fault", "number"), [*itertools.product(FAULTS, range(1, 5))])
def test_a_new_registration_survives_a_fault_at_every_request(
    registry: LocalRegistry, waits: list[float], fault: Any, number: int
) -> None:
    registry.inject(fault, nth=number, headers={"Retry-After": "7"} if fault == 429 else {})
    assert register(registry.url) == "1"
    assert holds_one_of_each(registry)
    # aiohttp itself repeats a GET at once whose kept-alive connection was dropped.
    assert len(waits) <= 1
    assert fault != 429 or waits == [7.0]
    assert register(registry.url) == "1"
    assert holds_one_of_each(registry)


@pytest.mark.parametrize(("fault", "number"), [*itertools.product(FAULTS, range(1, 7))])
def test_an_update_survives_a_fault_at_every_request(
    registry: LocalRegistry, waits: list[float], fault: Any, number: int
) -> None:
    model = registry.add_model("fine-tuned-model")
    version = registry.add_version(model["id"], "1.0.0", customProperties={"training_old": 1.0, "label": ""})
    registry.add_artifact(version["id"], uri="s3://old/model")
    registry.inject(fault, nth=number)
    for _ in range(2):
        register(registry.url, on_existing_version="update", model_uri="gs://new/model")
        assert holds_one_of_each(registry)
        assert registry.artifacts()[0]["uri"] == "gs://new/model"
        held = values(registry.versions()[0])
        assert held["pipeline_run_id"] == "run-1"
        assert "training_old" not in held
        assert held["label"] == ""
    assert len([line for line in lines(registry) if line.startswith("PATCH")]) >= 2


@pytest.mark.parametrize("number", [2, 3, 4])
def test_a_twin_that_was_faster_is_joined(registry: LocalRegistry, number: int) -> None:
    registry.inject("conflict", nth=number)
    assert register(registry.url) == "1"
    assert holds_one_of_each(registry)
    assert register(registry.url) == "1"
    assert holds_one_of_each(registry)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
@pytest.mark.parametrize("fault", ["drop_before", "drop_after", 503])
def test_a_server_that_stays_down_is_an_error_that_says_what_is_registered(
    registry: LocalRegistry, waits: list[float], fault: Any, number: int
) -> None:
    for nth in range(number, number + 40):
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
    assert 40 < sum(waits) <= 60
    registry.injections.clear()
    assert register(registry.url) == "1"
    assert holds_one_of_each(registry)


@pytest.mark.parametrize("status", [400, 401, 403, 422])
def test_what_the_server_decides_is_not_asked_again(registry: LocalRegistry, waits: list[float], status: int) -> None:
    registry.inject(status, nth=3)
    with pytest.raises((RuntimeError, PermissionError)) as refused:
        register(registry.url)
    assert len(registry.requests) == 3
    assert not waits
    assert "Registered so far: the registered model 'fine-tuned-model' (ID 1); the rest is not." in str(refused.value)


def test_a_server_that_explains_itself_in_a_bare_text_is_understood(
    registry: LocalRegistry, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    register(registry.url)
    missing, answered = (404, "application/json", b'"no such version"'), registry.answered
    monkeypatch.setattr(registry, "answered", lambda r: missing if r.method == "PATCH" else answered(r))
    with pytest.raises(RuntimeError, match=r"\(status 404, \d times\): no such version\."):
        register(registry.url, author="somebody else")


def test_a_filter_that_is_blamed_for_the_databases_restart_is_asked_again(
    registry: LocalRegistry, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    message = "error listing model versions: invalid filter query, type mismatch or invalid value in comparison"
    answer = json.dumps({"code": "400", "message": f"{message}: bad request"}).encode()
    blamed, answered = (400, "application/json", answer), registry.answered
    monkeypatch.setattr(registry, "answered", lambda r: blamed if r.number == 1 else answered(r))
    assert register(registry.url) == "1"
    assert len(waits) == 1


def test_what_the_server_has_no_name_for_is_not_asked_again(registry: LocalRegistry, waits: list[float]) -> None:
    registry.inject(404, match="POST .*/registered_models$")
    with pytest.raises(RuntimeError, match=r"refuses creating the registered model .* \(status 404\)"):
        register(registry.url)
    assert len(registry.requests) == 2
    assert not waits


DATABASE_AWAY = (
    500,
    "application/json",
    b'{"code": "500", "message": "dial tcp 10.0.0.9:5432: connect: connection refused"}',
)


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
    assert sum(waits) < 60


@pytest.mark.parametrize(
    "what", ["GET .*/model_versions/[0-9]+$", "PATCH .*/model_versions/", "PATCH .*/model_artifacts/"]
)
def test_an_update_outlasts_a_database_that_restarts(registry: LocalRegistry, waits: list[float], what: str) -> None:
    model = registry.add_model("fine-tuned-model")
    registry.add_artifact(registry.add_version(model["id"], "1.0.0")["id"], uri="gs://old/model")
    registry.inject(404, match=what, times=5)
    register(registry.url, on_existing_version="update", model_uri="gs://new/model")
    assert [artifact["uri"] for artifact in registry.artifacts()] == ["gs://new/model"]
    assert values(registry.versions()[0])["pipeline_run_id"] == "run-1"
    assert len(waits) == 5


def test_a_404_for_an_id_that_stays_points_at_the_database(registry: LocalRegistry, waits: list[float]) -> None:
    registry.inject(404, match="POST .*/artifacts", times=100)
    with pytest.raises(RuntimeError, match=r"whether the creation of the model artifact .* whether its database is up"):
        register(registry.url)
    assert 40 < sum(waits) <= 60
    assert holds_one_of_each(registry) is False
    registry.injections.clear()
    register(registry.url)
    assert holds_one_of_each(registry)


@pytest.mark.parametrize("words", ["Illegal mix of collations (latin1_swedish_ci,IMPLICIT)", "Incorrect string value"])
@pytest.mark.parametrize("where", ["GET .*/registered_models", "POST .*/registered_models$", "POST .*/artifacts"])
def test_a_500_that_stays_the_same_is_quoted_and_given_up_after_three_tries(
    registry: LocalRegistry, waits: list[float], words: str, where: str
) -> None:
    answer = json.dumps({"code": "500", "message": f"Error 1267 (HY000): {words}"}).encode()
    registry.inject((500, "application/json", answer), match=where, times=100)
    with pytest.raises(RuntimeError) as refused:
        register(registry.url)
    message = str(refused.value)
    assert f"(status 500, 3 times): Error 1267 (HY000): {words}" in message
    assert "that the server is up" not in message
    assert len(waits) == 2


def test_a_rerun_keeps_large_whole_numbers_without_sending_them_again(registry: LocalRegistry) -> None:
    # Hugging Face's total_flos is of that size; the server prints 333333333333333350 (measured).
    numbers = {"total_flos": 3.3333333333333335e17, "epochs": 26.0, "lr": 2e-5, "big": 1e25}
    register(registry.url, custom_properties=numbers)
    before = len(registry.requests)
    register(registry.url, custom_properties=numbers)
    assert "PATCH" not in {request.method for request in registry.requests[before:]}
    register(registry.url, custom_properties=numbers, source_pipeline_run_id="", source_pipeline_name="")
    assert "PATCH" not in {request.method for request in registry.requests[before:]}
    assert values(registry.versions()[0])["pipeline_run_id"] == "run-1"


def test_a_longer_wait_than_is_left_is_an_error_at_once(registry: LocalRegistry, waits: list[float]) -> None:
    registry.inject(503, nth=1, headers={"Retry-After": "3600"})
    with pytest.raises(ConnectionError, match="status 503"):
        register(registry.url)
    assert not waits


@pytest.mark.parametrize(("retry_after", "expected"), [("", 4.0), ("1", 4.0), ("9", 9.0), (" 9 ", 9.0), ("soon", 4.0)])
def test_retry_after_is_honoured(retry_after: str, expected: float) -> None:
    assert retry_pause(3, retry_after, 0.5) == expected


def test_the_time_that_tries_take_counts_towards_the_minute(
    registry: LocalRegistry, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: clock() + 29.0 * len(registry.requests))
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


def test_somebody_elses_version_that_came_first_is_not_taken(registry: LocalRegistry) -> None:
    theirs = {"customProperties": {"pipeline_run_id": text("run-0")}}
    registry.inject("conflict", match="POST .*/versions", fields=theirs)
    with pytest.raises(RuntimeError, match="registered by run 'run-0'"):
        register(registry.url)
    assert values(registry.versions()[0]) == {"pipeline_run_id": "run-0"}
    assert registry.artifacts() == []


def test_the_artifact_decides_a_race_for_a_version_that_no_run_claims(registry: LocalRegistry) -> None:
    registry.inject("conflict", match="POST .*/artifacts", fields={"uri": "gs://theirs/model"})
    register(registry.url, source_pipeline_run_id="", model_uri="gs://ours/model", on_existing_version="increment")
    held = [(version["name"], [a["uri"] for a in registry.artifacts(version)]) for version in registry.versions()]
    assert held == [("1.0.0", ["gs://theirs/model"]), ("1.0.1", ["gs://ours/model"])]


def test_increment_moves_on_when_the_next_patch_is_taken_meanwhile(registry: LocalRegistry) -> None:
    model = registry.add_model("fine-tuned-model")
    registry.add_artifact(registry.add_version(model["id"], "1.0.0")["id"], uri="gs://theirs/model")
    theirs = {"customProperties": {"pipeline_run_id": text("run-0")}}
    registry.inject("conflict", match="POST .*/versions", nth=6, fields=theirs)
    register(registry.url, on_existing_version="increment")
    assert [version["name"] for version in registry.versions()] == ["1.0.0", "1.0.1", "1.0.2"]
    assert len(registry.artifacts(registry.versions()[2])) == 1


@pytest.mark.parametrize("run_id", ["run-1", ""])
def test_a_retry_that_increments_leaves_another_steps_half_made_version_alone(
    registry: LocalRegistry, run_id: str
) -> None:
    model = registry.add_model("fine-tuned-model")
    registry.add_artifact(registry.add_version(model["id"], "1.0.0")["id"], uri="gs://theirs/model")

    def step(name: str) -> None:
        uri = f"gs://ours/{name}"
        register(registry.url, model_uri=uri, source_pipeline_run_id=run_id, on_existing_version="increment")

    step("a")
    registry.inject(lambda request: step("a"), match="POST .*/artifacts")
    step("b")
    held = [(version["name"], [a["uri"] for a in registry.artifacts(version)]) for version in registry.versions()]
    assert held == [("1.0.0", ["gs://theirs/model"]), ("1.0.1", ["gs://ours/a"]), ("1.0.2", ["gs://ours/b"])]


def test_a_retry_that_increments_asks_only_for_what_it_needs(registry: LocalRegistry) -> None:
    model = registry.add_model("fine-tuned-model")
    registry.add_artifact(registry.add_version(model["id"], "1.0.0")["id"], uri="gs://theirs/model")
    register(registry.url, on_existing_version="increment")
    before = len(registry.requests)
    register(registry.url, on_existing_version="increment")
    # The model; 1.0.0 refused, found, and its artifact; the siblings; the artifact of the one that is ours.
    assert [line.partition("?")[0].split()[0] for line in lines(registry)[before:]] == ["GET", "POST", *["GET"] * 4]


def test_a_folding_database_gets_no_registration_under_another_spelling() -> None:
    with LocalRegistry(collation="folding") as registry:
        register(registry.url, model_name="resume")
        for other in ("Resume", "resumé"):
            with pytest.raises(RuntimeError) as refused:
                register(registry.url, model_name=other)
            assert "'resume'" in str(refused.value)
            assert repr(other) in str(refused.value)
        register(registry.url, model_name="resume", model_version="1.0.0-rc")
        with pytest.raises(RuntimeError, match=r"'1\.0\.0-RC' for one name"):
            register(registry.url, model_name="resume", model_version="1.0.0-RC")
        assert len(registry.models()) == 1
        assert len(registry.versions()) == 2


def test_a_name_that_is_taken_yet_not_found_says_how_to_see_by_which_spelling(registry: LocalRegistry) -> None:
    registry.inject(409, match="POST .*/registered_models$")
    with pytest.raises(RuntimeError, match=r"takes another spelling .* Next: look for it in the registry's list"):
        register(registry.url)


def test_what_a_database_dropped_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with LocalRegistry(collation="folding") as registry:
        register(registry.url, custom_properties={"resumé": "a", "resume": "b", "other": "c"})
        (warning,) = [line for line in capsys.readouterr().out.splitlines() if "did not keep" in line]
        assert warning.startswith("WARNING: ")
        assert "'resume'" in warning
        assert "'other'" not in warning


def at_once(calls: list[Callable[[], str]]) -> Iterator[str]:
    with ThreadPoolExecutor(len(calls)) as pool:
        return iter([future.result() for future in [pool.submit(one) for one in calls]])


def test_64_versions_of_one_new_model_at_once(registry: LocalRegistry) -> None:
    def step(number: int) -> Callable[[], str]:
        run = f"run-{number}"
        return lambda: register(
            registry.url, model_version=f"1.{number}.0", source_pipeline_run_id=run, model_uri=f"gs://bucket/{run}"
        )

    assert set(at_once([step(number) for number in range(64)])) == {registry.models()[0]["id"]}
    assert len(registry.models()) == 1
    assert {version["name"] for version in registry.versions()} == {f"1.{number}.0" for number in range(64)}
    uris = [[artifact["uri"] for artifact in registry.artifacts(version)] for version in registry.versions()]
    assert sorted(itertools.chain(*uris)) == sorted(f"gs://bucket/run-{number}" for number in range(64))
    assert {len(of_version) for of_version in uris} == {1}


@pytest.mark.parametrize("has_run", [True, False])
def test_writers_that_increment_at_once_get_a_version_each(registry: LocalRegistry, has_run: bool) -> None:
    def step(number: int) -> Callable[[], str]:
        run = f"run-{number}" if has_run else ""
        return lambda: register(
            registry.url,
            source_pipeline_run_id=run,
            model_uri=f"gs://bucket/{number}",
            on_existing_version="increment",
        )

    steps = [step(number) for number in range(12)]
    for _ in range(2):
        assert set(at_once(steps)) == {"1"}
        assert sorted(version["name"] for version in registry.versions()) == sorted(f"1.0.{n}" for n in range(12))
        owners = {}
        for version in registry.versions():
            (artifact,) = registry.artifacts(version)
            owners[artifact["uri"]] = values(version).get("pipeline_run_id", "")
        assert owners == {f"gs://bucket/{n}": f"run-{n}" if has_run else "" for n in range(12)}


def test_a_login_page_is_not_taken_for_the_registry(registry: LocalRegistry) -> None:
    def login(request: Request) -> None:
        raise AssertionError("only the redirect's own request may arrive")

    registry.inject(302, nth=1, headers={"Location": f"{registry.url}/login"})
    registry.inject(login, match="/login")
    with pytest.raises(ConnectionError, match=r"redirects to .*/login"):
        register(registry.url)


@pytest.mark.parametrize("body", [b"<html>Log in</html>", b"[]", b"null", b'{"items": 7}'])
def test_an_answer_that_is_no_list_is_an_error(registry: LocalRegistry, monkeypatch: Any, body: bytes) -> None:
    monkeypatch.setattr(registry, "answered", lambda request: (200, "text/html", body))
    with pytest.raises(ConnectionError, match="no Model Registry JSON"):
        register(registry.url)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("plain", "name = 'plain'"),
        ("it's", r"name = 'it\'s'"),
        (r"a\b", "name LIKE '%a_b'"),
        ("'q\"", "name LIKE '%_q_'"),
    ],
)
def test_filters_escape_quotes_and_stand_in_for_what_the_server_mangles(name: str, expected: str) -> None:
    assert name_filter(name) == expected


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("1.0.0", ("1.0.", 0)),
        ("v2.10.33", ("v2.10.", 33)),
        ("1.2.3-rc.1", ("1.2.", 3)),
        ("1.2.3+build.5", ("1.2.", 3)),
        ("1.2", None),
        ("1.2.3.4", None),
        ("01.2.3", None),
        ("latest", None),
        ("1.2.x", None),
    ],
)
def test_semantic_versions(name: str, parts: tuple[str, int] | None) -> None:
    assert semantic_version(name) == parts


@pytest.mark.parametrize("number", [2, 3, 4])
def test_a_yes_that_arrives_torn_is_read_back(
    registry: LocalRegistry, waits: list[float], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    answered = registry.answered

    def torn(request: Request) -> tuple[int, str, bytes]:
        status, kind, body = answered(request)
        return status, kind, body[:9] if request.number == number else body

    monkeypatch.setattr(registry, "answered", torn)
    assert register(registry.url) == "1"
    assert holds_one_of_each(registry)


@pytest.mark.parametrize(
    "body",
    [
        b'{"items": ["text"]}',
        b'{"items": [{"name": "fine-tuned-model"}]}',
        b'{"items": [{"id": "1", "customProperties": ["x"]}]}',
        b'{"items": [], "nextPageToken": "again"}',
        b"[" * 100_000,
    ],
)
def test_an_odd_list_is_an_error_and_no_endless_reading(
    registry: LocalRegistry, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    monkeypatch.setattr(registry, "answered", lambda request: (200, "application/json", body))
    with pytest.raises(ConnectionError, match="no Model Registry JSON"):
        register(registry.url)


@pytest.mark.parametrize("run_id", ["nightly token=abc123def456", "r" * 5000, "  run-1 "])
def test_a_retry_finds_its_version_whatever_the_runs_id_looks_like(registry: LocalRegistry, run_id: str) -> None:
    model = registry.add_model("fine-tuned-model")
    registry.add_artifact(registry.add_version(model["id"], "1.0.0")["id"], uri="gs://theirs/model")
    for _ in range(2):
        register(registry.url, source_pipeline_run_id=run_id, on_existing_version="increment")
    assert [version["name"] for version in registry.versions()] == ["1.0.0", "1.0.1"]


def test_a_retry_finds_a_version_by_its_artifact_whatever_the_runs_id_looks_like(registry: LocalRegistry) -> None:
    model = registry.add_model("fine-tuned-model")
    stored = "run \N{REPLACEMENT CHARACTER}"
    registry.add_artifact(registry.add_version(model["id"], "1.0.0")["id"], uri="gs://b/k", modelSourceId=stored)
    assert register(registry.url, source_pipeline_run_id="run \0", model_uri="gs://b/k") == model["id"]


def test_somebody_elses_credentials_are_not_repeated(registry: LocalRegistry) -> None:
    model = registry.add_model("fine-tuned-model")
    version = registry.add_version(model["id"], "1.0.0")
    registry.add_artifact(version["id"], uri="https://bob:s3cr3tpw@host/model")
    with pytest.raises(RuntimeError, match="exists") as refused:
        register(registry.url)
    assert "s3cr3tpw" not in str(refused.value)


@pytest.mark.parametrize("run_id", ["run-a", ""])
@pytest.mark.parametrize("location", ["gs://run-{run}/model", "gs://shared/model"])
def test_two_updates_at_once_leave_one_runs_model_and_metrics(
    registry: LocalRegistry, waits: list[float], location: str, run_id: str
) -> None:
    model = registry.add_model("fine-tuned-model")
    registry.add_artifact(registry.add_version(model["id"], "1.0.0")["id"], uri="gs://old/model")

    def update(run: str) -> None:
        register(
            registry.url,
            on_existing_version="update",
            model_uri=location.format(run=run),
            source_pipeline_run_id=run,
            custom_properties={"training_run": run},
        )

    registry.inject(lambda request: update("run-b"), match="PATCH .*/model_versions/")
    update(run_id)
    (version,), (artifact,) = registry.versions(), registry.artifacts()
    assert (artifact["uri"], artifact.get("modelSourceId", "")) == (location.format(run=run_id), run_id)
    assert values(version).get("pipeline_run_id", "") == run_id
    assert values(version).get("training_run", "") == run_id


def test_two_models_of_one_run_that_update_at_once_leave_one_ones_location_and_properties(
    registry: LocalRegistry, waits: list[float]
) -> None:
    version = registry.add_version(registry.add_model("fine-tuned-model")["id"], "1.0.0")
    registry.add_artifact(version["id"], uri="gs://old/model")

    def update(model: str) -> None:
        uri, held = f"gs://run-1/{model}", {"training_model": model}
        register(registry.url, on_existing_version="update", model_uri=uri, custom_properties=held)

    artifact = registry.artifacts()[0]

    def theirs_before_our_version(request: Request) -> None:
        theirs = {"uri": "gs://run-1/b", "artifactType": "model-artifact", "state": "LIVE"}
        call(registry.url, "PATCH", f"/model_artifacts/{artifact['id']}", theirs)

    def their_version_after_our_reading(request: Request) -> None:
        if registry.artifacts()[0]["uri"] == "gs://run-1/b":
            theirs = {"pipeline_run_id": text("run-1"), "training_model": text("b")}
            call(
                registry.url, "PATCH", f"/model_versions/{version['id']}", {"customProperties": theirs, "state": "LIVE"}
            )

    registry.inject(theirs_before_our_version, match="PATCH .*/model_versions/")
    registry.inject(their_version_after_our_reading, match="PATCH .*/model_artifacts/", times=100)
    update("a")
    assert registry.artifacts()[0]["uri"] == "gs://run-1/a"
    assert values(registry.versions()[0])["training_model"] == "a"


def test_an_update_leaves_no_key_of_the_store_that_held_the_model_before(registry: LocalRegistry) -> None:
    version = registry.add_version(registry.add_model("fine-tuned-model")["id"], "1.0.0")
    registry.add_artifact(version["id"], uri="s3://old/model", storageKey="connection", storagePath="old/model")
    register(registry.url, on_existing_version="update", model_uri="gs://new/model")
    (artifact,) = registry.artifacts()
    assert artifact["uri"] == "gs://new/model"
    assert not artifact.get("storageKey")
    assert not artifact.get("storagePath")


def test_a_rerun_keeps_a_key_that_somebody_added_for_the_same_location(registry: LocalRegistry) -> None:
    register(registry.url)
    path = f"/model_artifacts/{registry.artifacts()[0]['id']}"
    call(registry.url, "PATCH", path, {"artifactType": "model-artifact", "storageKey": "connection", "state": "LIVE"})
    register(registry.url, model_format_version="2")
    (artifact,) = registry.artifacts()
    assert (artifact["storageKey"], artifact["modelFormatVersion"]) == ("connection", "2")


def test_an_update_changes_every_model_artifact_as_kserve_and_the_ui_take_different_ones(
    registry: LocalRegistry,
) -> None:
    model = registry.add_model("fine-tuned-model")
    version = registry.add_version(model["id"], "1.0.0", customProperties={"base_model": "old"})
    for number in range(11):
        registry.add_artifact(version["id"], uri=f"gs://old/{number}")
    register(registry.url, on_existing_version="update", model_uri="gs://new/model")
    assert {artifact["uri"] for artifact in registry.artifacts()} == {"gs://new/model"}
    assert "base_model" not in values(registry.versions()[0])


def test_an_update_sees_that_only_its_properties_were_replaced(registry: LocalRegistry, waits: list[float]) -> None:
    version = registry.add_version(registry.add_model("fine-tuned-model")["id"], "1.0.0")
    registry.add_artifact(version["id"], uri="gs://old/model")

    def replace(request: Request) -> None:
        theirs = {"customProperties": {"pipeline_run_id": text("run-0")}, "state": "LIVE"}
        call(registry.url, "PATCH", f"/model_versions/{version['id']}", theirs)

    registry.inject(replace, match=rf"GET .*/model_versions/{version['id']}$")
    register(registry.url, on_existing_version="update", custom_properties={"training_loss": 0.5})
    held = values(registry.versions()[0])
    assert (held["pipeline_run_id"], held["training_loss"]) == ("run-1", 0.5)


def test_an_update_that_others_undo_each_time_is_an_error(registry: LocalRegistry, waits: list[float]) -> None:
    model = registry.add_model("fine-tuned-model")
    version = registry.add_version(model["id"], "1.0.0")
    artifact = registry.add_artifact(version["id"], uri="gs://old/model")
    theirs = {"uri": "gs://theirs/model", "artifactType": "model-artifact", "state": "LIVE"}

    def undo(request: Request) -> None:
        call(registry.url, "PATCH", f"/model_artifacts/{artifact['id']}", theirs)

    registry.inject(undo, match="GET .*/artifacts", times=100)
    with pytest.raises(RuntimeError, match=r"updated by others, too.* Next: run one of the steps again") as error:
        register(registry.url, on_existing_version="update")
    assert "\n" not in str(error.value)
    assert registry.artifacts()[0]["uri"] == "gs://theirs/model"
    assert len(waits) == 4


@pytest.mark.parametrize("policy", ["fail", "update"])
def test_an_own_version_with_somebodys_newer_artifact_is_not_called_registered(
    registry: LocalRegistry, policy: str
) -> None:
    register(registry.url)
    registry.add_artifact(registry.versions()[0]["id"], uri="gs://theirs/model")
    if policy == "fail":
        with pytest.raises(RuntimeError, match=r"exists.*gs://theirs/model"):
            register(registry.url)
    else:
        register(registry.url, on_existing_version="update")
        uris = {artifact["uri"] for artifact in registry.artifacts()}
        assert uris == {"s3://models/digits?endpoint=http://minio:9000&defaultRegion=eu"}


def test_a_retry_of_an_update_that_died_between_two_artifacts_updates_both(registry: LocalRegistry) -> None:
    model = registry.add_model("fine-tuned-model")
    version = registry.add_version(model["id"], "1.0.0")
    for number in range(2):
        registry.add_artifact(version["id"], uri=f"gs://old/{number}")
    registry.inject(400, match="PATCH .*/model_artifacts/2")
    with pytest.raises(RuntimeError, match="status 400"):
        register(registry.url, on_existing_version="update", model_uri="gs://new/model")
    register(registry.url, on_existing_version="update", model_uri="gs://new/model")
    assert {artifact["uri"] for artifact in registry.artifacts()} == {"gs://new/model"}


@pytest.mark.parametrize("their_run", ["run-0", ""])
@pytest.mark.parametrize("run_id", ["run-1", ""])
def test_a_retry_of_an_update_that_died_half_way_keeps_nothing_of_the_other_run(
    registry: LocalRegistry, run_id: str, their_run: str
) -> None:
    register(registry.url, model_uri="gs://old/model", source_pipeline_run_id=their_run)
    ours = {"source_pipeline_run_id": run_id, "source_pipeline_run_name": "", "source_pipeline_name": ""}
    registry.inject(400, match="PATCH .*/model_versions/")
    with pytest.raises(RuntimeError, match="status 400"):
        register(registry.url, on_existing_version="update", model_uri="gs://new/model", **ours)
    register(registry.url, on_existing_version="update", model_uri="gs://new/model", **ours)
    (version,), (artifact,) = registry.versions(), registry.artifacts()
    known = {"pipeline_run_id": run_id} if run_id else {}
    assert values(version) == {**known, "pipeline_namespace": "team-a"}
    assert (artifact.get("modelSourceId", ""), artifact.get("modelSourceName", "")) == (run_id, "")


@pytest.mark.parametrize("own", ["1.0.0", "1.0.1"])
def test_increment_makes_no_other_version_for_a_run_whose_own_is_archived(registry: LocalRegistry, own: str) -> None:
    if own == "1.0.1":
        register(registry.url, source_pipeline_run_id="run-0", model_uri="gs://theirs/model")
    register(registry.url, on_existing_version="increment")
    before = len(registry.versions())
    registry.store.get("version", registry.versions()[-1]["id"]).fields["state"] = "ARCHIVED"
    with pytest.raises(RuntimeError, match="ARCHIVED"):
        register(registry.url, on_existing_version="increment")
    assert len(registry.versions()) == before


def test_an_update_whose_answer_stays_lost_is_not_called_undone(registry: LocalRegistry, waits: list[float]) -> None:
    register(registry.url)
    registry.inject("error_after", match="PATCH .*/model_versions/", times=100)
    with pytest.raises(RuntimeError, match=r"the update of .* was done is not known"):
        register(registry.url, model_description="Changed.")


def test_an_update_that_is_refused_is_not_said_to_be_perhaps_done(registry: LocalRegistry) -> None:
    register(registry.url)
    registry.inject(403, match="PATCH", times=100)
    with pytest.raises(PermissionError, match=r"\(ID 2\); the rest is not\. Next: "):
        register(registry.url, model_description="Changed.")


@pytest.mark.parametrize("body", [b"<html>login</html>", b"", b'{"customProp'])
def test_an_update_that_is_answered_by_somebody_else_is_not_called_done(registry: LocalRegistry, body: bytes) -> None:
    register(registry.url, custom_properties={"q": 1.0})
    registry.inject((200, "text/html", body), match="PATCH .*/model_versions/")
    with pytest.raises(ConnectionError, match=r"no Model Registry JSON .* the update of .* was done is not known"):
        register(registry.url, custom_properties={"q": 2.0})
    register(registry.url, custom_properties={"q": 2.0})
    assert values(registry.versions()[0])["q"] == 2.0


@pytest.mark.parametrize("number", [3, 4])
def test_a_gateway_that_loses_its_route_for_a_moment_costs_no_registration(
    registry: LocalRegistry, waits: list[float], number: int
) -> None:
    registry.inject((404, "text/plain", b"default backend - 404"), nth=number)
    assert register(registry.url) == "1"
    assert holds_one_of_each(registry)


@pytest.mark.parametrize(("status", "body"), [(202, None), (201, b'{"id": "2"}')])
def test_an_unusual_yes_is_a_yes(
    registry: LocalRegistry, waits: list[float], monkeypatch: pytest.MonkeyPatch, status: int, body: bytes | None
) -> None:
    answered = registry.answered

    def unusual(request: Request) -> tuple[int, str, bytes]:
        _, kind, content = answered(request)
        return status, kind, body or content

    monkeypatch.setattr(registry, "answered", lambda r: unusual(r) if r.number == 3 else answered(r))
    assert register(registry.url) == "1"
    assert holds_one_of_each(registry)


def test_no_secret_goes_into_any_field(registry: LocalRegistry) -> None:
    secret = "hf_" + "a1b2c3d4" * 4
    register(registry.url, source_pipeline_run_name=secret, model_description=f"see {secret}", author=secret)
    assert secret not in repr((registry.models(), registry.versions(), registry.artifacts()))
