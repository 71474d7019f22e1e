"""Which names a database takes for one, and what a Model Registry server then keeps.

The tests marked `registry` ask the server which of the three databases it has. MySQL's column is that of a table of
Unicode's primary weights (UCA 9.0), MariaDB's and PostgreSQL's were measured.
"""

# ruff: noqa: D103

from __future__ import annotations

from typing import Any

import pytest

from .local_registry import LocalRegistry
from .plain_http import Http, double, registry_promise

MYSQL, MARIADB = "folding", "general"
BOTH = (MYSQL, MARIADB)
PAIRS: list[tuple[str, str, tuple[str, ...]]] = [
    *[("Foo", "foo", BOTH), ("é", "e", BOTH), ("Ё", "е", BOTH), ("Σ", "ς", BOTH), ("ſ", "s", BOTH), ("й", "и", ())],
    *[("æ", "ae", (MYSQL,)), ("œ", "oe", (MYSQL,)), ("ø", "o", (MYSQL,)), ("ł", "l", (MYSQL,)), ("đ", "d", (MYSQL,))],
    *[("か", "カ", (MYSQL,)), ("か", "が", (MYSQL,)), ("ア", "ァ", (MYSQL,)), ("ア", "ｱ", (MYSQL,))],
    *[("a", "a\u200b", (MYSQL,)), ("a", "a\u00ad", (MYSQL,)), ("a", "a\u0301", (MYSQL,)), ("é", "e\u0301", (MYSQL,))],
    *[("①", "1", (MYSQL,)), ("ﬁ", "fi", (MYSQL,)), ("𝐀", "a", (MYSQL,)), ("ß", "ss", (MYSQL,))],
    *[("ß", "s", (MARIADB,)), ("ı", "i", (MARIADB,)), ("😀", "😁", (MARIADB,)), ("😀", "𝐀", (MARIADB,))],
    *[("a", "a ", (MARIADB,)), ("a", " a", ()), ("a", "a\t", ()), ("a b", "a\u00a0b", (MYSQL,)), ("-", "_", ())],
]


def collation_of(http: Http, name: str) -> str:
    """How the server's database compares names, seen by which names it takes for one."""
    http.model(f"{name} é ł")
    if http.call("POST", "registered_models", {"name": f"{name} E ł"})[0] != 409:
        return "exact"
    return MYSQL if http.call("POST", "registered_models", {"name": f"{name} é L"})[0] == 409 else MARIADB


def check_pair(http: Http, name: str, pair: tuple[str, str], are_one: bool) -> None:
    """Both names can be created, unless the database takes them for one; then either finds the other."""
    one, other = (f"{name} {tail}" for tail in pair)
    http.model(one)
    status, _ = http.call("POST", "registered_models", {"name": other})
    assert status == (409 if are_one else 201)
    assert http.items("registered_models", f"name = '{other}'") == [one if are_one else other]


@registry_promise
@pytest.mark.parametrize(("one", "other", "databases"), PAIRS)
def test_names_that_the_database_takes_for_one_are_a_conflict(
    http: Http, name: str, one: str, other: str, databases: tuple[str, ...]
) -> None:
    check_pair(http, name, (one, other), collation_of(http, name) in databases)


@pytest.mark.parametrize("collation", BOTH)
@pytest.mark.parametrize(("one", "other", "databases"), PAIRS)
def test_the_local_registry_can_be_on_either_of_the_other_databases(
    collation: Any, one: str, other: str, databases: tuple[str, ...]
) -> None:
    with LocalRegistry(collation=collation) as registry:
        assert collation_of(Http(registry.url), "which") == collation
        check_pair(Http(registry.url), "test", (one, other), collation in databases)


@registry_promise
def test_of_two_properties_that_are_one_either_is_kept_with_the_others_value(http: Http, name: str) -> None:
    check_kept_properties(http, name, collation_of(http, name) != "exact")


@pytest.mark.parametrize("collation", BOTH)
@pytest.mark.parametrize(("map_order", "first", "last"), [("as sent", "Loss", 2.0), ("reversed", "loss", 1.0)])
def test_which_of_them_the_local_registry_keeps_a_test_decides(
    collation: Any, map_order: Any, first: str, last: float
) -> None:
    with LocalRegistry(collation=collation, map_order=map_order) as registry:
        http = Http(registry.url)
        assert http.model("m", customProperties={"Loss": double(1), "loss": double(2)})["customProperties"] == {
            first: double(last)
        }
        check_kept_properties(http, "test", True)


def check_kept_properties(http: Http, name: str, are_one: bool) -> None:
    """Create and change two properties whose names differ in case alone, and see what is kept of them."""
    both = {"Loss": double(1), "loss": double(2)}
    model = http.model(name, customProperties=both)
    path = f"registered_models/{model['id']}"
    kept = model["customProperties"]
    assert kept in ([{"Loss": double(2)}, {"loss": double(1)}] if are_one else [both])
    for spellings in (("Loss", "loss"), ("loss", "Loss")):
        _, changed = http.call(
            "PATCH", path, {"customProperties": dict(zip(spellings, map(double, (3, 4)), strict=True))}
        )
        assert set(changed["customProperties"]) == set(kept)
        assert {value["double_value"] for value in changed["customProperties"].values()} <= {3, 4}
    _, renamed = http.call("PATCH", path, {"customProperties": {"LOSS": double(5)}})
    assert renamed["customProperties"] == {"LOSS": double(5)}
    assert http.items("registered_models", f"name = '{name}' AND loss = 5") == ([name] if are_one else [])


@pytest.mark.parametrize("collation", BOTH)
def test_a_look_up_by_name_folds_too(collation: Any) -> None:
    with LocalRegistry(collation=collation) as registry:
        registry.add_model("Resumé")
        assert Http(registry.url).get("registered_model", name="resum_")[1]["name"] == "Resumé"


def test_an_exact_database_keeps_them_apart(registry: LocalRegistry) -> None:
    http = Http(registry.url)
    for spelling in ("Resumé", "resumé", "resume"):
        http.model(spelling)
    assert http.items("registered_models", "name = 'resumé'") == ["resumé"]
