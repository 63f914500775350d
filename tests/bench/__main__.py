"""The benchmark as a program: `python -m tests.bench`."""

import argparse
import asyncio
import sys
from collections.abc import Callable

from tests.bench.added import measure_added_time
from tests.bench.imports import measure_imports
from tests.bench.jwks import served_key_set
from tests.bench.material import Material, make_material
from tests.bench.report import Section, as_json, as_text, conditions_here, missed
from tests.bench.throughput import measure_throughput
from tests.bench.verification import measure_verification

TOKENS = 10_000


def main() -> int:
    """Measure and print; with `--check`, a missed target is a failure."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("section", nargs="*", help=f"only these of {', '.join(MEASURES)}")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a target is missed")
    options = parser.parse_args()
    if unknown := sorted(set(options.section) - set(MEASURES)):
        parser.error(f"no such section: {', '.join(unknown)}")
    material = make_material(TOKENS)
    sections = [MEASURES[name](material) for name in options.section or MEASURES]
    show = as_json if options.json else as_text
    sys.stdout.write(show(conditions_here(), sections) + "\n")
    return 1 if options.check and missed(sections) else 0


def _verification(material: Material) -> Section:
    return asyncio.run(measure_verification(material))


def _added(material: Material) -> Section:
    with served_key_set(material.instance) as jwks_url:
        return asyncio.run(measure_added_time(material, jwks_url))


def _throughput(material: Material) -> Section:
    return asyncio.run(measure_throughput(material))


def _imports(_: Material) -> Section:
    return measure_imports()


MEASURES: dict[str, Callable[[Material], Section]] = {
    "verification": _verification,
    "added": _added,
    "throughput": _throughput,
    "imports": _imports,
}


if __name__ == "__main__":
    sys.exit(main())
