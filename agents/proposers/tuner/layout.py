"""How knobs lie in the cube that the Gaussian process sees."""

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise

from .knobs import Knob
from .knobs.domains import Place


class Layout:
    """A knob has one place in a row, a choice without neighbours as many as it has values."""

    def __init__(self, knobs: Sequence[Knob]) -> None:
        self._knobs = knobs
        widths = [max(knob.domain.categories, 1) for knob in knobs]
        self.spans = list(pairwise([0, *accumulate(widths)]))
        """From where to before where each knob lies."""

    @property
    def choices(self) -> list[tuple[int, int]]:
        """The spans of choices without neighbours."""
        pairs = zip(self._knobs, self.spans, strict=True)
        return [span for knob, span in pairs if knob.domain.categories]

    def row(self, places: Mapping[str, Place]) -> list[float]:
        """The places of knobs in a row; a knob's own value stands for what is not told."""
        row: list[float] = []
        for knob, (first, end) in zip(self._knobs, self.spans, strict=True):
            place = places.get(knob.name, knob.domain.place(knob.value))
            is_choice = knob.domain.categories > 0
            spread = [float(at == place) for at in range(end - first)]
            row += spread if is_choice else [float(place)]
        return row

    def places(self, row: Sequence[float]) -> dict[str, Place]:
        """The reverse."""
        parts = (row[first:end] for first, end in self.spans)
        return {
            knob.name: part.index(max(part)) if knob.domain.categories else part[0]
            for knob, part in zip(self._knobs, parts, strict=True)
        }
