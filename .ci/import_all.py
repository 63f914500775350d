"""Import every module of the installed package: the core dependencies alone must do."""

import importlib
import pkgutil
import sys

import clerk_fastapi

IN_EXTRAS = {"clerk_backend_api", "pytest", "uvicorn"}
MUST_IMPORT = ("clerk_fastapi", "clerk_fastapi.cli", "clerk_fastapi.testing")


def main() -> None:
    """Import them all, from the installed wheel and from nowhere else."""
    if "site-packages" not in (clerk_fastapi.__file__ or ""):
        sys.exit(f"not the wheel: {clerk_fastapi.__file__}")
    for name in MUST_IMPORT:
        importlib.import_module(name)
    for module in pkgutil.walk_packages(clerk_fastapi.__path__, "clerk_fastapi."):
        if module.name.endswith(".__main__"):
            continue  # a program
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:
            if error.name not in IN_EXTRAS:
                raise


if __name__ == "__main__":
    main()
