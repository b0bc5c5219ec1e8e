"""Bytes to chunks to an answer: laws that hold however the bytes are cut."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.errors import AnswerGarbled
from agents.models.assemble import Assembly
from agents.models.wire import ChunkReader, TooLong

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_OBJECTS = st.dictionaries(st.text(), _JSON, max_size=4)


def _cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[left:right] for left, right in pairwise(edges)]


@given(st.lists(_OBJECTS, max_size=5), st.lists(st.integers(0, 10_000), max_size=8), st.sampled_from(["\n", "\r\n"]))
def test_chunks_do_not_depend_on_how_the_bytes_are_cut(
    objects: list[dict[str, Any]], places: list[int], end: str
) -> None:
    lines = [f": comment{end}data: {json.dumps(each, ensure_ascii=False)}{end}{end}" for each in objects]
    data = ("".join(lines) + f"data: [DONE]{end}{end}").encode("utf-8", "surrogatepass")
    reader = ChunkReader(len(data))
    assert [chunk for part in _cut(data, places) for chunk in reader.feed(part)] == objects
    assert reader.done


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5))
def test_any_bytes_are_chunks_or_garbled(data: bytes, places: list[int]) -> None:
    reader, assembly = ChunkReader(1000), Assembly()
    try:
        for part in _cut(data, places):
            for chunk in reader.feed(part):
                list(assembly.add(chunk))
    except AnswerGarbled:
        pass


@given(_OBJECTS | st.fixed_dictionaries({"choices": st.lists(_OBJECTS), "usage": _OBJECTS | st.none()}))
def test_any_object_is_a_chunk_or_garbled(chunk: dict[str, Any]) -> None:
    assembly = Assembly()
    try:
        list(assembly.add(chunk))
        assembly.choices()
        assembly.usage(0)
    except AnswerGarbled:
        pass


def test_no_more_than_the_limit_is_held() -> None:
    reader = ChunkReader(100)
    assert not list(reader.feed(b"data: " + b"x" * 90))
    with pytest.raises(TooLong):
        list(reader.feed(b"xxxxx"))


@given(st.lists(st.tuples(st.integers(0, 2), st.text()), max_size=20))
def test_pieces_add_up_to_the_texts(pieces: list[tuple[int, str]]) -> None:
    assembly = Assembly()
    heard: dict[int, str] = {}
    for index, text in pieces:
        for at, piece in assembly.add({"choices": [{"index": index, "delta": {"content": text}}]}):
            heard[at] = heard.get(at, "") + piece
    texts = {index: "".join(text for at, text in pieces if at == index) for index, _ in pieces}
    assert [choice.text for choice in assembly.choices()] == [texts[index] for index in sorted(texts)]
    assert heard == {index: text for index, text in texts.items() if text}
