"""Which modality seeks the other, where a data set is ranked both ways."""

from __future__ import annotations

from ddag.settings.choices import Choice, Modality


class Direction(Choice):
    """Which modality is the query."""

    v2i = "v2i"
    i2v = "i2v"

    @property
    def query(self) -> Modality:
        """Modality of the query."""
        return Modality.visible if self is Direction.v2i else Modality.infrared

    @property
    def gallery(self) -> Modality:
        """Modality of the gallery."""
        return Modality.infrared if self is Direction.v2i else Modality.visible
