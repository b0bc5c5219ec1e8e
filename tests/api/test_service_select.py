"""Choosing among patches over REST: a client sends them, real tests decide; what cannot be used starts no run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from agents.settings import Settings
from api.service import LARGEST_BODY, create_app
from tests.api.conftest import commit, git, left_behind
from tests.api.test_ask import ISSUE, PRICE, shop  # noqa: F401  (a fixture)
from tests.api.test_select import TWICE, by_source, diff, patches  # noqa: F401  (a fixture)
from tests.api.test_service import service  # noqa: F401  (a fixture)

pytestmark = pytest.mark.bubblewrap
PAGE = Path(__file__).parents[2] / "docs" / "rest.md"


def chosen(service: httpx.Client, **body: Any) -> dict[str, Any]:  # noqa: F811
    """The run of a request, when it has ended."""
    started = service.post("/v1/runs", json=body)
    assert started.status_code == 202, started.text
    service.get(f"/v1/runs/{started.json()['id']}/events")
    ended: dict[str, Any] = service.get(f"/v1/runs/{started.json()['id']}").json()
    return ended


def winner(run: dict[str, Any]) -> str:
    verdict = run["verdict"]
    return next(str(each["source"]) for each in verdict["candidates"] if each["id"] == verdict["winner"])


@pytest.mark.parametrize("form", ["patches", "predictions"])
def test_patches_that_a_client_sends_are_dropped_tested_and_counted(
    service: httpx.Client,  # noqa: F811
    shop: Path,  # noqa: F811
    patches: dict[str, str],  # noqa: F811
    tmp_path: Path,
    form: str,
) -> None:
    sent: list[dict[str, Any]] = [{"source": name, "patch": patch} for name, patch in patches.items()]
    if form == "predictions":
        sent = [
            {
                "instance_id": "shop-1",
                "model_name_or_path": name,
                "model_patch": patch or None,
                "resolved": name == "gamma",
            }
            for name, patch in patches.items()
        ]
        sent.append({"instance_id": "shop-2", "model_name_or_path": "other", "model_patch": patches["gamma"]})
    more = {"instance": "shop-1"} if form == "predictions" else {}
    run = chosen(service, repo=str(shop), issue=ISSUE, candidates=sent, **more)
    assert run["state"] == "resolved", run["error"]
    assert winner(run) in ("alpha", "beta")
    assert run["patch"] in (patches["alpha"], patches["beta"])
    found = by_source(run["verdict"])
    assert found.keys() == patches.keys()
    assert found["gamma"]["broken"] == ["tests/test_shop.py::test_none"]
    assert {name for name, each in found.items() if each["dropped"]} == {"delta", "epsilon", "zeta", "eta", "theta"}
    assert all(re.fullmatch("[0-9a-f]{64}", each["patch"]) for each in run["request"]["candidates"])
    assert "resolved" not in json.dumps(run["request"])
    assert left_behind(tmp_path / "state") == []


def test_static_runs_nothing(service: httpx.Client, shop: Path, patches: dict[str, str]) -> None:  # noqa: F811
    (shop / "conftest.py").write_text("raise SystemExit('nothing may run')\n")
    commit(shop)
    sent = [{"source": name, "patch": patches[name]} for name in ("alpha", "beta", "gamma")]
    run = chosen(service, repo=str(shop), issue=ISSUE, candidates=sent, static=True)
    assert winner(run) in ("alpha", "beta")
    assert run["verdict"]["probes"] == []
    assert any("nothing was run" in note for note in run["verdict"]["notes"])


def test_crlf_files_and_binary_files_as_git_writes_them(service: httpx.Client, shop: Path) -> None:  # noqa: F811
    (shop / "shop.py").write_bytes(PRICE.replace("\n", "\r\n").encode())
    commit(shop)
    (shop / "shop.py").write_bytes(TWICE.replace("\n", "\r\n").encode())
    (shop / "new.bin").write_bytes(bytes(range(256)))
    git(shop, "add", "-A")
    git(shop, "diff", "--cached", "--binary", "--output", "one.patch")
    patch = (shop / "one.patch").read_bytes().decode()
    (shop / "one.patch").unlink()
    git(shop, "reset", "-q", "--hard")
    run = chosen(service, repo=str(shop), issue=ISSUE, candidates=[{"source": "one", "patch": patch}])
    assert run["state"] == "resolved", run["error"]
    assert run["patch"] == patch


def prediction(instance: Any = "a", patch: Any = "x", **more: Any) -> dict[str, Any]:
    return {"instance_id": instance, "model_name_or_path": "m", "model_patch": patch, **more}


GOOD = {"source": "one", "patch": "x"}


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"candidates": []}, "candidates: there are none; send some, or leave"),
    ({"candidates": None}, "candidates"),
    ({"candidates": "x"}, "candidates"),
    ({"instance": "a"}, "candidates: there are none"),
    ({"static": True}, "static: there are no candidates"),
    (
        {"candidates": [GOOD], "static": True, "test": "pytest", "ask": True},
        "static: nothing is run, so that test and ask",
    ),
    ({"candidates": [GOOD], "junit": "report.xml"}, "junit: it is the report of a test command; name that, too"),
    ({"candidates": [GOOD, 3]}, "candidates[1] holds no patch; send objects with source and patch"),
    ({"candidates": [GOOD, {"source": "a"}]}, "candidates[1] holds no patch"),
    ({"candidates": [GOOD, {"patch": "a"}]}, "candidates[1] has no source (it has patch)"),
    ({"candidates": [GOOD | {"resolved": True}]}, "candidates[0] has a field 'resolved'; send source and patch"),
    ({"candidates": [GOOD | {"patch": None}]}, "candidates[0]: patch must be a text, and is NoneType"),
    ({"candidates": [GOOD | {"source": "\ud800"}]}, "is no Unicode text"),
    ({"candidates": [{"model_patch": "", "instance_id": "a"}]}, "candidates[0] has no model_name_or_path"),
    ({"candidates": [prediction(3)]}, "candidates[0]: instance_id must be a text, and is int"),
    ({"candidates": [prediction(patch=[])]}, "candidates[0]: model_patch must be a text, and is list"),
    ({"candidates": [prediction(), prediction("b")]}, "predictions for 2 issues (a, b); name one with `instance`"),
    ({"candidates": [prediction()], "instance": "c"}, "candidates: no prediction for c"),
    ({"candidates": [GOOD] * 10_000}, "candidates: there are 10000, and a request may have 1000; send those of"),
    (
        {"candidates": [GOOD, GOOD | {"patch": "\0"}]},
        "candidates[1]: the patch holds NUL bytes; `git diff --binary`",
    ),
    (
        {"candidates": [GOOD | {"patch": "diff --git a/b b/b\r\n--- a/b\r\n"}]},
        "git's own lines of the patch end in CRLF",
    ),
    ({"candidates": [GOOD | {"patch": "--- a/b\r\n+++ b/b\r\n@@ -1 +1 @@\r\n"}]}, "end in CRLF"),
    ({"issue": "\ud800"}, "unicode"),
    ({"candidates": [GOOD], "python": "/bin/sh"}, "python: /bin/sh is not the interpreter"),
]


def test_what_cannot_be_used_is_named_and_starts_no_run(service: httpx.Client, repo: Path) -> None:  # noqa: F811
    for fields, says in REFUSED:
        body = json.dumps({"repo": str(repo), "issue": ISSUE} | fields)
        refused = service.post("/v1/runs", content=body, headers={"Content-Type": "application/json"})
        assert refused.status_code == 422, says
        assert says in json.dumps(refused.json()["detail"], ensure_ascii=False)
    assert service.get("/v1/runs").json() == []


def test_a_request_that_is_too_large_is_refused_before_all_of_it_is_read(service: httpx.Client) -> None:  # noqa: F811
    def pieces() -> Any:
        yield from (b" " * (1 << 20) for _ in range((LARGEST_BODY >> 20) + 1))

    for content in (b" " * (LARGEST_BODY + 1), pieces()):
        refused = service.post("/v1/runs", content=content, headers={"Content-Type": "application/json"})
        assert refused.status_code == 413
        assert "larger than 16 MiB; send fewer or smaller candidates" in refused.json()["detail"]
    missing = service.post("/v1/runs", json={"issue": ISSUE, "candidates": [GOOD | {"patch": "x" * (8 << 20)}]})
    assert missing.status_code == 422
    assert len(missing.content) < 1000, "what was sent does not come back"
    assert service.get("/v1/runs").json() == []


def test_the_example_of_the_page_is_what_the_service_takes(service: httpx.Client, repo: Path) -> None:  # noqa: F811
    text = PAGE.read_text()
    (example,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    run = chosen(service, **json.loads(example) | {"repo": str(repo)})
    assert run["state"] == "resolved", run["error"]
    assert winner(run) == "first"
    paths = create_app(Settings(), token="t").openapi()["paths"]
    named = re.findall(r"`(GET|POST) (/\S+)`", text)
    assert {(method, path) for path, methods in paths.items() for method in map(str.upper, methods)} == set(named)
