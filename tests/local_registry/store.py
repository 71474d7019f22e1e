"""What is stored: the registry's tables, their unique names, their limits and what an update does to them; no HTTP."""

# ruff: noqa: D102, D107

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Literal

from .collations import Collation, collated, is_like
from .entities import Entity, overwritten
from .go_numbers import go_int32
from .schema import JSON, NAME_LIMIT, TITLES, URI_LIMIT, ApiError, Kind

MapOrder = Literal["as sent", "reversed"]


def checked_id(text: str) -> int:
    """An entity's ID, a number of 32 bits."""
    try:
        return go_int32(text)
    except ValueError as error:
        raise ApiError(400, f"invalid id: {error}") from error


class Store:
    """The registry's tables and their rules; no HTTP. One lock around every call."""

    def __init__(self, collation: Collation, keeps_old_types: bool, map_order: MapOrder) -> None:
        self.collation = collation
        self.keeps_old_types = keeps_old_types
        self.map_order = map_order
        self.lock = threading.RLock()
        self.contexts: dict[int, Entity] = {}
        self.artifacts: dict[int, Entity] = {}
        self.names: dict[tuple[str, str], Entity] = {}
        self.children: dict[tuple[Kind, int | None], list[Entity]] = {}

    def table(self, kind: Kind) -> dict[int, Entity]:
        return self.artifacts if kind == "artifact" else self.contexts

    def of_kind(self, kind: Kind) -> Iterator[Entity]:
        return (entity for entity in self.table(kind).values() if entity.kind == kind)

    def get(self, kind: Kind, entity_id: str) -> Entity:
        entity = self.table(kind).get(checked_id(entity_id))
        if entity is None or entity.kind != kind:
            raise ApiError(404, f"no {TITLES[kind]} found for id {entity_id}")
        return entity

    def children_of(self, kind: Kind, parent_id: str) -> list[Entity]:
        """What lies in a parent: nothing, and no error, if there is no such parent."""
        return self.children.get((kind, checked_id(parent_id)), [])

    def create(self, kind: Kind, name: str, parent: int | None, fields: JSON) -> Entity:
        """Add an entity with these JSON fields, unless a limit or a unique name forbids it."""
        table = self.table(kind)
        now = str(time.time_ns() // 1_000_000)
        entity = Entity(kind, len(table) + 1, parent, name, {"customProperties": {}, **without_nulls(fields)})
        entity.fields.update(createTimeSinceEpoch=now, lastUpdateTimeSinceEpoch=now)
        entity.fields["customProperties"] = self.kept_properties({}, entity.fields["customProperties"])
        if len(entity.stored_name) > NAME_LIMIT:
            raise ApiError(500, f"ERROR: value too long for type character varying({NAME_LIMIT}) (SQLSTATE 22001)")
        self.check_limits(entity.fields)
        self.check_external_id(entity, fields)
        name_key = (entity.scope, collated(entity.stored_name, self.collation))
        if name_key in self.names:
            raise already_there(entity)
        table[entity.id] = self.names[name_key] = entity
        self.children.setdefault((kind, entity.parent), []).append(entity)
        return entity

    def update(self, entity: Entity, fields: JSON) -> Entity:
        """Replace the fields that are given; a state that is not given falls back to its default, null keeps it.

        What is not given, the server writes back as it gives it out: for a struct that is no base64, and refused.
        """
        self.check_limits(fields)
        self.check_external_id(entity, fields)
        kept = {} if "customProperties" in fields else entity.fields["customProperties"]
        if any(stored["metadataType"] == "MetadataStructValue" for stored in kept.values()):
            raise ApiError(400, "unable to decode a struct value: illegal base64 data at input byte 0")
        default_state = "UNKNOWN" if entity.kind == "artifact" else "LIVE"
        before = entity.fields["customProperties"]
        entity.fields.update(without_nulls({"state": default_state, **fields}))
        entity.fields["customProperties"] = self.kept_properties(before, entity.fields["customProperties"])
        entity.fields["lastUpdateTimeSinceEpoch"] = str(time.time_ns() // 1_000_000)
        return entity

    def kept_properties(self, before: JSON, sent: JSON) -> JSON:
        """The property map as the database keeps it: names that it takes for equal are one, silently.

        The server writes property after property, in the order of a Go map, which is any: the first spelling stays, or
        the one that is there already, and gets the last one's value (measured).
        """
        kept = {name: before[name] for name in before if name in sent}
        spellings = {collated(name, self.collation): name for name in kept}
        for name in sent if self.map_order == "as sent" else reversed(sent):
            spelling = spellings.setdefault(collated(name, self.collation), name)
            old = kept.get(spelling) if self.keeps_old_types else None
            kept[spelling] = overwritten(old, sent[name])
        return {name: kept[name] for name in sent if name in kept}

    def check_external_id(self, entity: Entity, fields: JSON) -> None:
        """An external ID, an empty one too, is unique among artifacts, and among registered models and versions."""
        wanted = fields.get("externalId")
        if wanted is None:
            return
        for other in self.table(entity.kind).values():
            theirs = other.fields.get("externalId")
            if other is not entity and theirs is not None and self.is_one(theirs, wanted):
                raise already_there(entity)

    def is_one(self, one: str, other: str) -> bool:
        """Whether the database takes two texts for one."""
        return collated(one, self.collation) == collated(other, self.collation)

    def check_limits(self, fields: JSON) -> None:
        if len((fields.get("uri") or "").encode(errors="surrogatepass")) > URI_LIMIT:
            raise ApiError(500, f"ERROR: index row size exceeds btree maximum: a uri has at most {URI_LIMIT} bytes")
        if any(len(name) > NAME_LIMIT for name in fields.get("customProperties") or {}):
            raise ApiError(500, f"ERROR: value too long for type character varying({NAME_LIMIT}) (SQLSTATE 22001)")

    def find(self, kind: Kind, name: str, parent_id: str, external_id: str) -> Entity:
        """The one entity that a name (an SQL LIKE!) within a parent finds, or, without a name, an external ID."""
        parent = checked_id(parent_id) if parent_id and kind != "model" else None
        if not external_id and not (name and (kind == "model" or parent_id)):
            raise ApiError(400, "invalid parameters: either (name and parentResourceId) or externalId is needed")
        found = [entity for entity in self.of_kind(kind) if parent in (None, entity.parent)]
        if name:
            start = "" if kind == "model" else "%:" if kind == "artifact" or parent is None else f"{parent}:"
            found = [entity for entity in found if is_like(entity.stored_name, start + name, self.collation)]
        else:
            found = [entity for entity in found if self.is_one(entity.fields.get("externalId", ""), external_id)]
        if len(found) > 1:
            raise ApiError(404, f"multiple {TITLES[kind]}s found for name={name}, externalId={external_id}")
        if not found:
            raise ApiError(404, f"no {TITLES[kind]} found for name={name}, externalId={external_id}")
        return found[0]


def already_there(entity: Entity) -> ApiError:
    """A conflict, in the server's words, which name the entity even where its external ID is the one that is taken."""
    return ApiError(409, f"{TITLES[entity.kind]} with name {entity.name} already exists")


def without_nulls(fields: JSON) -> JSON:
    """The fields that are given."""
    return {name: value for name, value in fields.items() if value is not None}
