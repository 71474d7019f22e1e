"""Read a results file once, in a fresh process, and print what that cost, as JSON: `read_file.py component|json PATH`.

The memory's growth is the highest resident size while reading (VmHWM) less the one before (VmRSS), so what the imports
take does not count. `ru_maxrss` would not do: Linux hands it on from the parent process.
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import Any


def kibibytes(field: str) -> int:
    """One field of this process' memory as Linux reports it."""
    match = re.search(rf"^{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    if match is None:
        raise SystemExit(f"/proc/self/status has no {field}: memory is measured on Linux only.")
    return int(match[1])


def read_with_json(path: str) -> dict[str, Any]:
    """Read the whole file, as the plain way is."""
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def read_with_component(path: str) -> dict[str, Any]:
    """Read what the component records."""
    from kfp_model_registry import component

    members, remarks = component.read_results(path)
    if remarks:
        raise SystemExit(f"The component could not read {path}: {remarks}")
    return members


def main() -> None:
    """Read the file and print seconds, memory growth in KiB, and the scores that were found."""
    reader, path = sys.argv[1:]
    read = read_with_json
    if reader == "component":
        import kfp_model_registry.component  # noqa: F401 (what importing takes is not what reading takes)

        read = read_with_component
    before = kibibytes("VmRSS")
    began = time.perf_counter()
    members = read(path)
    seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "kib": kibibytes("VmHWM") - before, "scores": members["results"]}))


if __name__ == "__main__":
    main()
