"""Addresses of model servers, as people give them: they are written down with the Run, so that nothing secret may stand
in them."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from agents.errors import NoSuchEndpoint
from agents.text import Text

_WHY = "no user and no password may stand in an address, since it is written down, and they would not be sent"
_NAMED = re.compile(r"://.*@|@[^/]*:.*@", re.DOTALL)  # NAME@http://USER:PASSWORD@HOST, with and without the scheme


def plain_address(url: str) -> str:
    """The address, or several with commas, as it is. Raises NoSuchEndpoint, which shows no password, when it may hold one: a
    password may have any character, so that what stands before an @ tells nothing."""
    if "@" in url:
        raise NoSuchEndpoint(
            f"{_shown(url)}: {_WHY}; give the key in OPENAI_API_KEY (and write %40 for an @ of the path)"
        )
    return url


def plain_name(name: str) -> str:
    """A model's name as it is, where it is NAME@URL with a plain address. Raises NoSuchEndpoint."""
    if _NAMED.search(name):
        raise NoSuchEndpoint(
            f"{_shown(name)}: {_WHY}; write NAME@URL, which is asked without a key, or name the model's server with --base-url "
            "and give the key in OPENAI_API_KEY"
        )
    return name


def _shown(text: str) -> str:
    return re.sub(r"^(https?://)?.*@", r"\1…@", text, count=1, flags=re.DOTALL | re.IGNORECASE)


Address = Annotated[Text, AfterValidator(plain_address)]
ModelName = Annotated[Text, AfterValidator(plain_name)]
