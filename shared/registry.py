"""Models, versions and artifacts on the server: list, find, create once, update, explain; it knows no policy.

Answers are read raw: others may have stored what the client's models refuse (10-digit ints, structs; measured).
"""

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .address import Server
from .redaction import redact
from .registration import JSON, given, writable
from .session import Reply, Session

PAGE_SIZE = 500
MODELS = "/registered_models"
MANGLED = str.maketrans("\\'\"", "___")

log = logging.getLogger("model_registry")


@contextlib.contextmanager
def opened(server: Server) -> Iterator["Registry"]:
    """Connect for one registration, over one connection.

    Args:
        server: How the registry is reached.

    Yields:
        The registry, closed afterwards.
    """
    session = Session(server)
    try:
        yield Registry(session)
    finally:
        session.close()


class Registry:
    """A Model Registry server, and what this registration has done there by now.

    What cannot be done ends in the error that `failure` makes.

    Attributes:
        session: The connection.
        held: What was registered or updated so far, in the words of an error.
        unsure: What may or may not have been done, since its answer was lost; "" if all is known.
        has_written: Whether this registration made or changed anything.
    """

    def __init__(self, session: Session) -> None:
        """Begin with nothing registered."""
        self.session = session
        self.held: list[str] = []
        self.unsure = ""
        self.has_written = False

    def listed(self, path: str, filter_query: str = "") -> list[JSON]:
        """List entities, all pages of them.

        Args:
            path: Below the API version, such as "/registered_models".
            filter_query: What to find, in the server's filter language; "" for all.

        Returns:
            The entities as JSON. A list below an unknown parent is empty.
        """
        entities: list[JSON] = []
        token = ""
        while True:
            query = given(filterQuery=filter_query, pageSize=str(PAGE_SIZE), nextPageToken=token)
            tries = self.session.ask("GET", path, [*query.items()])
            page = tries[-1].document
            items = (page.get("items") or []) if tries[-1].is_yes and isinstance(page, dict) else None
            if not isinstance(items, list) or not all(map(is_entity, items)):
                raise self.failure(tries, f"reading {path}")
            entities += items
            if not (token := page.get("nextPageToken") or ""):
                return entities

    def read(self, path: str) -> JSON:
        """Read an entity by its ID.

        Args:
            path: Below the API version, such as "/model_versions/7".

        Returns:
            The entity as JSON.
        """
        tries = self.session.ask("GET", path, [])
        if tries[-1].is_yes and is_entity(tries[-1].document):
            return dict(tries[-1].document)
        raise self.failure(tries, f"reading {path}")

    def find(self, path: str, name: str) -> JSON | None:
        """Find the entity of exactly this name in a list, None if there is none; a filter may find look-alikes."""
        return next((entity for entity in self.listed(path, name_filter(name)) if entity.get("name") == name), None)

    def create(self, path: str, body: JSON, read_back: Callable[[], JSON | None], what: str) -> tuple[JSON, bool]:
        """Create an entity once, whatever becomes of the answer.

        After a 409 (somebody was faster) and after a lost answer it is read back before it is sent again.

        Args:
            path: The list that it goes into.
            body: The entity; it has a name.
            read_back: Finds it, if it is there.
            what: What it is, for errors.

        Returns:
            The entity, and whether this call made it.

        Raises:
            RuntimeError: The database takes the name for another one that is there.
        """
        tries: list[Reply] = []
        while True:
            tries.append(self.session.send("POST", path, [], body))
            reply = tries[-1]
            if reply.is_yes and is_entity(reply.document):
                self.has_written = True
                self.warn_of_merged(body, reply)
                return {"name": body["name"], **reply.document}, True
            if reply.status != 409:
                if reply.is_yes or reply.is_transient:
                    self.unsure = f"the creation of {what}"
                if not (self.unsure and self.session.waits_for(tries)):
                    raise self.failure(tries, f"creating {what}")
            found = read_back()
            self.unsure = ""
            if found:
                return found, False
            if reply.status == 409:
                raise self.name_taken(path, body["name"], what)

    def update(self, path: str, present: JSON, fields: JSON, what: str) -> bool:
        """Change an entity, unless it says all that already.

        Args:
            path: The entity.
            present: What the server shows of it.
            fields: What it shall say. The property map has to be whole: a PATCH replaces it (measured).
            what: What it is, for errors.

        Returns:
            Whether a request was made.
        """
        if all(present.get(field) == value or not (value or present.get(field)) for field, value in fields.items()):
            return False
        # A PATCH without properties fails on structs, and one without a state turns ARCHIVED into LIVE (measured).
        shown = (present | fields).get("customProperties") or {}
        body = fields | given(state=present.get("state"), customProperties=writable(shown))
        tries = self.session.ask("PATCH", path, [], body)
        if not tries[-1].is_yes or not is_entity(tries[-1].document):
            if any(reply.is_yes or reply.is_transient for reply in tries):
                self.unsure = f"the update of {what}"
            raise self.failure(tries, f"updating {what}")
        self.has_written = True
        self.held.append(f"the update of {what}")
        self.warn_of_merged(body, tries[-1])
        return True

    def touch(self, model: JSON) -> None:
        """Move a model up in the UI's list, which the last change orders (measured); a failure is a remark."""
        reply = self.session.send("PATCH", f"{MODELS}/{model['id']}", [], {"state": model.get("state")})
        if not reply.is_yes:
            log.info("The model keeps its place in the registry's list (status %s: %s).", reply.status, reply.message)

    def warn_of_merged(self, sent: JSON, reply: Reply) -> None:
        """Say what was kept otherwise than it was sent: which names are one is the affair of a database's collation."""
        kept = reply.document.get("customProperties") or {}
        holds = [
            f"{name!r} now holds {plain_value(kept.get(name))}"
            for name, value in sent.get("customProperties", {}).items()
            if kept.get(name) != value and "struct_value" not in value
        ]
        if holds:
            text = (
                "The registry kept properties otherwise than they were sent (its database may take names for one): %s."
            )
            log.warning(text, ", ".join(holds[:10]))

    def name_taken(self, path: str, name: str, what: str) -> Exception:
        """Explain a conflict about a name that is not there: MySQL takes `Foo` and `foo` for one (measured)."""
        spellings = sorted({str(entity.get("name")) for entity in self.listed(path, name_filter(name))})
        others = ", ".join(map(repr, spellings)) or "another spelling"
        step = f"use {spellings[0]!r}" if spellings else f"look for it in the registry's list of {path}"
        return RuntimeError(
            redact(
                f"The registry at {self.session.server} refuses {what}: its database takes {others} and {name!r} for "
                f"one name. {self.standing()} Next: {step}, or another name."
            )
        )

    def refuse_archived(self, entity: JSON, what: str) -> None:
        """Raise a RuntimeError for a model or version that somebody has archived: a PATCH could revive it."""
        if entity.get("state") == "ARCHIVED":
            raise RuntimeError(
                f"The registry at {self.session.server} holds {what} (ID {entity['id']}), but it is ARCHIVED. Nothing "
                "in it was changed. Next: restore it, or register under another name."
            )

    def standing(self) -> str:
        """Say what is registered by now, and what is not known."""
        held = f"Registered so far: {', '.join(dict.fromkeys(self.held))}" if self.held else "Nothing was registered"
        if self.unsure:
            return f"{held}; whether {self.unsure} was done is not known, since the answer was lost."
        return f"{held}; the rest is not." if self.held else f"{held}."

    def failure(self, tries: list[Reply], doing: str) -> Exception:
        """Make the error for what a request came to.

        Args:
            tries: The request's replies.
            doing: What it was for, as in "reading /registered_models".

        Returns:
            A ConnectionError, PermissionError or RuntimeError: what happened, at which address, what is registered, and
            what to do next; without secrets.
        """
        kind, what, step = explained(tries, doing, self.session)
        return kind(redact(f"The registry at {self.session.server} {what}. {self.standing()} Next: {step}"))


