"""Where in a repository an issue points: ranked files and symbols, a map for the prompt, samples for siblings.

    cache = FactsCache(path)                          facts by content; the next issue of a repository is quicker
    repository = index(CheckoutFiles(checkout), cache)   read once an issue; a plain {path: text} works too
    ranking = rank_files(issue, repository)           files, best first, with symbols and the reasons
    ranking = await refine(issue, ranking, repository, relevance)      optional: a model's second opinion
    prefix = repository_map(repository, ranking, budget_chars)         the same bytes for all trajectories of an issue
    context = sample_context(ranking, seed)           other files for each sibling, the first one always

Without a model and without running anything. How good it is: docs/benchmarks.md. (`agents/repair/localise.py` is another
thing: statements, from the coverage of failing tests.)
"""

from agents.localise.cache import FactsCache
from agents.localise.facts import Symbol
from agents.localise.graph import Modules, imports
from agents.localise.index import Index, index
from agents.localise.rank import WEIGHTS, Weights, rank_files
from agents.localise.ranking import RankedFile, RankedSymbol, Ranking
from agents.localise.relevance import Relevance, Snippet, merge, refine
from agents.localise.repomap import repository_map
from agents.localise.sampling import sample_context
from agents.localise.sources import CheckoutFiles, Sources, Texts

__all__ = [
    "WEIGHTS",
    "CheckoutFiles",
    "FactsCache",
    "Index",
    "Modules",
    "RankedFile",
    "RankedSymbol",
    "Ranking",
    "Relevance",
    "Snippet",
    "Sources",
    "Symbol",
    "Texts",
    "Weights",
    "imports",
    "index",
    "merge",
    "rank_files",
    "refine",
    "repository_map",
    "sample_context",
]
