"""Text to rows."""


def split_row(line, separator="|"):
    """Cells of one line; a separator after a backslash is part of the cell."""
    cells, cell, escaped = [], "", False
    for char in line:
        if escaped:
            cell += char
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == separator:
            cells.append(cell.strip())
            cell = ""
        else:
            cell += char
    cells.append(cell.strip())
    return cells


def square(rows):
    """Rows of equal length: short ones are filled up with empty cells."""
    longest = min((len(row) for row in rows), default=0)
    return [row + [""] * (longest - len(row)) for row in rows]


def parse(text, separator="|"):
    """Rows of cells; empty lines and lines that begin with # are left out."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return square([split_row(line, separator) for line in lines])
