"""Parses the files of the project to find which files import which."""

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("petseg", "stages")


def imported_files(script: Path, root: Path) -> set[str]:
    """Returns the script and all files with code that it imports, relative to `root`."""
    found: set[Path] = set()
    waiting = [script, script.with_name("__init__.py")]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += imports(path, root)
    return {path.relative_to(root).as_posix() for path in found if _has_code(path)}


def imports(path: Path, root: Path) -> list[Path]:
    """Returns the files that one file imports directly, including the `__init__.py` of packages."""
    return [file for module in modules(path) for file in _module_files(module, root)]


def modules(path: Path) -> list[str]:
    """Returns the full names of all imports in a file, without those for type checkers only.

    In `a.b.c`, the last part may be a name inside the module `a.b`.
    """
    found = []
    for node in _run_nodes(parsed(path)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports are not followed"
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def _has_code(path: Path) -> bool:
    """Whether a file holds more than a docstring."""
    return any(not isinstance(node, ast.Expr) for node in parsed(path).body)


def rooms(root: Path) -> dict[str, str]:
    """Returns the folders of petseg/ by name, with their docstrings."""
    found = sorted((root / "petseg").glob("*/__init__.py"))
    return {path.parent.name: ast.get_docstring(parsed(path)) or "" for path in found}


def room(path: Path, root: Path) -> str:
    """Returns the folder of petseg/ that a file lies in, or stages; "" for petseg's own files."""
    package, *inside = path.relative_to(root).parts
    if package == "petseg":
        return inside[0] if len(inside) > 1 else ""
    return package


def parsed(path: Path) -> ast.Module:
    """Returns the syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def _run_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yields a node and all nodes in it, without the bodies of `if TYPE_CHECKING`."""
    yield node
    children = ast.iter_child_nodes(node)
    if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
        children = node.orelse
    for child in children:
        yield from _run_nodes(child)


def _module_files(module: str, root: Path) -> list[Path]:
    """Returns the files that importing `a.b.c` runs; `c` may be a name inside `a.b`."""
    parts = module.split(".")
    if parts[0] not in PACKAGES:
        return []
    files = []
    for depth in range(1, len(parts) + 1):
        place = root.joinpath(*parts[:depth])
        files += [f for f in (place / "__init__.py", place.with_suffix(".py")) if f.is_file()]
    return files
