"""The small project of the gate's tests."""

from tests.gate.conftest import house, project

__all__ = ["house", "project"]
