"""What the component carries into the pod: a room for each noun, each opening with what it knows.

From the top floor down: report, arguments, versions, registry, session, address, registration, cluster, evaluation,
eval_hub, lm_eval, json_outline, location, autogluon, provenance, properties, artifacts, redaction. An import points to a
lower floor only.
"""
