"""The page in deploy/browser gives the same shares as `petseg predict`."""

import http.server
import queue
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial

import pytest

import petseg
from tests.helpers import ROOT
from tests.helpers.images import CHELSEA

PAGE = ROOT / "deploy/browser"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--disable-dev-shm-usage",
)
TELL = """
<script type="module">
  const told = setInterval(() => {
    if (!["done", "failed"].includes(document.title)) return;
    clearInterval(told);
    fetch("said", { method: "POST", body: document.querySelector("#said").innerHTML });
  }, 100);
</script>
"""
"""Added to the page: sends its result to the server when it is done."""
TIMEOUT = 240  # seconds


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, and receives the result of the page."""

    def __init__(self, *arguments, said: queue.Queue, **options):
        self.said = said
        super().__init__(*arguments, **options)

    def do_POST(self) -> None:
        self.said.put(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(204)
        self.end_headers()

    def log_message(self, *arguments) -> None:
        pass


@pytest.fixture
def page(tmp_path) -> Iterator[tuple[str, queue.Queue]]:
    """Serves the page with the runtime from npm, a network and a photograph.

    Yields its address, and the queue that receives its result.
    """
    if not CHROMIUM or not shutil.which("npm"):
        pytest.skip("needs Chromium and npm")
    for path in (PAGE / "package.json", CHELSEA, ROOT / "pretrained/unet.tflite"):
        shutil.copy(path, tmp_path)
    (tmp_path / "index.html").write_text((PAGE / "index.html").read_text() + TELL)
    command = ["npm", "install", "--no-audit", "--no-fund"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    said = queue.Queue()
    handler = partial(Handler, directory=str(tmp_path), said=said)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", said
        server.shutdown()


@pytest.mark.slow
def test_page_gives_the_shares_of_predict(page, tmp_path):
    address, said = page
    command = [CHROMIUM, *OPTIONS, f"--user-data-dir={tmp_path / 'profile'}"]
    with open(tmp_path / "chromium.log", "w", encoding="utf-8") as log:
        browser = subprocess.Popen(
            [*command, f"{address}?image={CHELSEA.name}"], stdout=log, stderr=log
        )
        try:
            text = said.get(timeout=TIMEOUT)
        finally:
            browser.terminate()
            browser.wait()
    found = dict(re.findall(r"(\w+) ([\d.]+) %", text))
    assert found, text
    expected = petseg.load(ROOT / "pretrained/unet.tflite").segment(CHELSEA).shares
    assert {name: float(share) / 100 for name, share in found.items()} == pytest.approx(
        expected, abs=0.03
    )


def test_page_fetches_nothing_from_other_hosts():
    text = (PAGE / "index.html").read_text()
    assert not re.findall(r"https?://", text)
