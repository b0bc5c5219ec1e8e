"""Patches of other systems are read as they come; what cannot be read is named by file, line and field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agents.errors import BadCandidates
from agents.predictions import Prediction, read_predictions


def lines(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def row(instance: str, patch: str | None, **more: Any) -> dict[str, Any]:
    return {"instance_id": instance, "model_patch": patch, **more}


def test_a_directory_of_patches(tmp_path: Path) -> None:
    (tmp_path / "b.diff").write_bytes(b"two\r\n")
    (tmp_path / "a.patch").write_bytes(b"\xff one")
    (tmp_path / "readme.txt").write_text("not read")
    assert read_predictions([tmp_path]) == [Prediction("a", b"\xff one\n"), Prediction("b", b"two\r\n")]


def test_a_directory_is_read_at_any_depth_and_sources_are_named_by_their_paths(tmp_path: Path) -> None:
    (tmp_path / "sub" / "more").mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    (tmp_path / "b.diff").write_bytes(b"b")
    (tmp_path / "sub" / "b.diff").write_bytes(b"deep")
    (tmp_path / "sub" / "more" / "c.v1.jsonl").write_text(json.dumps(row("i", "deeper")) + "\n")
    (tmp_path / ".git" / "d.diff").write_bytes(b"not read")
    found = [(each.source, each.patch) for each in read_predictions([tmp_path])]
    assert found == [("b", b"b\n"), ("sub/b", b"deep\n"), ("sub/more/c.v1", b"deeper\n")]


def test_a_file_that_is_given_twice_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.diff").write_bytes(b"a\n")
    (tmp_path / "link.diff").symlink_to("a.diff")
    assert read_predictions([tmp_path / "a.diff", tmp_path, tmp_path / "a.diff"]) == [Prediction("a", b"a\n")]


def test_a_file_whose_name_is_not_utf_8_is_named_in_what_json_can_hold(tmp_path: Path) -> None:
    (tmp_path / "\udcff.diff").write_bytes(b"a\n")
    assert read_predictions([tmp_path]) == [Prediction("\\xff", b"a\n")]


@pytest.mark.parametrize("form", ["jsonl", "list", "object", "one"])
def test_predictions_in_each_form(tmp_path: Path, form: str) -> None:
    one = row("x-1", "diff", model_name_or_path="m")
    path = tmp_path / ("preds.jsonl" if form == "jsonl" else "preds.json")
    forms = {
        "jsonl": one,
        "list": [one],
        "object": {"x-1": {"model_patch": "diff", "model_name_or_path": "m"}},
        "one": one,
    }
    path.write_text(json.dumps(forms[form]))
    assert read_predictions([path]) == [Prediction("m", b"diff\n", "x-1")]


def test_one_issue_of_several_and_several_patches_of_one_source(tmp_path: Path) -> None:
    path = lines(tmp_path / "p.jsonl", row("x-1", "a"), row("x-2", "b"), row("x-1", "c"), row("x-1", None))
    found = read_predictions([path], "x-1")
    assert [(each.source, each.sample, each.patch) for each in found] == [
        ("p", 1, b"a\n"),
        ("p", 2, b"c\n"),
        ("p", 3, b""),
    ]
    with pytest.raises(BadCandidates, match=r"2 issues \(x-1, x-2\); name one with --instance"):
        read_predictions([path])
    with pytest.raises(BadCandidates, match="no prediction for x-3"):
        read_predictions([path], "x-3")


def test_ten_thousand_predictions_are_read(tmp_path: Path) -> None:
    path = lines(tmp_path / "many.jsonl", *(row(f"x-{place % 100}", f"patch {place}") for place in range(10_000)))
    assert len(read_predictions([path], "x-7")) == 100


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"instance_id": "x"}', "line 1 has no model_patch (it has instance_id)"),
        ('{"instance_id": "x", "model_patch": ""}\n{"patch": 1}', "line 2 has no instance_id (it has patch)"),
        ('{"instance_id": 3, "model_patch": ""}', "instance_id must be a text, and is int"),
        ('{"instance_id": "x", "model_patch": ["a"]}', "model_patch must be a text, and is list"),
        ('{"instance_id": "x", "model_patch": "", "model_name_or_path": {}}', "model_name_or_path must be a text"),
        (r'{"instance_id": "x", "model_patch": "", "model_name_or_path": "m\ud800"}', "is no Unicode text"),
        ("[1]", "line 1 is no object"),
        ("{", "line 1 is not JSON"),
        ("[" * 100_000, "line 1 is not JSON"),
        ("\xff", "line 1 is not JSON"),
        ("", "no patch; give .diff or .patch files"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(BadCandidates) as caught:
        read_predictions([path])
    assert says in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_missing_and_an_empty_place(tmp_path: Path) -> None:
    with pytest.raises(BadCandidates, match="cannot be read: No such file"):
        read_predictions([tmp_path / "nowhere.diff"])
    with pytest.raises(BadCandidates, match=r"holds no \.diff"):
        read_predictions([tmp_path])
