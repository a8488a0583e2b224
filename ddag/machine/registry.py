"""Things known by name: this package's own, and those that installed packages bring."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module, metadata
from typing import Generic, TypeVar

from ddag.machine.errors import InputError

Found = TypeVar("Found")


class Registry(Generic[Found]):
    """Objects by name, each imported when it is asked for.

    An installed package adds to it by an entry point of its own: a name, and
    ``module:object``. Nothing else does: no setting and no file names code to be imported.
    """

    def __init__(self, setting: str, group: str, own: Mapping[str, str]) -> None:
        """Know the names.

        Args:
            setting: that names one of them, for messages.
            group: of entry points.
            own: ``module:object`` by name.
        """
        self._setting, self._group, self._own = setting, group, dict(own)

    @property
    def own(self) -> list[str]:
        """This package's own names."""
        return list(self._own)

    @property
    def names(self) -> list[str]:
        """All names, this package's own first."""
        return [*self._own, *sorted(self._brought().keys() - self._own.keys())]

    def find(self, name: str) -> Found:
        """The object of this name.

        Raises:
            InputError: there is none.
        """
        place = self._own.get(name) or self._brought().get(name)
        if place is None:
            raise InputError(
                f"{self._setting}={name}: there is none of this name; use one of"
                f" {', '.join(self.names)}, or install the package that brings it"
            )
        module, _, attribute = place.partition(":")
        found: Found = getattr(import_module(module), attribute)
        return found

    def _brought(self) -> dict[str, str]:
        points = metadata.entry_points()
        if hasattr(points, "select"):
            return {each.name: each.value for each in points.select(group=self._group)}
        return {each.name: each.value for each in points.get(self._group, ())}  # Python 3.9
