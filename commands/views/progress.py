"""The progress of a run on a terminal: finished trials scroll by above one live line."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from ...gitlab.record.unicode import escaped


class Show(Protocol):
    """Prints a finished trial's row and renews the live line."""

    def __call__(self, row: str, style: str, live: str) -> None: ...


@contextmanager
def live_line(total: int | None, live: str) -> Iterator[Show]:
    """A live line with a bar of `total` trials, below rows printed through what it yields."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (SpinnerColumn(), BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(highlight=False)
    with Progress(*columns, TextColumn("{task.fields[live]}"), console=console) as bar:
        task = bar.add_task("trials", total=total, live=live)

        def show(row: str, style: str, live: str) -> None:
            console.print(escaped(row), style=style, markup=False, soft_wrap=True)
            bar.update(task, advance=1, live=live)

        yield show
