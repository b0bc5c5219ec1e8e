"""Long output is cut in the middle; the whole stays readable, by whoever was given its id and by nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.errors import NothingFound
from agents.tools import cut_middle
from agents.tools.output import Outputs
from memory.files import FileStore

text = st.lists(st.text("ab \n", max_size=60), max_size=60).map("\n".join)


@given(text, st.integers(10, 1000))
def test_a_cut_text_keeps_its_head_and_its_tail_and_says_what_is_missing(whole: str, limit: int) -> None:
    cut = cut_middle(whole, limit, "0123")
    if len(whole) <= limit:
        assert cut == whole
        return
    head, marker, tail = cut.partition("[… ")
    said, end, tail = tail.partition(" …]\n")
    assert marker and end
    missing = int(said.split(" of ")[0])
    start = int(said.split("start=")[1].split(")")[0])
    assert whole.startswith(head.removesuffix("\n")) and len(head) - start in (0, 1)
    assert whole.endswith(tail)
    assert start + missing + len(tail) == len(whole)
    assert start + len(tail) <= limit


async def test_an_id_opens_the_whole_output_in_any_process(tmp_path: Path) -> None:
    identity = await Outputs(FileStore(tmp_path)).keep("x" * 50_000)
    assert await Outputs(FileStore(tmp_path)).read(identity) == "x" * 50_000


@pytest.mark.parametrize("identity", ["", "0", "../../etc/passwd", "0123456789abcdef", "*" * 16, "0" * 64, "\ud800"])
async def test_what_nobody_kept_cannot_be_guessed_or_reached(tmp_path: Path, identity: str) -> None:
    outputs = Outputs(FileStore(tmp_path))
    kept = await outputs.keep("a secret of another run")
    with pytest.raises(NothingFound, match="there is no output"):
        await outputs.read(identity)
    with pytest.raises(NothingFound):
        await outputs.read(kept[:4])
