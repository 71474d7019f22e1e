"""Whose version it is, and what the four policies do; it knows paths and entities, but no HTTP.

A version is *ours* if this run made it, in this try or in an earlier one: it carries this run's ID, and its artifact
has our location or is missing. What is ours is completed and corrected, so that a retry is safe; what is not is up to
`on_existing_version`.
If two runs race for one version name, it belongs to the run whose artifact the version has.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .address import Server
from .properties import remark
from .redaction import redact, without_credentials
from .registration import JSON, OWN_NAMES, Registration, semantic_version, text_property
from .registry import MODELS, Registry, opened


@dataclass(frozen=True)
class Claim:
    """A version, its model artifacts, and whether they are ours (no volume claim); what is not ours was not touched.

    Attributes:
        model: The registered model, as the server shows it.
        version: Its version.
        artifacts: The version's model artifacts, oldest first.
        is_ours: Whether this run made it, or has just written it.
    """

    model: JSON
    version: JSON
    artifacts: Sequence[JSON] = ()
    is_ours: bool = False

    @property
    def newest(self) -> JSON:
        """The artifact that KServe takes, {} without one."""
        return self.artifacts[-1] if self.artifacts else {}


def register(server: Server, registration: Registration, policy: str) -> tuple[str, Claim]:
    """Find or create registered model, version and artifact.

    Args:
        server: How the registry is reached; one connection is opened for all of it.
        registration: What to write.
        policy: What to do with somebody else's version: "fail", "skip", "update" or "increment".

    Returns:
        What was done ("registered", "updated", "skipped", or "confirmed" if nothing was left to do), and the version.

    Raises:
        RuntimeError: Model or version is archived, the version is somebody else's (policy "fail"), its name is taken in
            another spelling, others keep updating it, or the server refuses.
        ConnectionError: The server cannot be reached or trusted, or is no Model Registry.
        PermissionError: It denies access.
    """
    with opened(server) as registry:
        model, is_new = find_or_create_model(registry, registration)
        what, claim = decided(registry, model, registration, policy)
        if registry.has_written and not is_new:
            registry.touch(model)
        return (what, claim) if registry.has_written or what == "skipped" else ("confirmed", claim)


def find_or_create_model(registry: Registry, registration: Registration) -> tuple[JSON, bool]:
    """Find the registered model, or create it; tell whether it was created here."""
    name = registration.card.model_name
    what = f"the registered model {name!r}"
    model, is_new = registry.find(MODELS, name), False
    if not model:
        body = registration.model_body()
        model, is_new = registry.create(MODELS, body, lambda: registry.find(MODELS, name), what)
    registry.held.append(f"{what} (ID {model['id']})")
    registry.refuse_archived(model, what)
    return model, is_new


def decided(registry: Registry, model: JSON, registration: Registration, policy: str) -> tuple[str, Claim]:
    """Take the version if it is free or ours, else do what the policy says."""
    claim = claimed(registry, model, registration, registration.card.version_name)
    if claim.is_ours:
        return "registered", claim
    if policy == "increment":
        return "registered", next_free_version(registry, model, registration)
    registry.refuse_archived(claim.version, f"version {claim.version['name']!r} of {model['name']!r}")
    if policy == "fail":
        raise version_exists(registry, claim, registration)
    if policy == "update":
        return "updated", written(registry, claim, registration)
    return "skipped", claim


def claimed(registry: Registry, model: JSON, registration: Registration, name: str) -> Claim:
    """Take a version name: make the version, or complete and correct what an earlier try of ours left."""
    path = f"{MODELS}/{model['id']}/versions"
    body = registration.version_body(name, model["id"])
    what = f"version {name!r} of {model['name']!r}"
    version, is_new = registry.create(path, body, lambda: registry.find(path, name), what)
    if is_new:
        return completed(registry, Claim(model, version), registration)
    claim = Claim(model, version, model_artifacts(registry, version))
    return corrected(registry, claim, registration) if is_ours(claim, registration) else claim


def is_ours(claim: Claim, registration: Registration) -> bool:
    """Tell whether this run made a version in an earlier try (README, "Re-runs").

    Without a run ID the location alone decides, and a version without run and artifact, perhaps made by hand, is taken
    over: else a retry would not find what a try left that died before the artifact. Two models that a run registers
    under one name are no retries.
    """
    version_run = text_property(claim.version, "pipeline_run_id")
    has_our_uri = claim.newest.get("uri") == registration.uri
    if not registration.run_id:
        return has_our_uri or (not claim.artifacts and not version_run)
    is_our_run = registration.run_id in (version_run, claim.newest.get("modelSourceId"))
    return is_our_run and (has_our_uri or not claim.artifacts)


def model_artifacts(registry: Registry, version: JSON) -> list[JSON]:
    """List a version's model artifacts, oldest first: IDs are numbers that the server counts up."""
    artifacts = registry.listed(f"/model_versions/{version['id']}/artifacts")
    models = [artifact for artifact in artifacts if artifact.get("artifactType") == "model-artifact"]
    return sorted(models, key=lambda artifact: int(artifact["id"]))


