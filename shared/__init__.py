"""What the component carries into the pod: a module ("room") for each noun, each opening with what it knows.

From the top floor down: report, arguments, versions, registry, session, registration, cluster, address, evaluation,
json_outline, location, provenance, properties, redaction. An import points to a lower floor only.
"""
