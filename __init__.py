"""A Kubeflow Pipelines component that registers a trained model in Kubeflow Model Registry."""

import asyncio
import functools
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .component import model_registry

__all__ = ["model_registry"]


def callable_here(function: Callable[..., str]) -> Callable[..., str]:
    """Let the function run in this process, too, as people try it in notebooks.

    Args:
        function: What runs in a pod, where its rooms are the package `shared`.

    Returns:
        The same function for a process without a pod: KFP finds the original's source and signature in it.
    """

    @functools.wraps(function)
    def call(*arguments: object, **named: object) -> str:
        rooms = str(Path(__file__).parent)
        if rooms not in sys.path:
            sys.path.append(rooms)  # last, since somebody's own package may be called `shared`, too
        if not is_in_event_loop():
            return function(*arguments, **named)
        with ThreadPoolExecutor(1) as thread:  # a thread has one loop, and the registry's session runs its own
            return thread.submit(function, *arguments, **named).result()

    return call


def is_in_event_loop() -> bool:
    """Tell whether this thread runs an event loop, as a notebook's does."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


model_registry.python_func = callable_here(model_registry.python_func)
