"""Type checkers see what a user of the package wrote, custom claims included.

The files in tests/typing are read, not run: here by mypy, in the continuous checks by pyright too.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
TYPING = ROOT / "tests" / "typing"
IGNORED = re.compile(r" {2}# type: ignore\[(?P<code>[\w-]+)\]")


def mypy(*paths: Path) -> list[str]:
    """Run mypy as the project is set up, and return what it prints."""
    command = [sys.executable, "-m", "mypy", "--no-error-summary", *map(str, paths)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_public_api_has_the_promised_types() -> None:
    """Every `assert_type` holds, and every mistake marked as one is one."""
    assert mypy(TYPING) == []


def test_mistakes_are_refused_by_name(tmp_path: Path) -> None:
    """Without its ignore, each marked line is an error of the marked kind, and no other line is."""
    source = (TYPING / "refused.py").read_text("utf-8")
    bare = tmp_path / "bare.py"
    bare.write_text(IGNORED.sub("", source), "utf-8")
    expected = [
        (number, found["code"])
        for number, line in enumerate(source.splitlines(), 1)
        if (found := IGNORED.search(line))
    ]
    errors = [re.search(r"bare\.py:(\d+): error: .*\[([\w-]+)\]$", line) for line in mypy(bare)]
    assert [(int(error[1]), error[2]) for error in errors if error] == expected
    assert expected
