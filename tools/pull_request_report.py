"""Prints a report in Markdown: what the workspace changes against a revision, for a pull request.

Parameters, scores, and the charts of `dvc plots diff` as PNG files in the folder of --charts.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import vl_convert
from vega import VEGA_LITE


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("revision", help="what to compare with, as origin/main")
    parser.add_argument("--charts", type=Path, default=Path("dvc_plots"), metavar="FOLDER")
    options = parser.parse_args(arguments)
    try:
        print(report(options.revision, options.charts))
    except subprocess.CalledProcessError as error:
        sys.exit(f"error: {' '.join(error.cmd)} ended with exit code {error.returncode}")


def report(revision: str, charts: Path) -> str:
    """The report in Markdown; writes its charts. CalledProcessError where DVC fails."""
    parts = [f"## Against {revision}"]
    for title, command in (("Parameters", "params"), ("Scores", "metrics")):
        table = _dvc(command, "diff", revision, "--md").strip()
        parts += [f"### {title}", table or "No change."]
    parts.append("### Charts")
    parts += [f"![{path.stem}]({path.as_posix()})" for path in draw(revision, charts)]
    return "\n\n".join(parts) + "\n"


def draw(revision: str, folder: Path) -> list[Path]:
    """Writes each chart of `dvc plots diff` as PNG; returns the files, in the order of dvc.yaml."""
    folder.mkdir(parents=True, exist_ok=True)
    found = json.loads(_dvc("plots", "diff", revision, "--json", "--out", str(folder)))["data"]
    files = []
    for name, chart in specifications(found).items():
        files.append(folder / f"{name.replace('::', '_').replace('/', '_')}.png")
        files[-1].write_bytes(vl_convert.vegalite_to_png(chart, vl_version=VEGA_LITE))
    return files


def specifications(found: dict[str, list[dict]]) -> dict[str, dict]:
    """Returns the Vega-Lite specification of each chart in the data of `dvc plots --json`."""
    charts = {name: parts for name, parts in found.items() if parts[0]["type"] == "vega"}
    assert all(len(parts) == 1 for parts in charts.values())
    contents = {name: parts[0]["content"] for name, parts in charts.items()}
    return {
        name: json.loads(content) if isinstance(content, str) else content
        for name, content in contents.items()
    }


def _dvc(*arguments: str) -> str:
    command = ["dvc", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout


if __name__ == "__main__":
    main()
