"""How a Model Registry server finds one entity and lists many."""

# ruff: noqa: D103

from __future__ import annotations

from .plain_http import Http, registry_promise


@registry_promise
def test_an_unknown_id_is_a_404_in_json(http: Http) -> None:
    for path in ("registered_models", "model_versions", "model_artifacts"):
        status, error = http.get(f"{path}/999999999")
        assert (status, set(error)) == (404, {"code", "message"})


@registry_promise
def test_an_id_is_what_go_reads_as_a_number(http: Http, name: str) -> None:
    model = http.model(name)
    assert http.get(f"registered_models/+{model['id']}")[1]["name"] == name
    assert http.get(f"registered_models/%2B{model['id']}")[0] == 400  # a path is not decoded
    status, error = http.get("registered_models/-1")
    assert (status, set(error)) == (404, {"code", "message"})
    assert http.get("registered_models/one")[0] == 400
    assert http.get("model_version", name="1", parentResourceId="abc")[0] == 400


@registry_promise
def test_a_look_up_by_name_does_not_look_at_the_external_id(http: Http, name: str) -> None:
    model = http.model(name)
    http.model(name + "-other", externalId=name)
    assert http.get("registered_model", name=name, externalId=name)[1]["id"] == model["id"]


@registry_promise
def test_the_look_up_by_name_is_an_sql_like(http: Http, name: str) -> None:
    model = http.model(name + "-a")
    assert http.get("registered_model", name=name + "_a")[1]["id"] == model["id"]
    http.model(name + "+a")
    status, error = http.get("registered_model", name=name + "_a")
    assert status == 404
    assert "multiple" in error["message"]


@registry_promise
def test_the_look_up_by_name_never_finds_a_backslash(http: Http, name: str) -> None:
    http.model(name + r"\a")
    assert http.get("registered_model", name=name + r"\a")[0] == 404


@registry_promise
def test_the_list_of_model_artifacts_ignores_a_filter(http: Http, name: str) -> None:
    artifact = http.artifact(http.version(http.model(name), "1"), name=name)
    found = http.get("model_artifacts", filterQuery="name = 'no such name'", orderBy="ID", sortOrder="DESC")[1]["items"]
    assert artifact["id"] in [item["id"] for item in found]


@registry_promise
def test_an_unknown_type_of_artifact_is_400(http: Http, name: str) -> None:
    version = http.version(http.model(name), "1")
    for path in ("artifacts", f"model_versions/{version['id']}/artifacts"):
        assert http.get(path, artifactType="bogus")[0] == 400


@registry_promise
def test_lists_come_in_pages_and_in_the_asked_order(http: Http, name: str) -> None:
    model = http.model(name)
    for version in ("a", "b", "c"):
        http.version(model, version)
    path = f"registered_models/{model['id']}/versions"
    status, first = http.get(path, pageSize="2", orderBy="ID", sortOrder="DESC")
    assert [item["name"] for item in first["items"]] == ["c", "b"]
    assert (status, first["size"], first["pageSize"]) == (200, 2, 2)
    _, second = http.get(path, pageSize="2", orderBy="ID", sortOrder="DESC", nextPageToken=first["nextPageToken"])
    assert [item["name"] for item in second["items"]] == ["a"]
    assert second["nextPageToken"] == ""


@registry_promise
def test_an_order_that_the_server_does_not_know_is_that_of_the_ids(http: Http, name: str) -> None:
    model = http.model(name)
    for version in ("b", "a"):
        http.version(model, version)
    path = f"registered_models/{model['id']}/versions"
    for query in ({"orderBy": "NAME"}, {"orderBy": "ID", "sortOrder": "UP"}, {"orderBy": "ID", "pageSize": "-1"}):
        status, answer = http.get(path, **query)
        assert (status, [item["name"] for item in answer["items"]]) == (200, ["b", "a"])


@registry_promise
def test_options_is_no_method_here(http: Http) -> None:
    assert http.call("OPTIONS", "registered_models")[0] == 405
