"""Tests of the model registry component."""
