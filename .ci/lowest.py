"""Print the lowest version that pyproject.toml allows of each direct dependency, as constraints."""

import re
import tomllib
from pathlib import Path

REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(\[[\w,-]+\])?>=(?P<version>[\w.]+)")


def main() -> None:
    """Print one `name==version` a line; a dependency without a lower bound is an error."""
    project = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]
    for requirement in [
        *project["dependencies"],
        *(entry for extra in project["optional-dependencies"].values() for entry in extra),
    ]:
        found = REQUIREMENT.fullmatch(requirement)
        if found is None:
            raise SystemExit(f"no lower bound in {requirement!r}")
        print(f"{found['name']}=={found['version']}")


if __name__ == "__main__":
    main()
