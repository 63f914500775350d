"""Refuse a dist/ that holds anything but the typed package: no tests, no keys."""

import re
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

BESIDE_THE_PACKAGE = re.compile(
    r"clerk_fastapi-[^/]+/(CHANGELOG\.md|LICENSE|PKG-INFO|README\.md|pyproject\.toml|\.gitignore)"
    r"|clerk_fastapi-[^/]+\.dist-info/.+"
)
SECRET = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]|sk_live_[A-Za-z0-9]{8}")


def members(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file in a wheel or an sdist."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for name in wheel.namelist():
                yield name, wheel.read(name)
        return
    with tarfile.open(archive) as sdist:
        for member in sdist:
            if file := sdist.extractfile(member):
                yield member.name, file.read()


def check(archive: Path) -> None:
    """Stop at the first file that does not belong, and without `py.typed`."""
    prefix = "" if archive.suffix == ".whl" else r"clerk_fastapi-[^/]+/"
    package = re.compile(prefix + r"clerk_fastapi/(.+/)?[\w.-]+\.(py|typed|html|js)")
    typed = False
    for name, content in members(archive):
        if not (package.fullmatch(name) or BESIDE_THE_PACKAGE.fullmatch(name)):
            raise SystemExit(f"{archive.name}: {name} does not belong")
        if SECRET.search(content):
            raise SystemExit(f"{archive.name}: {name} holds a key")
        typed = typed or name.endswith("clerk_fastapi/py.typed")
    if not typed:
        raise SystemExit(f"{archive.name}: no py.typed")


def main() -> None:
    """Check one wheel and one sdist."""
    archives = sorted(Path("dist").iterdir())
    if [archive.suffix for archive in archives] != [".whl", ".gz"]:
        raise SystemExit(f"one wheel and one sdist expected, got {archives}")
    for archive in archives:
        check(archive)


if __name__ == "__main__":
    main()
