"""Tables as plain text."""

from .layout import widths
from .parse import parse
from .render import render

__all__ = ["parse", "render", "widths"]
