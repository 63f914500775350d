"""What a section found: times, ratios with their spread, and the targets they are held against."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version

from tests.bench.measure import Spread

PACKAGES = (
    "fastapi",
    "pydantic",
    "cryptography",
    "python-jose",
    "uvicorn",
    "clerk-backend-api",
    "fastapi_clerk_auth",
)


@dataclass(frozen=True)
class Figure:
    """One contender's own number, in the unit of its section."""

    name: str
    spread: Spread


@dataclass(frozen=True)
class Ratio:
    """Two contenders compared within each round, and the bound on the median, if there is one."""

    name: str
    spread: Spread
    at_most: float | None = None
    at_least: float | None = None

    @property
    def target(self) -> str:
        """The bound in words, empty without one."""
        if self.at_most is not None:
            return f"<= {self.at_most:.2f}"
        return "" if self.at_least is None else f">= {self.at_least:.2f}"

    @property
    def met(self) -> bool:
        """Does the median keep the bound?"""
        above = self.at_least is None or self.spread.median >= self.at_least
        return above and (self.at_most is None or self.spread.median <= self.at_most)

    @property
    def verdict(self) -> str:
        """Met or missed, empty without a target."""
        if not self.target:
            return ""
        return "met" if self.met else "MISSED"


@dataclass(frozen=True)
class Section:
    """One comparison: the contenders' figures and the ratios that count."""

    title: str
    unit: str
    figures: Sequence[Figure]
    ratios: Sequence[Ratio]


def as_text(conditions: Mapping[str, str], sections: Sequence[Section]) -> str:
    """Everything as tables for people: the median, and the middle half of the rounds."""
    lines = [f"{key}: {value}" for key, value in conditions.items()]
    for section in sections:
        rows = [_figure_row(figure, section.unit) for figure in section.figures]
        rows += [_ratio_row(ratio) for ratio in section.ratios]
        width = max(len(row[0]) for row in rows)
        lines += ["", section.title, "-" * len(section.title)]
        lines += [
            f"  {name:<{width}}{median:>10}{span:>18}  {remark}".rstrip()
            for name, median, span, remark in rows
        ]
    return "\n".join(lines)


def as_json(conditions: Mapping[str, str], sections: Sequence[Section]) -> str:
    """Everything for programs, times in the unit of their section."""
    document = {
        "conditions": dict(conditions),
        "sections": [
            {
                "title": section.title,
                "unit": section.unit,
                "figures": [asdict(figure) for figure in section.figures],
                "ratios": [
                    {**asdict(ratio), "met": ratio.met if ratio.target else None}
                    for ratio in section.ratios
                ],
            }
            for section in sections
        ],
    }
    return json.dumps(document, indent=2)


def missed(sections: Sequence[Section]) -> list[Ratio]:
    """The ratios whose median is on the wrong side of their target."""
    return [ratio for section in sections for ratio in section.ratios if not ratio.met]


def conditions_here() -> dict[str, str]:
    """What the figures depend on besides the code."""
    packages = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    return {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "packages": packages,
    }


def _figure_row(figure: Figure, unit: str) -> tuple[str, str, str, str]:
    spread = figure.spread
    span = f"{spread.lower:.1f} - {spread.upper:.1f}"
    return figure.name, f"{spread.median:.1f}", span, unit


def _ratio_row(ratio: Ratio) -> tuple[str, str, str, str]:
    spread = ratio.spread
    span = f"{spread.lower:.3f} - {spread.upper:.3f}"
    return ratio.name, f"{spread.median:.3f}", span, f"{ratio.target} {ratio.verdict}"
