"""How wide the columns are, and on which side the cells stand."""


def is_number(cell):
    try:
        float(cell)
    except ValueError:
        return False
    return True


def widths(rows):
    """The widest cell of each column."""
    if not rows:
        return []
    return [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]


def sides(rows):
    """ ">" for columns whose body holds only numbers, "<" for the others."""
    body = rows[1:]
    found = []
    for column in range(len(rows[0]) if rows else 0):
        cells = [row[column] for row in body if row[column]]
        found.append(">" if cells and all(is_number(cell) for cell in cells) else "<")
    return found
