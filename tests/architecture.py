"""The rules of the house, read from the source with `ast`: floors, circles, gates, clock, sizes.

Each rule is a function from a `House` to a list of sentences, one for each place that breaks it.
The picture these rules hold is in docs/architecture.md.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "clerk_fastapi"
FRONT_DOOR = "__init__"

FLOORS = {
    "_version": 0,
    "errors": 0,
    "protocol": 1,
    "settings": 2,
    "backend": 2,
    "stores": 2,
    "engine": 3,
    "web": 4,
    "testing": 5,
    "cli": 5,
    FRONT_DOOR: 6,
}
ENGINE = FLOORS["engine"]
ANNEXES = {"testing", "cli"}

ABOVE_ENGINE = {"web", *ANNEXES, FRONT_DOOR}
ABOVE_ERRORS = set(FLOORS) - {"_version", "errors"}
GATES = {
    "cachetools": {"backend", "stores"},
    "clerk_backend_api": {"backend"},
    "cryptography": {"protocol._jose", "testing"},
    "fastapi": ABOVE_ENGINE,
    "httpx": {"backend", *ANNEXES},
    "jose": {"protocol._jose"},
    "limits": {"stores"},
    "pydantic": ABOVE_ERRORS,
    "pydantic_core": ABOVE_ERRORS,
    "pydantic_settings": {"settings"},
    "pytest": {"testing"},
    "redis": {"stores"},
    "standardwebhooks": {"protocol.webhooks", "testing"},
    "starlette": ABOVE_ENGINE,
    "typing_extensions": ABOVE_ERRORS,
    "uvicorn": ANNEXES,
}
IO_LIBRARY = {
    *("asyncio", "http.client", "os", "pathlib", "selectors", "socket", "sqlite3", "ssl"),
    *("subprocess", "threading", "urllib.request"),
}

MODULE_LINES = 400
FUNCTION_LINES = 60


@dataclass(frozen=True)
class Import:
    """One imported module, and the line that asks for it."""

    target: str
    line: int


@dataclass(frozen=True)
class Module:
    """One source file: its dotted name inside the package, its text, its tree."""

    name: str
    path: Path
    text: str
    tree: ast.Module

    @property
    def room(self) -> str:
        """The name on the floor plan: `protocol` for `protocol.keys`."""
        return self.name.partition(".")[0]

    @property
    def summary(self) -> str:
        """The first line of the docstring, empty without one."""
        return (ast.get_docstring(self.tree) or "").partition("\n")[0]


class House:
    """The modules under a package root, and who imports whom."""

    def __init__(self, root: Path) -> None:
        self.modules: dict[str, Module] = {}
        for path in sorted(root.rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            if len(parts) > 1 and parts[-1] == "__init__":
                parts = parts[:-1]
            text = path.read_text("utf-8")
            name = ".".join(parts)
            self.modules[name] = Module(name, path, text, ast.parse(text))

    def imports(self, module: Module) -> Iterator[Import]:
        """What the module imports, at any depth and under any condition, with absolute names."""
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Import):
                yield from (Import(alias.name, node.lineno) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                source = self._source(module, node)
                for alias in node.names:
                    inner = f"{source}.{alias.name}"
                    found = inner if self.local(inner) in self.modules else source
                    yield Import(found, node.lineno)
            elif isinstance(node, ast.Call) and (name := _imported_by_call(node)):
                yield Import(name, node.lineno)

    def inner_imports(self, module: Module) -> Iterator[Import]:
        """What the module imports from its own package, named as in `modules`."""
        for found in self.imports(module):
            if (name := self.local(found.target)) is not None:
                yield Import(name, found.line)

    @staticmethod
    def local(target: str) -> str | None:
        """The name inside the package (`protocol.keys`), or None for a foreign one."""
        if target == PACKAGE:
            return FRONT_DOOR
        return target.removeprefix(PACKAGE + ".") if target.startswith(PACKAGE + ".") else None

    @staticmethod
    def _source(module: Module, node: ast.ImportFrom) -> str:
        if node.level == 0:
            return node.module or ""
        parts = [PACKAGE, *module.name.split(".")]
        if module.path.name == "__init__.py" and module.name != FRONT_DOOR:
            parts.append("__init__")
        return ".".join([*parts[: -node.level], *(node.module.split(".") if node.module else [])])


def _imported_by_call(node: ast.Call) -> str | None:
    name = getattr(node.func, "attr", None) or getattr(node.func, "id", None)
    if name in {"import_module", "__import__"} and node.args:
        return getattr(node.args[0], "value", None)
    return None


def upward_imports(house: House) -> list[str]:
    """Imports point down, wings do not touch, and every room is on the plan."""
    wrong = []
    for module in house.modules.values():
        if module.room not in FLOORS:
            wrong.append(f"{module.name} is in no room of the plan")
            continue
        for found in house.inner_imports(module):
            room = found.target.partition(".")[0]
            below = FLOORS.get(room, len(FLOORS)) < FLOORS[module.room]
            if not (below or room == module.room or {room, module.room} <= ANNEXES):
                wrong.append(f"{module.name}:{found.line} imports {found.target}, not below it")
    return wrong


def circles(house: House) -> list[str]:
    """No module can be reached from itself."""
    edges = {
        name: sorted({found.target for found in house.inner_imports(module)} & set(house.modules))
        for name, module in house.modules.items()
    }
    done: set[str] = set()
    wrong = []

    def visit(name: str, trail: list[str]) -> None:
        if name in trail:
            wrong.append(" -> ".join([*trail[trail.index(name) :], name]))
        elif name not in done:
            for target in edges[name]:
                visit(target, [*trail, name])
            done.add(name)

    for name in edges:
        visit(name, [])
    return wrong


def foreign_imports(house: House) -> list[str]:
    """A foreign package enters by its gate only."""
    wrong = []
    for module in house.modules.values():
        for found in house.imports(module):
            package = found.target.partition(".")[0]
            if package == PACKAGE or package in sys.stdlib_module_names:
                continue
            if not {module.name, module.room} & GATES.get(package, set()):
                wrong.append(f"{module.name}:{found.line} imports {package}")
    return wrong


def input_and_output(house: House) -> list[str]:
    """The protocol computes: it neither waits nor talks to the system."""
    return [
        f"{module.name}:{found.line} imports {found.target}"
        for module in house.modules.values()
        if FLOORS.get(module.room, ENGINE) <= FLOORS["protocol"]
        for found in house.imports(module)
        if found.target in IO_LIBRARY
    ]


def clock_readings(house: House) -> list[str]:
    """Below the engine the time is passed, never read."""
    wrong = []
    for module in house.modules.values():
        if FLOORS.get(module.room, 0) >= ENGINE:
            continue
        lines = [found.line for found in house.imports(module) if found.target == "time"]
        for node in ast.walk(module.tree):
            if (isinstance(node, ast.Call) and _reads_clock(node)) or _is_clock(node):
                lines.append(node.lineno)
        wrong += [f"{module.name}:{line} reads the clock" for line in sorted(lines)]
    return wrong


def _reads_clock(call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    if name.endswith(("date.now", "datetime.now", ".utcnow", "date.today", "datetime.today")):
        return True
    if name.rpartition(".")[2] in {"TTLCache", "TLRUCache"}:  # time.monotonic, if not told
        return len(call.args) < 3 and all(keyword.arg != "timer" for keyword in call.keywords)
    return False


def _is_clock(node: ast.AST) -> bool:
    """The event loop's, called or handed on."""
    if not isinstance(node, ast.Attribute) or node.attr != "time":
        return False
    return ast.unparse(node.value).lower().endswith(("loop", "loop()"))


def front_door_definitions(house: House) -> list[str]:
    """The front door names things and defines none."""
    front = house.modules[FRONT_DOOR]
    return [
        f"{front.path.name}:{node.lineno} defines {node.name}"
        for node in ast.walk(front.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    ]


def sizes(house: House) -> list[str]:
    """A module fits in the head, a function on the screen."""
    wrong = []
    for module in house.modules.values():
        if (lines := len(module.text.splitlines())) > MODULE_LINES:
            wrong.append(f"{module.name} has {lines} lines")
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES:
                    wrong.append(f"{module.name}:{node.lineno} {node.name} has {lines} lines")
    return wrong


def missing_summaries(house: House) -> list[str]:
    """Every module opens with one line saying what it is for."""
    return [name for name, module in house.modules.items() if not module.summary.endswith(".")]
