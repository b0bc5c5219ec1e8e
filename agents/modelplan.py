"""The Run's own first plan when a language model resolves it, or when candidates are given: checkout, base run,
localisation.

Tests are wanted and not needed: where none can be run, no candidate is verified, and the verdict says so.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from agents.errors import HarnessFailed, ModelError, NoSuchModel, PricesUnknown, UnusableTests
from agents.firstplan import AtCommit, Nothing, first_plan
from agents.given import GivenCandidates
from agents.judge import Judge
from agents.live import LiveRun
from agents.localise import (
    CheckoutFiles,
    FactsCache,
    Index,
    Ranking,
    Snippet,
    index,
    rank_files,
    refine,
    repository_map,
    sample_context,
)
from agents.models import Account, Admission, Model, Recalling, Recorder
from agents.models.load import open_model, open_record, prices, secrets
from agents.models.record import claim
from agents.opinion import Opinion
from agents.repair import SourceFile, Unreadable, read_source
from agents.repair.examples import find_examples
from agents.replayed import record_directory
from agents.testrun import Example
from agents.tools import SPECS as TOOLS
from agents.trajectory import ModelPolicy, Prefix, Shared, Source
from agents.verification import tests_of
from executor import Memo, Slots
from memory import Cache, LimitExceeded
from planner import VOLATILE, ToolSpec, always
from selection import is_test
from workspaces import Workspaces

OPINION = "opinion"  # the Journal's event
_CHECKOUT = "base = checkout()"
_TESTS = "tests = run_tests(commit=base.commit)"
_PLACES = "places = find_places(commit=base.commit)"
_MAP_CHARACTERS = 12_000
_SHOWN = 12  # files that localisation names to every trajectory


async def run_model_plan(live: LiveRun, *, tried: int, deepened: Sequence[int]) -> None:
    """Fill the LiveRun with a base run, if tests can be run, and a policy that goes on after `tried` candidates, and after
    those that went on when they had been cut.

    Raises the first error of a Call: a repository or a model that cannot be used.
    """
    tools = _Tools(live)
    if live.request.model is not None:  # before any work: what is wrong with it, a person wants to know at once
        await tools.open_models()
    statements = (_CHECKOUT, _PLACES) if live.request.static else (_CHECKOUT, _TESTS, _PLACES)
    await first_plan(live, "\n".join(statements), SPECS, tools)
    live.policy = tools.given(tried) if live.request.candidates else await tools.policy(tried, deepened)


class _Tools:
    def __init__(self, live: LiveRun) -> None:
        self._live = live
        self._overview = ""
        self._contexts: tuple[str, ...] = ("",)
        self._models: dict[str, Model] = {}  # by their names, the first one to begin with
        self._tests = live.tests = tests_of(live)

    async def checkout(self, _: Nothing) -> dict[str, Any]:
        found = await self._live.check_out()
        return {"commit": found.commit}

    async def run_tests(self, _: AtCommit) -> dict[str, Any]:
        """Nothing fails and nothing passes where no test can be run."""
        live = self._live
        try:
            base = await self._tests.base()
        except (UnusableTests, HarnessFailed) as error:
            if live.request.candidates and live.request.test:
                raise  # to choose by these tests is what was asked for
            live.evidence.untested = f"no test can be run, so that no candidate is verified: {error}"
            return {"failing": [], "passing": []}
        live.evidence.base = base
        live.journal.append("base.ran", {"failing": list(base.failing), "passing": len(base.passing)})
        return {"failing": list(base.failing), "passing": list(base.passing)}

    async def find_places(self, _: AtCommit) -> dict[str, Any]:
        live = self._live
        files, ranking = await asyncio.to_thread(self._rank)
        if live.settings.relevance and self._models and not live.request.candidates:
            ranking = await refine(live.request.issue, ranking, files, self._opinion)
        await asyncio.to_thread(self._show, files, ranking)
        shown = [{"path": each.path, "score": round(each.score, 3)} for each in ranking.top(_SHOWN)]
        live.journal.append("localised", {"files": len(ranking), "places": shown})
        return {"places": shown}

    def _rank(self) -> tuple[Index, Ranking]:
        live = self._live
        assert live.checkout is not None
        files = index(CheckoutFiles(live.checkout), FactsCache(live.settings.state_dir / "localise.db"))
        live.imported = files.named
        return files, rank_files(live.request.issue, files)

    async def _opinion(self, issue: str, snippets: Sequence[Snippet]) -> Mapping[str, float]:
        """The first model's, once for a Run; none where it gives none. A Run that goes on keeps to what it began with, since
        all its trajectories share what follows from it."""
        live = self._live
        if live.journal.last("localised") is not None:
            known = live.journal.last(OPINION)
            return known.data["scores"] if known else {}
        model = next(iter(self._models.values()))
        opinion = Opinion(model, run_id=live.id, answer_tokens=live.settings.answer_tokens)
        scores: Mapping[str, float] = {}
        try:
            scores = await opinion(issue, snippets)
        except (ModelError, LimitExceeded) as error:
            live.journal.append("note", {"text": f"the files are ranked without the model's opinion: {error}"})
        live.journal.append(OPINION, {"scores": scores})
        return scores

    def _show(self, files: Index, ranking: Ranking) -> None:
        """What trajectories are told of it, and the examples that may vote."""
        live = self._live
        live.evidence.examples = self._examples(ranking)
        places = "\n".join(_place(each) for each in ranking.top(_SHOWN))
        drawn = repository_map(files, ranking, _MAP_CHARACTERS)
        self._overview = f"{drawn}\n\nWhere the issue seems to point, the likeliest first:\n{places}"
        samples = [sample_context(ranking, seed, size=4) for seed in range(1, live.settings.trajectories)]
        self._contexts = ("", *("Look closely at " + ", ".join(each.path for each in sample) for sample in samples))

    def _examples(self, ranking: Ranking) -> tuple[Example, ...]:
        """Documented examples in the Python files that the issue seems to be about, and in the issue."""
        live, sources = self._live, dict[str, SourceFile]()
        assert live.checkout is not None
        for each in ranking.top(_SHOWN):
            if each.path.endswith(".py") and not is_test(each.path):
                with contextlib.suppress(Unreadable):  # then nobody can run its examples
                    sources[each.path] = read_source(each.path, live.checkout.read(each.path))
        return find_examples(sources, live.request.issue)

    async def open_models(self) -> None:
        live = self._live
        request, settings = live.request, live.settings
        hidden, known = secrets(settings), prices(settings)
        others = () if request.candidates else request.other_models or ()
        asked = list(dict.fromkeys((request.model or "", *others)))
        served = sum(not each.startswith(("scripted:", "replay:")) for each in asked)
        if served > 1 and live.ledger.budget.usd is not None:
            raise PricesUnknown(
                f"budget: usd={live.ledger.budget.usd:g} cannot be kept for several models, since there is one price for all; "
                "limit tokens instead, or leave --other-model out"
            )
        if served and live.ledger.budget.usd is not None and not known.known:
            raise PricesUnknown(
                f"budget: usd={live.ledger.budget.usd:g} can only be kept when prices are known: set RUNOFF_PRICE_PROMPT and "
                "RUNOFF_PRICE_COMPLETION (dollars for a million tokens), or limit tokens instead"
            )
        account = Account(live.ledger, live.journal, prices=known, secrets=hidden)
        if asked[0].startswith("replay:"):
            models = open_record(Path(asked[0].removeprefix("replay:")), settings, account)
            self._models = {each.name: Recalling(each, live.journal) for each in models}
        else:
            for each in asked:
                model = await open_model(each, settings, account, base_url=request.base_url)
                live.stack.push_async_callback(model.close)
                if model.name in self._models:
                    raise NoSuchModel(
                        f"two models are named {model.name}; name each once (--base-url takes several servers of one)"
                    )
                self._models[model.name] = Recalling(model, live.journal)
            directory = record_directory(request, settings, live.id)
            await asyncio.to_thread(claim, directory, live.id)
            self._models = {name: Recorder(model, directory, hidden) for name, model in self._models.items()}
        judge = next(iter(self._models.values()))
        live.judge = Judge(judge, request.issue, live.journal, run_id=live.id, answer_tokens=settings.answer_tokens)

    def given(self, tried: int) -> GivenCandidates:
        live = self._live
        assert live.checkout is not None
        if live.request.static:
            live.evidence.untested = "nothing was run: the patches were only compared with each other"
        live.evidence.given = len(live.request.candidates)
        patches = [(each.source, each.sample, live.store.files.get(each.patch)) for each in live.request.candidates]
        return GivenCandidates(patches, live.checkout, drawn=tried)

    async def policy(self, tried: int, deepened: Sequence[int]) -> ModelPolicy:
        live, settings = self._live, self._live.settings
        assert live.checkout is not None
        assert live.live is not None
        python, _ = await live.interpreter()
        shared = Shared(
            checkout=live.checkout,
            workspaces=Workspaces(live.live),
            start=live.sandbox_on,
            tests=self._tests.runner,
            python=python,
            model=next(iter(self._models.values())),
            prefix=Prefix.build(live.request.issue, self._overview, TOOLS, settings.plan_form, self._contexts),
            journal=live.journal,
            store=live.store,
            run_id=live.id,
            issue_key=live.id,
            slots=Slots(sandbox=2 * settings.workers),
            form=settings.plan_form,
            answer_tokens=settings.answer_tokens,
            memo=self._memo(python),
            secrets=secrets(settings),
        )
        return ModelPolicy(
            shared,
            live.checkpoints(),
            {
                name: Source(model, Admission(partial(model.load, live.id), leader_first=settings.leader_first))
                for name, model in self._models.items()
            },
            most=settings.trajectories,
            at_once=settings.workers,
            drawn=tried,
            deepened=deepened,
        )

    def _memo(self, python: str) -> Memo:
        """What trajectories look up in a base commit, for this Run and later ones."""
        live = self._live
        shelf = Cache(live.settings.state_dir / "memo.db")
        live.stack.callback(shelf.close)
        return Memo(shelf=shelf, salt=f"{version('runoff')} {live.request.image} {python}")


def _place(each: Any) -> str:
    symbols = ", ".join(ranked.symbol.qualified for ranked in each.symbols[:4])
    return f"- {each.path}" + (f": {symbols}" if symbols else "")


_EFFECTS = always(VOLATILE)
SPECS = (
    ToolSpec("checkout", "The files of the base commit.", Nothing, "host", 0.1, _EFFECTS),
    ToolSpec("run_tests", "Run every test on base.", AtCommit, "sandbox", 5.0, _EFFECTS),
    ToolSpec("find_places", "Rank files and symbols by the issue's text.", AtCommit, "host", 2.0, _EFFECTS),
)
