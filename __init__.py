"""A Kubeflow Pipelines component that registers a trained model in Kubeflow Model Registry."""

from .component import model_registry

__all__ = ["model_registry"]
