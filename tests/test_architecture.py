"""Dependencies point one way, library code never ends the process, and files stay short."""

import ast

import architecture
import pytest
from import_graph import PACKAGES, imported_files, imports, modules, room

from tests.helpers import ROOT
from tests.helpers.specs import shipped_spec

ARROWS = {
    "core": set(),
    "metrics": {"core"},
    "models": {"core"},
    "records": {"core"},
    "acceleration": set(),
    "decoding": {"core"},
    "sources": {"core", "decoding", "models", "records"},
    "inspection": {"core", "decoding", "sources"},
    "training": {"acceleration", "core", "metrics", "records"},
    "evaluation": {"acceleration", "core", "decoding", "metrics", "records"},
    "figures": {"core"},
    "prediction": {"core", "decoding", "evaluation", "figures"},
    "app": {
        *("core", "decoding", "evaluation", "figures", "inspection", "metrics", "models"),
        *("prediction", "records", "sources", "training"),
    },
    "stages": {"core", "evaluation", "figures", "models", "records", "sources", "training"},
}
"""The rooms that each room imports from; a room comes after the rooms that it needs."""

EXITS = ("petseg/__main__.py", "petseg/app/", "petseg/core/stage_runner.py")
"""Code that may end the process: the commands, and the runner of stages."""

ALLOWED_NAMES = {
    "petseg/inspection/classes.py: background",
    "petseg/inspection/names.py: background",
    "benchmarks/preprocessing.py: species",
}
"""The name that inspect proposes for the class without objects; a feature of the TFDS dataset."""

FILES = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
NAMES = [path.relative_to(ROOT).as_posix() for path in FILES]


def test_rooms_import_from_the_rooms_of_the_plan():
    assert architecture.needs() == ARROWS


def test_dependencies_point_one_way():
    rooms = list(ARROWS)
    for name, needed in ARROWS.items():
        assert needed <= set(rooms[: rooms.index(name)]), name


def test_figures_do_not_import_tensorflow():
    heavy = set()
    for path in FILES:
        if room(path, ROOT) == "figures":
            for name in imported_files(path, ROOT):
                heavy |= {module.partition(".")[0] for module in modules(ROOT / name)}
    assert "matplotlib" in heavy
    assert not heavy & {"keras", "tensorflow", "tensorflow_datasets"}


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_no_file_has_more_than_250_lines(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 250


def ends_process(node: ast.AST) -> bool:
    if isinstance(node, ast.Raise) and node.exc:
        return "SystemExit" in ast.unparse(node.exc)
    if isinstance(node, ast.Call):
        return ast.unparse(node.func) in ("exit", "quit", "sys.exit", "os._exit", "os.abort")
    return isinstance(node, ast.ImportFrom) and "exit" in [name.name for name in node.names]


def test_only_sources_and_tests_name_classes_of_a_dataset():
    specs = [shipped_spec(path.parent.name) for path in ROOT.glob("datasets/*/dataset.yaml")]
    taken = {name for spec in specs for name in (*spec.class_names, *spec.regions, *spec.groups)}
    assert {"pet", "border", "breed"} <= taken
    found = {
        f"{path.relative_to(ROOT)}: {node.value}"
        for folder in ("petseg", "stages", "tools", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
        if room(path, ROOT) != "sources"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in taken
    }
    assert found <= ALLOWED_NAMES


def test_library_code_never_ends_the_process():
    found = [
        name
        for name, path in zip(NAMES, FILES, strict=True)
        if any(map(ends_process, ast.walk(ast.parse(path.read_text(encoding="utf-8")))))
    ]
    assert "petseg/core/stage_runner.py" in found and "petseg/app/commands.py" in found
    assert [name for name in found if not name.startswith(EXITS)] == []


def test_only_commands_import_commands():
    found = {
        name
        for name, path in zip(NAMES, FILES, strict=True)
        if "app" in {room(imported, ROOT) for imported in imports(path, ROOT)}
    }
    assert found and all(name.startswith("petseg/app/") for name in found)
