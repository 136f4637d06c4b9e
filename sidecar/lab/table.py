"""Text tables with aligned columns.  Pure; knows nothing of what it shows."""

from collections.abc import Sequence


def render(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The table as text, a rule under the header, columns as wide as their widest cell."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [header, ["─" * width for width in widths], *rows]
    return "\n".join(line(cells, widths) for cells in lines)


def line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """One line of a table whose columns have these widths."""
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
