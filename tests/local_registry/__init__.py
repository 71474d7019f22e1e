"""A small, strict Model Registry in memory, on loopback: for trying the component out and for testing it, no more.

It answers like a real Model Registry server where a registration can go wrong: exact status codes, JSON errors, the
LIKE behind `?name=`, names stored as `<parent id>:<name>`, PATCH semantics, numbers as Go prints them, both API
versions, and the ways in which databases compare names. It keeps nothing, checks no rights and knows no other API.

    python tests/local_registry --port 8080 --api v1    serves it
    python tests/local_registry show my-model           prints what the registry at MODEL_REGISTRY_URL holds of a model

In tests:

    with LocalRegistry() as registry:
        registry.inject(503, match=r"POST .*/model_versions$")
        ...
        assert [model["name"] for model in registry.models()] == ["my-model"]

The rooms, each importing from those above it only:

    schema        fields, states and limits of the API's entities; a refusal and its status
    go_numbers    how Go reads and prints numbers
    collations    how databases compare names
    entities      one stored entity and its custom properties
    filter_query  the filter language
    store         the tables, their unique names, what an update does
    bodies        what clients send
    api           the REST API
    faults        a request as it arrived, and what may go wrong with it
    wire          sockets, TLS, HTTP
    server        LocalRegistry: the API on the wire, with the faults that a test arranges
    reading       any registry, read over HTTP and printed for people; it needs none of the above but the schema
    command       the command line
"""

from .command import registry_in_use, show
from .entities import plain_properties, struct_value
from .faults import Request, encoded_error
from .go_numbers import go_double
from .server import LocalRegistry
from .wire import DroppedConnection

__all__ = [
    "DroppedConnection",
    "LocalRegistry",
    "Request",
    "encoded_error",
    "go_double",
    "plain_properties",
    "registry_in_use",
    "show",
    "struct_value",
]
