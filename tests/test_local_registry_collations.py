"""Which names a database takes for one, and what a Model Registry server then keeps."""

# ruff: noqa: D103

from __future__ import annotations

from .local_registry import LocalRegistry
from .plain_http import Http, double


def test_a_folding_database_takes_names_in_any_case_and_accents_for_one() -> None:
    with LocalRegistry(collation="folding") as registry:
        http = Http(registry.url)
        http.model("Resumé")
        assert http.call("POST", "registered_models", {"name": "resume"})[0] == 409
        assert http.items("registered_models", "name = 'RESUME'") == ["Resumé"]
        assert http.get("registered_model", name="resum_")[1]["name"] == "Resumé"
        model = http.model("m", customProperties={"Loss": double(1), "loss": double(2)})
        assert len(model["customProperties"]) == 1


def test_an_exact_database_keeps_them_apart(registry: LocalRegistry) -> None:
    http = Http(registry.url)
    for spelling in ("Resumé", "resumé", "resume"):
        http.model(spelling)
    assert http.items("registered_models", "name = 'resumé'") == ["resumé"]