def completed(registry: Registry, claim: Claim, registration: Registration) -> Claim:
    """Give a version its artifact, if it has none.

    The artifact has a fixed name, and a version has one artifact of a name: of two runs at once one gets a 409 here,
    and reads back whose version it is.
    """
    version, artifacts = claim.version, claim.artifacts
    registry.held.append(f"its version {version['name']!r} (ID {version['id']})")
    if not artifacts:

        def read_back() -> JSON | None:
            found = model_artifacts(registry, version)
            ours = [artifact for artifact in found if artifact.get("uri") == registration.uri]
            return next(reversed(ours or found), None)

        what = f"the model artifact of version {version['name']!r}"
        path = f"/model_versions/{version['id']}/artifacts"
        artifacts = [registry.create(path, registration.artifact_body(), read_back, what)[0]]
    is_ours = artifacts[-1].get("uri") == registration.uri
    if not is_ours:
        registry.held.pop()
    return replace(claim, artifacts=artifacts, is_ours=is_ours)


def corrected(registry: Registry, claim: Claim, registration: Registration) -> Claim:
    """Complete and correct a version of ours, unless somebody archived it; it keeps what only it knows of its run."""
    registry.refuse_archived(claim.version, f"version {claim.version['name']!r} of {claim.model['name']!r}")
    registration = registration.with_facts_of(claim.version, claim.newest)
    claim = completed(registry, claim, registration)
    return written(registry, claim, registration) if claim.is_ours else claim


def written(registry: Registry, claim: Claim, registration: Registration) -> Claim:
    """Write a version and its artifacts, read both back, and repeat that if another update came in between.

    A PATCH has no condition, so two updates at once could leave the version of one run with the artifact of the other.
    Each goes on until it reads both as its own: of twenty at once all end so, and the last one's is what stays
    (measured; a PATCH locks its entity, by the server's source).
    """
    claim = claim if claim.artifacts else completed(registry, claim, registration)
    path = f"/model_versions/{claim.version['id']}"
    attempt = 0
    while sends_changes(registry, claim, registration):
        version = registry.read(path)
        claim = replace(claim, version=version, artifacts=model_artifacts(registry, version))
        if names_only(claim, registration):
            break
        what = f"version {version['name']!r} of {claim.model['name']!r} (version ID {version['id']})"
        give_way(registry, attempt, what, ", so it may now mix two runs")
        attempt += 1
    return replace(claim, is_ours=True)


def sends_changes(registry: Registry, claim: Claim, registration: Registration) -> bool:
    """Send what version and artifacts do not say yet; tell whether there was anything.

    The artifact comes first: by it a step that dies in between finds its version again.
    """
    version, is_changed = claim.version, False
    fields = registration.artifact_fields()
    for artifact in claim.artifacts:
        # An unknown run keeps no link to an older one, and no storageKey or storagePath leads elsewhere than a new URI.
        links = "modelSource" if artifact.get("uri") == registration.uri else ("modelSource", "storage")
        stale = {name: "" for name in artifact if name.startswith(links) and name not in fields}
        path = f"/model_artifacts/{artifact['id']}"
        is_changed |= registry.update(path, artifact, fields | stale, "the model artifact")
    fields = registration.version_fields(version)
    remark(
        "Properties of others that ours replace, since their names differ in case alone",
        [
            name
            for name in version.get("customProperties") or {}
            if name not in fields["customProperties"] and not OWN_NAMES.match(name)
        ],
    )
    # Who changed the artifact writes the version, too, whatever it said: another update may be about to write it.
    present = {"state": version.get("state")} if is_changed else version
    path, what = f"/model_versions/{version['id']}", f"the version {version['name']!r}"
    return registry.update(path, present, fields, what) or is_changed


