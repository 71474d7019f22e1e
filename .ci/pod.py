"""Run a compiled component's whole command as a pod does, installation included, and look at what got registered.

    python .ci/pod.py ENVIRONMENT
    python .ci/pod.py ENVIRONMENT light

ENVIRONMENT is a virtual environment without packages: it stands for the image. KFP installs itself there without its
dependencies, so only this shows whether what the pod installs is all that it needs. The light step installs nothing:
its image is made by the Containerfile, whose commands are run in the environment.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests import image
from tests.builders import executor_input, metrics, model_artifact
from tests.local_registry import LocalRegistry
from tests.shipped import container, light, run_command


def register(given: dict[str, Any], environment: Path, **variables: str) -> None:
    """Register a model from the environment, and fail if the registry does not hold it then."""
    with tempfile.TemporaryDirectory() as folder, LocalRegistry() as registry:
        artifacts = {"input_model": model_artifact(uri="gs://bucket/model"), "input_metrics": metrics({"loss": 0.5})}
        parameters = {"pvc_mount_path": folder, "registry_address": registry.url}
        passed = executor_input(parameters, artifacts, folder)
        code, output = run_command(given, Path(folder), passed, environment, **variables)
        if code or [artifact["uri"] for artifact in registry.artifacts()] != ["gs://bucket/model"]:
            sys.exit(f"{output}\nExit code {code}; the registry holds {registry.artifacts()}")


def register_lightly(environment: Path) -> None:
    """Register a model with the light step, in an image made by the Containerfile."""
    image.install(environment)
    with tempfile.TemporaryDirectory() as root:
        register(container(light), environment, **image.copy(Path(root)))


if __name__ == "__main__":
    environment = Path(sys.argv[1])
    if sys.argv[2:] == ["light"]:
        register_lightly(environment)
    else:
        register(container(), environment)
