"""What `filterQuery` means to a Model Registry server: its grammar, and what a comparison finds."""

# ruff: noqa: D103

from __future__ import annotations

import pytest

from .local_registry import LocalRegistry
from .plain_http import Http, double, integer, registry_promise, string


@registry_promise
@pytest.mark.parametrize(
    ("tail", "literal"),
    [
        ("_a", "_a"),
        ("%a", "%a"),
        (r"\a", r"\\a"),
        ("'a", r"\'a"),
        ('"a', '"a'),
        (" or", " or"),
        ("é日", "é日"),
        ("a;b&c+d", "a;b&c+d"),
        ("a: b", "a: b"),
    ],
)
def test_a_filter_finds_a_model_by_its_exact_name(http: Http, name: str, tail: str, literal: str) -> None:
    http.model(name + tail)
    http.model(name + "-a")
    assert http.items("registered_models", f"name = '{name}{literal}'") == [name + tail]


def test_a_filter_of_an_older_server_cannot_find_a_name_that_ends_in_a_quote(registry: LocalRegistry) -> None:
    http = Http(registry.url)
    registry.add_model("name'")
    assert http.items("registered_models", r"name = 'name\''") == []
    assert http.items("registered_models", "name LIKE 'name_'") == ["name'"]


@registry_promise
def test_a_filter_by_a_versions_name_is_a_like_of_the_end_of_its_stored_name(http: Http, name: str) -> None:
    model = http.model(name)
    for version in ("1-0", "1_0", "x:1_0", "1_0.1"):
        http.version(model, version)
    path = f"registered_models/{model['id']}/versions"
    assert http.items(path, "name = '1-0'") == ["1-0"]
    assert http.items(path, "name = '1_0'") == ["1-0", "1_0", "x:1_0"]
    assert http.items(path, r"name = '1\\_0'") == ["1_0", "x:1_0"]
    assert http.items(path, "name LIKE '1_0%'") == ["1-0", "1_0", "x:1_0", "1_0.1"]


@registry_promise
@pytest.mark.parametrize(
    ("condition", "finds"),
    [
        ("eval_acc > 0.7", True),
        ("eval_acc > 0.75", False),
        ("eval_acc >= 0.75", True),
        ("eval_acc = 0.75 AND base = 'toy'", True),
        ("eval_acc < 0.7 OR base = 'toy'", True),
        ("base = 'other'", False),
        ("base LIKE 't_y'", True),
        ("as_text > 0.7", False),
        ("missing > 0.7", False),
    ],
)
def test_a_filter_compares_properties_of_its_values_type(http: Http, name: str, condition: str, finds: bool) -> None:
    properties = {"eval_acc": double(0.75), "base": string("toy"), "as_text": string("0.9")}
    model = http.model(name)
    http.version(model, "1", customProperties=properties)
    assert http.items(f"registered_models/{model['id']}/versions", condition) == (["1"] if finds else [])


@registry_promise
@pytest.mark.parametrize(
    ("condition", "finds"),
    [
        ("count > 4", True),
        ("count > 4.5", False),
        ("count.int_value > 4", True),
        ("count.double_value > 4", False),
        ("loss > 0.4", True),
        ("customProperties.count > 1", False),
        ("base IN ('toy', 'other')", True),
        ("base IN ('other')", False),
        ("base IN ()", False),
    ],
)
def test_a_filter_looks_at_the_values_of_one_type(http: Http, name: str, condition: str, finds: bool) -> None:
    properties = {"count": integer("5"), "loss": double(0.5), "base": string("toy")}
    version = http.version(http.model(name), "1", customProperties=properties)
    assert http.finds(version, condition) is finds


@registry_promise
def test_a_whole_number_in_a_filter_is_compared_with_ints_and_doubles(http: Http, name: str) -> None:
    version = http.version(http.model(name), "1", customProperties={"samples": double(1500.0), "rank": integer("7")})
    assert http.finds(version, "samples > 1000 AND rank = 7")
    assert http.finds(version, "samples > 1000.0")
    assert not http.finds(version, "samples.int_value > 1000")


@registry_promise
def test_a_filter_finds_one_of_several_names(http: Http, name: str) -> None:
    for tail in "abc":
        http.model(f"{name}-{tail}")
    assert http.items("registered_models", f"name IN ('{name}-a', '{name}-c')") == [f"{name}-a", f"{name}-c"]


@pytest.mark.parametrize(
    "query",
    [
        *("name > 5", "name = 1", "id = 'one'", "id LIKE '1'"),
        *("n.string_value = 1", "n.double_value = true", "n.int_value = 'x'", "n IN (1)"),
    ],
)
def test_postgresql_does_not_compare_what_is_of_another_type(registry: LocalRegistry, query: str) -> None:
    status, error = Http(registry.url).get("registered_models", filterQuery=query)
    assert (status, "type mismatch" in error["message"]) == (400, True)


def test_mysql_compares_it_and_finds_nothing() -> None:
    with LocalRegistry(collation="folding") as registry:
        registry.add_model("m")
        assert Http(registry.url).items("registered_models", "name > 5") == []


@registry_promise
def test_a_filter_does_not_know_the_type_of_an_artifact(http: Http, name: str) -> None:
    version = http.version(http.model(name), "1")
    http.artifact(version, name=name)
    path = f"model_versions/{version['id']}/artifacts"
    assert http.items(path, "artifactType = 'model-artifact'") == []
    assert [item["name"] for item in http.get(path, artifactType="model-artifact")[1]["items"]] == [name]


@registry_promise
@pytest.mark.parametrize(
    "query",
    [
        *("name = 'open", "name = ", "name", "= 'x'", "name = 'x' AND", "name = 'x' 'y'"),
        *("name like 'x'", "name = 'x' and name = 'x'", "name in ('x')", "name IN ('x'"),
    ],
)
def test_a_filter_with_a_syntax_error_is_400(http: Http, query: str) -> None:
    assert http.get("registered_models", filterQuery=query)[0] == 400


def test_a_raw_semicolon_in_a_query_is_refused(registry: LocalRegistry) -> None:
    assert Http(registry.url).call("GET", "registered_models?filterQuery=name%20=%20'a;b'")[0] == 400