def names_only(claim: Claim, registration: Registration) -> bool:
    """Tell whether a version and all its artifacts name our run and our location."""
    source = registration.artifact_fields().get("modelSourceId", "")
    named = {(artifact.get("uri"), artifact.get("modelSourceId") or "") for artifact in claim.artifacts}
    is_our_run = text_property(claim.version, "pipeline_run_id") == registration.run_id
    return is_our_run and named == {(registration.uri, source)}


def next_free_version(registry: Registry, model: JSON, registration: Registration) -> Claim:
    """Claim the version that an earlier try of this run made, or else the patch version beyond the highest.

    Who loses a race for it waits a random while and looks at the list again: 64 that counted up made 1,848 POSTs
    (measured).
    """
    stem, _ = semantic_version(registration.card.version_name) or ("", 0)
    attempt = 0
    while True:
        siblings = [
            (parsed[1], version)
            for version in registry.listed(f"{MODELS}/{model['id']}/versions", f"name LIKE '{stem}%'")
            if (parsed := semantic_version(str(version.get("name")))) and parsed[0] == stem
        ]
        if not attempt and (claim := earlier_try(registry, model, registration, [version for _, version in siblings])):
            return claim
        highest = max((patch for patch, _ in siblings), default=0)
        claim = claimed(registry, model, registration, f"{stem}{highest + 1}")
        if claim.is_ours:
            return claim
        give_way(registry, attempt, f"the next version of {model['name']!r}")
        attempt += 1


def earlier_try(registry: Registry, model: JSON, registration: Registration, versions: list[JSON]) -> Claim | None:
    """Complete and correct the version that an earlier try of this run made, if there is one."""
    candidates = [
        Claim(model, version, model_artifacts(registry, version))
        for version in versions
        if registration.run_id in ("", text_property(version, "pipeline_run_id"))
    ]
    # One without an artifact comes last: it may be another step's, which is about to give it one.
    candidates.sort(key=lambda claim: not claim.artifacts)
    ours = (corrected(registry, claim, registration) for claim in candidates if is_ours(claim, registration))
    return next((claim for claim in ours if claim.is_ours), None)


def give_way(registry: Registry, attempt: int, what: str, consequence: str = "") -> None:
    """Wait a random while for others who write the same, longer each time; a RuntimeError when the time is over."""
    if not registry.session.waits(random.random() * 2.0 ** min(attempt, 4), f"others write {what}, too"):
        raise RuntimeError(
            f"At {registry.session.server} others keep writing {what} at the same time{consequence}. "
            f"{registry.standing()} Next: run this step again, alone."
        )


def version_exists(registry: Registry, claim: Claim, registration: Registration) -> Exception:
    """Explain whose the version is, and what the caller can do."""
    version, artifact = claim.version, claim.newest
    run = text_property(version, "pipeline_run_id") or artifact.get("modelSourceId") or ""
    run_name = text_property(version, "pipeline_run_name") or artifact.get("modelSourceName") or run
    made_by = f"run {run_name!r} (ID {run})" if run else "something that left no run ID"
    theirs = without_credentials(str(artifact.get("uri") or ""))
    location = f"with the model at {theirs}" if theirs else "without a model's location"
    this = f"run {registration.run_id}" if registration.run_id else "this step, whose run ID is unknown,"
    text = (
        f"Version {version['name']!r} of {claim.model['name']!r} exists at {registry.session.server} (version ID "
        f"{version['id']}), registered by {made_by} {location}; {this} has its model at "
        f"{registration.uri}. Nothing was changed. Next: set another model_version, or on_existing_version to "
        "increment (take the next free patch version), update (replace it) or skip (leave it)."
    )
    return RuntimeError(redact(text))
