"""The rules, in the order in which they apply."""

from tests.conformance.requests.rows import carriers, handshakes, machines, sessions
from tests.conformance.requests.rule import Rule

__all__ = ["ROWS", "RULES"]

RULES: tuple[Rule, ...] = (
    *sessions.RULES,
    *carriers.RULES,
    *machines.RULES,
    *handshakes.RULES,
)

ROWS = tuple(dict.fromkeys(rule.row for rule in RULES))
"""Their names, as in docs/deviations.md."""
