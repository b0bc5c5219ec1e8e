"""From the name that a user gives to a Model: NAME at the endpoints of the settings, scripted:FILE, or replay:DIR."""

from __future__ import annotations

import os
from pathlib import Path

from agents.addresses import plain_address, plain_name
from agents.errors import KeyUnusable, NoSuchEndpoint, NoSuchModel
from agents.models import Model
from agents.models.account import Account
from agents.models.client import Retry, ServedModel
from agents.models.endpoint import Endpoint, Patience
from agents.models.metered import Metered
from agents.models.replay import Replay, recorded_models
from agents.models.scripted import Scripted
from agents.models.secrets import Secrets
from agents.models.turn import Prices
from agents.settings import Settings

DEFAULT_BASE_URL = "http://127.0.0.1:8000/v1"  # where vLLM listens
KEY = "OPENAI_API_KEY"


async def open_model(
    name: str, settings: Settings, account: Account, *, base_url: str | None = None, retry: Retry | None = None
) -> Model:
    """Open a model; what is wrong with its name, address or key is said here, before any work. Of a record of several
    models, the first.

    base_url: goes before the settings'; an address in the name (NAME@URL) before both, and is asked without
    a key. Raises ModelError.
    """
    kind, colon, where = name.partition(":")
    if colon and kind == "scripted":
        return Metered(Scripted.load(Path(where)), account)
    if colon and kind == "replay":
        return open_record(Path(where), settings, account)[0]
    if not name.strip():
        raise NoSuchModel("the model's name is empty; runoff model check lists what an endpoint has")
    served, at, url = name.rpartition("@")
    retry = retry or Retry(patience_s=settings.patience_s)
    if at and url.startswith(("http://", "https://")):
        patience = Patience(settings.first_token_s, settings.between_tokens_s)
        found = [
            Endpoint(url, served, patience=patience)
        ]  # the key is that of the usual address, and goes nowhere else
    else:
        found = endpoints(name, settings, base_url)
    model = ServedModel(found, account, retry=retry)
    try:
        await model.open()
    except BaseException:
        await model.close()
        raise
    return model


def open_record(directory: Path, settings: Settings, account: Account) -> list[Model]:
    """The models whose calls a directory holds. Raises BadModelFile."""
    names = recorded_models(directory)
    account.refuses = False  # the record has what the budget refused
    return [Metered(Replay(directory, secrets(settings), name=name), account) for name in names]


def endpoints(name: str, settings: Settings, base_url: str | None = None) -> list[Endpoint]:
    """The endpoints of a model: the given address, else the settings', else where vLLM listens. Commas separate several.

    Raises NoSuchEndpoint, KeyUnusable.
    """
    given = plain_address(base_url or settings.base_url or DEFAULT_BASE_URL)
    addresses = dict.fromkeys(filter(None, (each.strip() for each in given.split(","))))
    if not addresses:
        raise NoSuchEndpoint(f"{given!r} holds no address; write e.g. {DEFAULT_BASE_URL}")
    patience = Patience(settings.first_token_s, settings.between_tokens_s)
    served, sent = plain_name(name), key()
    return [Endpoint(each, served, key=sent, patience=patience) for each in addresses]


def key() -> str | None:
    """The key of the environment, without the line's end that a mounted secret has. Raises KeyUnusable, which does not show
    it."""
    found = os.environ.get(KEY, "").strip()
    if not (found.isascii() and found.isprintable()):
        raise KeyUnusable(
            f"the key in {KEY} cannot be sent: it holds a character that is no printable ASCII; put the key alone into it, on "
            "one line"
        )
    return found or None


def prices(settings: Settings) -> Prices:
    """What the settings say of prices."""
    return Prices(settings.price_prompt, settings.price_completion, settings.price_cached)


def secrets(settings: Settings) -> Secrets:
    """What must not be written down, with the environment variables that the settings name."""
    return Secrets(settings.secrets)
