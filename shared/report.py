"""What is printed, and the shared log's line; no registration depends on it.

Remarks pass `redaction.redact`, since many people read a step's log; what is registered is printed as it is registered,
without secrets by then.
"""

import logging
import sys

from .address import Server
from .redaction import redact
from .registration import Registration
from .versions import Claim

log = logging.getLogger("model_registry")


class RemarkPrinter(logging.StreamHandler):
    """Prints the rooms' remarks, each with its level and without its secrets."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one remark.

        Args:
            record: What a room logged.

        Returns:
            One line, "INFO: …" or "WARNING: …".
        """
        return redact(f"{record.levelname}: {record.getMessage()}")


def print_remarks() -> None:
    """Print from now on what the rooms log, without secrets.

    KFP's executor puts a handler of its own on the root logger, which hides nothing: so no remark reaches that one.
    """
    log.handlers = [RemarkPrinter(sys.stdout)]
    log.setLevel(logging.INFO)
    log.propagate = False


def registration_text(registration: Registration) -> str:
    """Write the whole registration, as it is printed before the first request and for "SKIPPED".

    Args:
        registration: What is about to be written.

    Returns:
        A line for each fact and each property, by name; numbers and texts as Python writes them.
    """
    run = registration.run
    made_by = redact(" / ".join(filter(None, (run.namespace, run.name or run.pipeline_name, run.id))))
    facts = vars(registration.card) | {"location": registration.uri, "run": made_by or "unknown"}
    lines = ["Registration", *(f"  {name}: {value}" for name, value in facts.items() if value)]
    lines += [f"    {name} = {value!r}" for name, value in sorted(registration.properties.items())]
    return "\n".join(lines)


def outcome_text(server: Server, what: str, claim: Claim) -> str:
    """Say what was done, at which address, with all IDs.

    Args:
        server: The registry.
        what: What `versions.register` answered: "registered", "updated", "skipped" or "confirmed".
        claim: The version that it is about.

    Returns:
        One sentence; if nothing was registered, it begins with NOTHING WAS REGISTERED.
    """
    ids = (
        f"model ID {claim.model['id']}, version ID {claim.version['id']}, artifact ID {claim.newest.get('id', 'none')}"
    )
    if what == "skipped":
        return f"NOTHING WAS REGISTERED: {named(claim)} at {server} ({ids}) is another's (on_existing_version=skip)."
    return f"{what.capitalize()} {named(claim)} at {server} ({ids})."


def named(claim: Claim) -> str:
    """Name model and version, such as "digits v1.0.0" or "digits main"."""
    version = claim.version["name"]
    return f"{claim.model['name']} {'v' * version[:1].isdigit()}{version}"


def append_log_line(path: str, what: str, claim: Claim) -> None:
    """Append the shared log's line in one write, so that lines of steps that end together do not mix.

    A line that is there already is written again only with news: so a try that died before its line gets one. A failure
    is a warning: the model is registered by now.

    Args:
        path: The shared log, "" for none.
        what: What `versions.register` answered.
        claim: The version that was registered.
    """
    if not path or what == "skipped":
        return
    line = f"Model Registry: {named(claim)} (ID: {claim.model['id']})\n".encode()
    try:
        with open(path, "a+b", buffering=0) as file:
            file.seek(0)
            if what != "confirmed" or line not in file.read():
                file.write(line)
    except OSError as error:
        log.warning("The shared log %s was not written (%s); the registration is not affected.", path, error.strerror)
