"""The command line: serves a registry in memory, or shows what a registry holds about a model."""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from .reading import Unreadable, check_answers, found_id, shown_registration
from .schema import APIS
from .server import LocalRegistry

DEFAULT_URL = "http://127.0.0.1:8080"


def main() -> None:
    """Serve until interrupted, or show a model and end."""
    given = parser().parse_args()
    if given.command == "show":
        url = named_registry() or DEFAULT_URL
        with sentence_instead_of_traceback():
            model_id = found_id(url, given.model)
        show(url, model_id)
    else:
        serve(given.port, tuple(given.api or APIS))


@contextmanager
def registry_in_use() -> Iterator[str]:
    """The address of the server that MODEL_REGISTRY_URL names, if it answers; else of a registry started for this.

    Raises:
        SystemExit: Nobody answers at MODEL_REGISTRY_URL.
    """
    url = named_registry()
    if not url:
        with LocalRegistry() as registry:
            yield registry.url
        return
    with sentence_instead_of_traceback(
        "MODEL_REGISTRY_URL names it; where that is unset, a registry in memory is used."
    ):
        check_answers(url)
    yield url


def show(url: str, model_id: str) -> None:
    """Print what the registry holds about a model and its newest version.

    Raises:
        SystemExit: It cannot be read, and why.
    """
    with sentence_instead_of_traceback():
        print(shown_registration(url, model_id))


def named_registry() -> str:
    """The address in MODEL_REGISTRY_URL, if there is one."""
    return os.environ.get("MODEL_REGISTRY_URL", "").strip().rstrip("/")


@contextmanager
def sentence_instead_of_traceback(advice: str = "") -> Iterator[None]:
    """What cannot be read ends the program with a sentence, and with advice if there is any."""
    try:
        yield
    except Unreadable as error:
        sys.exit(f"{error} {advice}".strip())


def parser() -> argparse.ArgumentParser:
    """What may stand on the command line."""
    words = argparse.ArgumentParser(
        prog="python tests/local_registry",
        description="Serve a Model Registry in memory, for trying and testing only, or show what a registry holds.",
    )
    words.add_argument("--port", type=int, default=8080, help="the port on 127.0.0.1 (0: any free one)")
    words.add_argument(
        "--api",
        action="append",
        choices=APIS,
        help="an API version to serve; may be given more than once (default: all of them)",
    )
    commands = words.add_subparsers(dest="command", metavar="show")
    show = commands.add_parser(
        "show", help="print what the registry at MODEL_REGISTRY_URL (else on port 8080 here) holds about a model"
    )
    show.add_argument("model", help="the registered model's name or ID; its newest version is shown")
    return words


def serve(port: int, apis: tuple[str, ...]) -> None:
    """Serve a registry until interrupted."""
    try:
        registry = LocalRegistry(port=port, apis=apis)
    except (OSError, OverflowError) as error:  # the port is taken, reserved or none
        sys.exit(f"Cannot serve on port {port} of 127.0.0.1: {str(error).rstrip('.')}. Choose another one with --port.")
    with registry:
        print(f"Local Model Registry, in memory, for trying and testing only: {registry.url}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print("Stopped; nothing was kept.")
