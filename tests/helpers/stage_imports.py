"""Which of the project's files a stage's script imports, directly or through others, by parsing."""

import ast
from pathlib import Path

PACKAGES = ("petseg", "stages")


def imported_files(script: Path, root: Path) -> set[str]:
    """The script and all project files that it imports, relative to `root`, without empty ones."""
    found: set[Path] = set()
    waiting = [script, script.with_name("__init__.py")]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += _imports(path, root)
    return {path.relative_to(root).as_posix() for path in found if path.stat().st_size}


def _imports(path: Path, root: Path) -> list[Path]:
    files = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports are not followed"
            modules = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        files += [file for module in modules for file in _module_files(module, root)]
    return files


def _module_files(module: str, root: Path) -> list[Path]:
    """The files that importing `a.b.c` runs; the last part may be a name inside `a.b`."""
    parts = module.split(".")
    if parts[0] not in PACKAGES:
        return []
    files = []
    for depth in range(1, len(parts) + 1):
        place = root.joinpath(*parts[:depth])
        files += [f for f in (place / "__init__.py", place.with_suffix(".py")) if f.is_file()]
    return files
