"""Makes the vector files anew: `install.sh` first, then `python -m tests.conformance.generate`."""

import shutil

from tests.conformance.vectors import FAMILIES, path, render

if __name__ == "__main__":
    node = shutil.which("node")
    if node is None:
        raise SystemExit("node is not installed")
    for family in FAMILIES:
        path(family).write_text(render(family, node), encoding="utf-8")
