"""Run the compiled component's whole command, installation included, as a pod on a fresh image does.

    python .ci/pod.py ENVIRONMENT

ENVIRONMENT is a virtual environment without packages. KFP installs itself there without its dependencies, so only this
shows whether what the pod installs is all that it needs.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.builders import executor_input, metrics, model_artifact
from tests.local_registry import LocalRegistry
from tests.shipped import container


def main(environment: Path) -> None:
    """Register a model from the environment, and fail if the registry does not hold it then."""
    pod = container()
    path = f"{environment.resolve() / 'bin'}:{os.environ['PATH']}"
    with tempfile.TemporaryDirectory() as folder, LocalRegistry() as registry:
        artifacts = {"input_model": model_artifact(uri="gs://bucket/model"), "input_metrics": metrics({"loss": 0.5})}
        given = executor_input({"pvc_mount_path": folder, "registry_address": registry.url}, artifacts, folder)
        arguments = [json.dumps(given) if word == "{{$}}" else word for word in pod["args"]]
        subprocess.run([*pod["command"], *arguments], check=True, cwd=folder, env={**os.environ, "PATH": path})
        (artifact,) = registry.artifacts()
        if artifact["uri"] != "gs://bucket/model":
            sys.exit(f"The registry holds another location: {artifact['uri']}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
