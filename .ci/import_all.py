"""Import every module of the installed package: the core dependencies alone must do."""

import importlib
import pkgutil
import sys

import clerk_fastapi

NEEDS_PYTEST = "clerk_fastapi.testing.pytest_plugin"


def main() -> None:
    """Import them all, from the installed wheel and from nowhere else."""
    if "site-packages" not in (clerk_fastapi.__file__ or ""):
        sys.exit(f"not the wheel: {clerk_fastapi.__file__}")
    for module in pkgutil.walk_packages(clerk_fastapi.__path__, "clerk_fastapi."):
        if module.name not in {NEEDS_PYTEST, "clerk_fastapi.__main__"}:
            importlib.import_module(module.name)


if __name__ == "__main__":
    main()
