"""What may be wrong with a statement, one file for each family. To add a family, write a function of a `Site` and list it.

compare · numbers · conditions · constants · names · calls · subscripts · results · insert · move · reuse · signatures
"""

from agents.repair.edits import calls, compare, conditions, constants, insert, move, names, numbers, results, reuse
from agents.repair.edits import subscripts as subs
from agents.repair.edits.contract import Edit, Family, Site
from agents.repair.edits.signatures import defaults, module_constants

FAMILIES: tuple[Family, ...] = (
    compare.operators, compare.operands,
    numbers.off_by_one, numbers.arithmetic, numbers.terms, numbers.augmented,
    conditions.boolean, conditions.negated, conditions.guards, conditions.conjuncts, conditions.replaced,
    conditions.filters,
    constants.literals, constants.names_for_constants, constants.filled,
    names.variables, names.attributes, names.attributes_added, names.missing_self,
    calls.arguments, calls.keywords, calls.functions, calls.unwrapped, calls.wrapped, calls.to_assignment,
    subs.exchanged, subs.indices, subs.slices, subs.parts, subs.elements, subs.ranges,
    results.values, results.returned, results.exceptions,
    insert.base_case, insert.filled, insert.assigned, insert.copied, insert.left,
    move.left_out, move.exchanged, move.out_of_block, move.into_block, move.kinds_of_block,
    reuse.expressions, reuse.targets,
)  # fmt: skip

__all__ = ["FAMILIES", "Edit", "Family", "Site", "defaults", "module_constants"]
