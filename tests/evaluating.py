"""What tests of evaluations read: genuine files of lm-eval, and the properties that a results file comes to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .subject import evaluation

LM_EVAL = Path(__file__).parent / "fixtures" / "lm_eval"


def recorded(path: Path, metadata: dict[str, Any] | None = None) -> dict[str, float | str]:
    """What is recorded of a results file, or a folder with one, beside what the evaluation step logged."""
    return dict(evaluation.evaluation_properties(metadata or {}, evaluation.read_results(str(path)), ""))
