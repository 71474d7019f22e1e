"""What is printed, and the shared log's line; no registration depends on it."""

import contextlib
import logging
import os
import sys
from collections.abc import Iterator

from .address import Server
from .redaction import redact
from .registration import Registration
from .versions import Claim

log = logging.getLogger("model_registry")


class RemarkPrinter(logging.StreamHandler):
    """Prints a remark without its secrets."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one remark."""
        return redact(f"{'WARNING' if record.levelno >= logging.WARNING else 'note'}: {record.getMessage()}")


@contextlib.contextmanager
def printed_remarks() -> Iterator[None]:
    """Print the rooms' remarks, and keep them from KFP's handler, which hides nothing."""
    printer = RemarkPrinter(sys.stdout)
    log.addHandler(printer)
    log.setLevel(logging.INFO)
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(printer)
        log.propagate = True


def registration_text(registration: Registration) -> str:
    """Write the whole registration."""
    card, run = registration.card, registration.run
    facts = {
        "model": card.model_name,
        "version": card.version_name,
        "location": registration.uri,
        "format": f"{card.format_name} {card.format_version}".strip(),
        "author": card.author,
        "description": card.description,
        "run": " / ".join(filter(None, (run.namespace, run.name or run.pipeline_name, run.id))) or "unknown",
        "properties": str(len(registration.properties)),
    }
    width = max(map(len, registration.properties), default=0)
    lines = ["Registration", *(f"  {name:<12} {value}" for name, value in facts.items() if value)]
    lines += [f"    {name:<{width}}  {value!r}" for name, value in sorted(registration.properties.items())]
    return redact("\n".join(lines))


def outcome_text(server: Server, what: str, claim: Claim) -> str:
    """Say what was done."""
    version = str(claim.version["name"])
    name = f"{claim.model['name']} {'v' * version[:1].isdigit()}{version}"
    ids = (
        f"model ID {claim.model['id']}, version ID {claim.version['id']}, artifact ID {claim.newest.get('id', 'none')}"
    )
    if what == "skipped":
        return (
            f"NOTHING WAS REGISTERED: {name} exists at {server} ({ids}), is not this run's, and was left as it is "
            "(on_existing_version=skip)."
        )
    return f"{what.capitalize()} {name} at {server} ({ids})."


def append_log_line(path: str, claim: Claim) -> None:
    """Append the shared log's line in one write: many steps do."""
    line = f"Model Registry: {claim.model['name']} v{claim.version['name']} (ID: {claim.model['id']})\n"
    try:
        # No link put there meanwhile may lead astray, no pipe without a reader block.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
        with open(os.open(path, flags, 0o666), "wb", buffering=0) as file:
            file.write(line.encode())
    except OSError as error:
        log.warning("The shared log %s was not written (%s); the registration is not affected.", path, error.strerror)
