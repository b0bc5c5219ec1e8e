"""Lines for a person."""

from stockroom.valuation import bound, value


def shelf_line(ledger, item):
    free, reserved = ledger.free(item.code), ledger.reserved(item.code)
    return f"{item.code:<10}{free:>6}{reserved:>6}"


def summary(ledger, items):
    lines = [shelf_line(ledger, item) for item in sorted(items, key=lambda item: item.code)]
    lines.append(f"worth {value(ledger, items)}, of which {bound(ledger, items)} reserved")
    return "\n".join(lines)
