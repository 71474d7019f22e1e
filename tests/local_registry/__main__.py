"""`python tests/local_registry`: the command line, also where Python is given the folder and knows no package."""

import importlib
import sys
from pathlib import Path

package = __package__
if not package:
    package = "local_registry"
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # in place of the folder itself, whose rooms are no packages

if __name__ == "__main__":
    importlib.import_module(f"{package}.command").main()
