"""What is tested, under the name that it has here.

A clone of this repository is installed as kfp_model_registry, whatever the clone is called; in a collection of
components the folder is a package inside the collection's, and nothing is installed.
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

import pytest

INSTALLED = "kfp_model_registry"


def package_name() -> str:
    """The name of this folder's package: the installed one if it is this folder, else that of the package around."""
    specification = importlib.util.find_spec(INSTALLED)
    origin = specification.origin if specification else None
    is_this_folder = origin is not None and Path(origin).resolve().parent == Path(__file__).resolve().parents[1]
    around = __name__.rpartition(".tests.")[0]
    return around if around and not is_this_folder else INSTALLED


def imported(name: str = "") -> Any:
    """The package, or a module of it."""
    return importlib.import_module(f"{PACKAGE}.{name}" if name else PACKAGE)


PACKAGE = package_name()
package = imported()
# KFP's local runner has each step's packages installed into the environment that the tests run in.
installs_packages = pytest.mark.skipif(PACKAGE != INSTALLED, reason="a collection's environment is not ours to change")
model_registry = package.model_registry
component, example_pipelines, shared = imported("component"), imported("example_pipelines"), imported("shared")

address = imported("shared.address")
arguments = imported("shared.arguments")
cluster = imported("shared.cluster")
evaluation = imported("shared.evaluation")
json_outline = imported("shared.json_outline")
location = imported("shared.location")
properties = imported("shared.properties")
provenance = imported("shared.provenance")
redaction = imported("shared.redaction")
registration = imported("shared.registration")
registry = imported("shared.registry")
report = imported("shared.report")
session = imported("shared.session")
versions = imported("shared.versions")
