"""What a registration costs the server, what it survives, and what it says when it cannot go on."""

# ruff: noqa: D103

from __future__ import annotations

import itertools
from typing import Any

import pytest

from .local_registry import LocalRegistry, Request, encoded_error
from .registering import FAULTS, add_version, fresh_name, holds_one_of_each, lines, register, text, values, versions_of
from .subject import registry

name_filter = registry.name_filter


def test_a_new_model_and_a_new_version_take_four_requests_over_one_connection_each(registry: LocalRegistry) -> None:
    register(registry.url)
    assert lines(registry) == [
        "GET v1/registered_models",
        "POST v1/registered_models",
        "POST v1/registered_models/1/versions",
        "POST v1/model_versions/2/artifacts",
    ]
    assert registry.connections == 1
    register(registry.url, model_version="1.1.0")
    assert lines(registry)[4:] == [
        "GET v1/registered_models",
        "POST v1/registered_models/1/versions",
        "POST v1/model_versions/3/artifacts",
        "PATCH v1/registered_models/1",
    ]
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
    assert len(registry.requests) == 4


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


@pytest.mark.parametrize("status", [400, 401, 403, 422])
def test_what_the_server_decides_is_not_asked_again(registry: LocalRegistry, waits: list[float], status: int) -> None:
    registry.inject(status, nth=3)
    with pytest.raises((RuntimeError, PermissionError)) as refused:
        register(registry.url)
    assert len(registry.requests) == 3
    assert not waits
    assert "Registered so far: the registered model 'fine-tuned-model' (ID 1); the rest is not." in str(refused.value)


def test_a_server_that_explains_itself_in_a_bare_text_is_understood(registry: LocalRegistry) -> None:
    registry.inject((422, "application/json", b'"no such version."'))
    with pytest.raises(RuntimeError, match=r"\(status 422\): no such version\. Nothing"):
        register(registry.url)


def test_a_server_that_refuses_without_a_word_is_said_to_explain_nothing(registry: LocalRegistry) -> None:
    registry.inject((403, "text/plain", b""))
    with pytest.raises(PermissionError, match=r"status 403 when reading /registered_models: no explanation"):
        register(registry.url)


def test_an_error_explains_the_last_of_several_answers(registry: LocalRegistry, waits: list[float]) -> None:
    registry.inject(503, nth=1)
    registry.inject(403, nth=2)
    with pytest.raises(PermissionError, match=r"denies access \(status 403 when reading /registered_models: "):
        register(registry.url)
    assert len(waits) == 1


def test_what_the_server_has_no_name_for_is_not_asked_again(registry: LocalRegistry, waits: list[float]) -> None:
    registry.inject(404, match="POST .*/registered_models$")
    with pytest.raises(RuntimeError, match=r"refuses creating the registered model .* \(status 404\)"):
        register(registry.url)
    assert len(registry.requests) == 2
    assert not waits


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


def test_what_a_database_merged_is_named_with_what_it_holds_now(capsys: pytest.CaptureFixture[str]) -> None:
    with LocalRegistry(collation="folding") as registry:
        register(registry.url, custom_properties={"resumé": "theirs", "resume": "ours", "other": "c"})
        held = values(registry.versions()[0])
    (warning,) = [line for line in capsys.readouterr().out.splitlines() if "kept properties otherwise" in line]
    assert warning.startswith("WARNING: ")
    assert "'other'" not in warning
    (kept,) = {"resumé", "resume"} & set(held)
    (dropped,) = {"resumé", "resume"} - {kept}
    sent = {"resumé": "theirs", "resume": "ours"}
    assert f"{dropped!r} now holds nothing" in warning
    assert (f"{kept!r} now holds {held[kept]!r}" in warning) == (held[kept] != sent[kept])


def test_a_value_that_a_server_before_0_3_9_keeps_as_its_type_changes_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with LocalRegistry(keeps_old_types=True) as registry:
        register(registry.url, custom_properties={"eval_acc": "N/A"})
        register(registry.url, custom_properties={"eval_acc": 0.7})
        held = values(registry.versions()[0])["eval_acc"]
    (warning,) = [line for line in capsys.readouterr().out.splitlines() if "kept properties otherwise" in line]
    assert held == "N/A"
    assert "'eval_acc' now holds 'N/A'" in warning


def test_a_property_of_others_whose_name_differs_in_case_alone_is_named(
    registry_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name = fresh_name()
    add_version(registry_url, name, customProperties={"Team": text("vision"), "note": text("keep")})
    register(registry_url, model_name=name, on_existing_version="update", custom_properties={"team": "nlp"})
    (remark,) = [line for line in capsys.readouterr().out.splitlines() if "case alone" in line]
    assert remark.endswith(": 1 (Team).")
    assert values(versions_of(registry_url, name)[0])["note"] == "keep"


@pytest.mark.parametrize("status", [300, 302])
def test_a_login_page_is_not_taken_for_the_registry(registry: LocalRegistry, status: int) -> None:
    def login(request: Request) -> None:
        raise AssertionError("only the redirect's own request may arrive")

    registry.inject(status, nth=1, headers={"Location": f"{registry.url}/login"})
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
        b"[" * 100_000,
    ],
)
def test_an_odd_list_is_an_error_at_once(
    registry: LocalRegistry, monkeypatch: pytest.MonkeyPatch, waits: list[float], body: bytes
) -> None:
    monkeypatch.setattr(registry, "answered", lambda request: (200, "application/json", body))
    with pytest.raises(ConnectionError, match="no Model Registry JSON"):
        register(registry.url)
    assert not waits


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


@pytest.mark.parametrize("credentials", ["bob:s3cr3tpw", "s3cr3tpw"])
def test_somebody_elses_credentials_are_not_repeated(registry: LocalRegistry, credentials: str) -> None:
    model, secret = registry.add_model("fine-tuned-model"), "hf_" + "a1b2c3d4" * 4
    version = registry.add_version(model["id"], "1.0.0", customProperties={"pipeline_run_name": f"with {secret}"})
    registry.add_artifact(version["id"], uri=f"https://{credentials}@host/model", modelSourceId="run-0")
    with pytest.raises(RuntimeError, match="exists") as refused:
        register(registry.url)
    assert "s3cr3tpw" not in str(refused.value)
    assert secret not in str(refused.value)


def test_a_servers_words_are_repeated_without_credentials(registry: LocalRegistry) -> None:
    secret = "hf_" + "a1b2c3d4" * 4
    registry.inject((422, "application/json", encoded_error(422, f"no such author: {secret}")))
    with pytest.raises(RuntimeError, match=r"no such author: ") as refused:
        register(registry.url)
    assert secret not in str(refused.value)


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
