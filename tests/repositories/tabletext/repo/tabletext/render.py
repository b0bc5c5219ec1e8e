"""Rows to text."""

from .layout import sides, widths


def render_row(row, wide, side):
    cells = [f"{cell:{where}{width}}" for cell, width, where in zip(row, wide, side)]
    return " | ".join(cells).rstrip()


def render(rows, rule="-"):
    """The first row is the head; a rule stands below it."""
    if not rows:
        return ""
    wide, side = widths(rows), sides(rows)
    head = render_row(rows[0], wide, ["<"] * len(wide))
    line = "-+-".join(rule * width for width in wide)
    return "\n".join([head, line, *(render_row(row, wide, side) for row in rows[1:])])