def is_entity(document: Any) -> bool:
    """Tell whether JSON can be an entity: a login page or another service may answer 200, too."""
    is_one = isinstance(document, dict) and bool(document.get("id"))
    return is_one and isinstance(document.get("customProperties") or {}, dict)


def name_filter(name: str) -> str:
    r"""Write the filter that finds a name, and perhaps look-alikes (`?name=` is an SQL LIKE; measured).

    The server strips quotes from a literal's ends and makes a version's `=` a LIKE, where `\` never matches itself (its
    source, internal/db/filter): there `_` is any character.
    """
    if "\\" in name or name.strip("'\"") != name:
        return f"name LIKE '%{name.translate(MANGLED)}'"
    literal = name.replace("'", "\\'")
    return f"name = '{literal}'"


def explained(tries: Sequence[Reply], doing: str, session: Session) -> tuple[type[Exception], str, str]:
    """Explain what tries came to: which error it is, what the registry does, what to do next."""
    reply, message = tries[-1], tries[-1].message
    if reply.advice:
        return ConnectionError, f"cannot be spoken to so: {message}", reply.advice
    if reply.is_transient:
        answer = f"answers with status {reply.status}" if reply.status else "does not answer"
        check = "check the server, registry_address, registry_port and NetworkPolicies"
        if reply.status == 500:
            check = "show this message to who runs the registry and its database"
        step = f"{check}; then run this step again, which completes what is missing and doubles nothing."
        return ConnectionError, f"{answer} when {doing}: {message} ({len(tries)} tries)", step
    if reply.status in (401, 403):
        return PermissionError, *refused(reply, f"(status {reply.status} when {doing}: {message}); {sender(session)}")
    # The server says in plain text that it has no such path (measured); a list of all models is always there.
    if reply.status == 404 and (reply.document is None or doing == f"reading {MODELS}"):
        return (
            ConnectionError,
            f"serves neither Model Registry API, v1 or v1alpha3 (status 404: {message})",
            "check the address, the port and the path prefix: another service or a proxy answers.",
        )
    if reply.status < 400:
        answer = f"what is no Model Registry JSON when {doing}: {message[:120]}"
        return (
            ConnectionError,
            f"answers {answer}" if reply.is_yes else f"redirects to {reply.headers.get('Location', 'nowhere')}",
            "check registry_address: a login page or another service answers there.",
        )
    step = "correct what the message names and run this step again."
    if reply.status == 407:
        step = "let the proxy pass this step, or name the registry's host in NO_PROXY."
    return RuntimeError, f"refuses {doing} (status {reply.status}): {message}", step


def refused(reply: Reply, details: str) -> tuple[str, str]:
    """Explain who refuses: the registry, or the service mesh in front of it."""
    if "RBAC: access denied" in reply.text:  # as an Istio sidecar says
        step = "let an AuthorizationPolicy allow this pod's account, which its sidecar proves; no role binding helps."
        return f"is behind a service mesh that denies access {details}", step
    if reply.status == 403:
        step = "give this pod's account access to this registry (a role binding in the registry's namespace)."
        return f"denies access {details}", step
    step = "give the pod a token that this registry accepts, and an address that tokens may go to (https, in-cluster)."
    return f"wants to know who asks {details}", step


def sender(session: Session) -> str:
    """Say whose tokens were sent, or why none was."""
    if not session.sent:
        return f"no token was sent ({session.server.tokenless})"
    return f"sent: {', then '.join(map(str, session.sent))}"


def plain_value(typed: JSON | None) -> str:
    """Write a property's value for people."""
    return next((repr(value) for key, value in (typed or {}).items() if key != "metadataType"), "nothing")
