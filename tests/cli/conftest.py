"""Packages that a download takes a model from."""

from tests.models.conftest import index, shelf

__all__ = ["index", "shelf"]
