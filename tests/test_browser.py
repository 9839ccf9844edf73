"""deploy/browser: the page finds in a photograph what `petseg predict` finds."""

import http.server
import re
import shutil
import subprocess
import threading
from functools import partial

import pytest

import petseg
from tests.helpers import ROOT

CHELSEA = ROOT / "docs/images/chelsea.jpg"
PAGE = ROOT / "deploy/browser"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--virtual-time-budget=60000", "--dump-dom"),
)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments) -> None:
        pass


@pytest.fixture
def page(tmp_path) -> str:
    """The address of the page, with the runtime from npm, a network and a photograph beside it."""
    if not CHROMIUM or not shutil.which("npm"):
        pytest.skip("needs Chromium and npm")
    for path in (PAGE / "index.html", PAGE / "package.json", CHELSEA):
        shutil.copy(path, tmp_path)
    shutil.copy(ROOT / "pretrained/unet.tflite", tmp_path)
    command = ["npm", "install", "--no-audit", "--no-fund"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    handler = partial(Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.slow
def test_the_page_says_the_same_as_predict(page, tmp_path):
    command = [CHROMIUM, *OPTIONS, f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run(
        [*command, f"{page}?image={CHELSEA.name}"], capture_output=True, text=True, timeout=300
    )
    (said,) = re.findall(r'<p id="said">(.*?)</p>', done.stdout)
    found = dict(re.findall(r"(\w+) ([\d.]+) %", said))
    expected = petseg.load(ROOT / "pretrained/unet.tflite").segment(CHELSEA).shares
    assert {name: float(share) / 100 for name, share in found.items()} == pytest.approx(
        expected, abs=0.03
    )


def test_nothing_is_fetched_from_elsewhere():
    text = (PAGE / "index.html").read_text()
    assert not re.findall(r"https?://", text)
