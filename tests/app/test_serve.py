"""`petseg serve`: page and API on this machine only, clean stop."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path

import pytest

from petseg.app import serve
from petseg.core import paths
from tests.helpers.commands import exit_code
from tests.helpers.images import CHELSEA
from tests.helpers.local_server import OPENER, free_ports
from tests.helpers.processes import environment, run_python

error = partial(exit_code, serve.main)


def test_networks_have_unique_names_and_titles_of_figures():
    both = [paths.model(network) for network in paths.NETWORKS]
    assert [serve._name(path, both) for path in both] == ["unet", "shallow"]
    assert [serve._title(name) for name in ("unet", "shallow")] == ["U-Net", "Shallow"]
    twins = [Path("a/unet.keras"), Path("b/unet.keras"), Path("mine.keras")]
    names = [serve._name(path, twins) for path in twins]
    assert names == [str(twins[0]), str(twins[1]), "mine"]
    assert [serve._title(name) for name in names] == names


@pytest.mark.parametrize(
    ("missing", "options"),
    [("gradio", ()), ("fastapi", ("--no-page",)), ("uvicorn", ["--no-page"])],
)
def test_missing_package_is_reported(uninstall, missing, options):
    if missing == "uvicorn":
        pytest.importorskip("fastapi")  # which is looked for first
    uninstall(missing)
    message = f"error: petseg serve needs another package: pip install {missing}"
    assert error(*options) == message


def test_missing_model_is_reported_before_gradio_is_imported(tmp_path, monkeypatch, uninstall):
    uninstall("gradio")
    monkeypatch.chdir(tmp_path)
    message = error("--model", "models/unet.keras")
    assert message.startswith("error: models/unet.keras not found: train the networks")


def test_port_in_use_is_one_message():
    pytest.importorskip("uvicorn", reason="gradio is not installed (extra app)")
    with socket.create_server((serve.HOST, 0)) as taken:
        port = taken.getsockname()[1]
        message = error("--no-page", "--port", str(port))
    assert message.startswith(f"error: cannot listen on 127.0.0.1:{port}: ")
    assert message.endswith("; try another --port")


def test_service_open_to_other_machines_gets_a_warning(capsys):
    serve._warn("127.0.0.1", None)
    assert not capsys.readouterr().err
    serve._warn("0.0.0.0", None)
    said = capsys.readouterr().err
    assert "without a password; set PETSEG_TOKEN to require a token" in said
    serve._warn("0.0.0.0", "secret")
    said = capsys.readouterr().err
    assert "with the token in PETSEG_TOKEN" in said and "secret" not in said


SERVE = """
import signal
for name in ("SIGHUP", "SIGINT"):  # nohup makes processes ignore them
    if hasattr(signal, name):
        signal.signal(getattr(signal, name), signal.SIG_DFL)
from petseg.app import serve
serve.main()
"""


@pytest.fixture
def start(tmp_path):
    """Starts a service with the pretrained networks; returns process and address."""
    pytest.importorskip("gradio", reason="gradio is not installed (extra app)")
    (tmp_path / "temporary").mkdir()
    processes = []

    def start(*options: str, **variables: str) -> tuple[subprocess.Popen, str]:
        (port,) = free_ports(1)
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE, "--port", str(port), *options],
            env=environment(TMPDIR=str(tmp_path / "temporary"), **variables),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        assert f":{port} " in process.stdout.readline()
        return process, f"http://{serve.HOST}:{port}"

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def get(address: str, body: bytes | None = None, **headers: str) -> bytes:
    request = urllib.request.Request(address, body, headers)
    return OPENER.open(request, timeout=60).read()


def refusal(address: str, body: bytes | None = None, **headers: str) -> int:
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(address, body, **headers)
    return refused.value.code


def use_page(address: str) -> None:
    """Uploads an image as a browser does; waits for its cutout."""
    api = f"{address}/gradio_api"
    body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="cat.jpg"\r\n\r\n'
    body += CHELSEA.read_bytes() + b"\r\n--x--\r\n"
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    (path,) = json.loads(get(f"{api}/upload", body, **form))
    file = {"path": path, "orig_name": "cat.jpg", "meta": {"_type": "gradio.FileData"}}
    config = json.loads(get(f"{address}/config"))
    call = {"data": [file], "fn_index": config["dependencies"][0]["id"], "session_hash": "me"}
    get(f"{api}/queue/join", json.dumps(call).encode(), **{"Content-Type": "application/json"})
    with OPENER.open(f"{api}/queue/data?session_hash=me", timeout=60) as events:
        for line in events:
            if b"process_completed" in line:
                assert json.loads(line.removeprefix(b"data:"))["success"]
                return


def test_page_and_api_listen_on_this_machine_only(start):
    _, address = start("--largest-upload", "1")
    port = int(address.rpartition(":")[2])
    with pytest.raises(OSError):  # not on other addresses of this machine
        socket.create_connection(("127.0.0.2", port), timeout=1).close()
    text = get(address).decode()
    assert not re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=[\"'](https?:[^\"']+)", text)
    assert "fonts.googleapis" not in text
    body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'
    body += bytes(2_000_000) + b"\r\n--x--\r\n"
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    assert refusal(f"{address}/gradio_api/upload", body, **form) == 413
    assert refusal(f"{address}/v1/segment", bytes(2_000_000)) == 413
    assert json.loads(get(f"{address}/healthz")) == {"status": "ok"}
    found = json.loads(get(f"{address}/v1/segment", CHELSEA.read_bytes()))
    assert found["shares"]["pet"] > 0.5


def test_token_is_required_and_disables_the_page(start):
    _, address = start(PETSEG_TOKEN="secret")
    assert refusal(address) == 401
    assert refusal(f"{address}/v1/models") == 401
    assert refusal(f"{address}/v1/models", Authorization="Bearer wrong") == 401
    assert b"shallow" in get(f"{address}/v1/models", Authorization="Bearer secret")
    assert get(f"{address}/healthz")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize(
    "name",
    ["SIGTERM", *(pytest.param(name, marks=pytest.mark.slow) for name in ("SIGINT", "SIGHUP"))],
)
def test_stopped_service_leaves_no_image_on_the_disk(start, tmp_path, name):
    process, address = start()
    temporary = tmp_path / "temporary"
    use_page(address)
    get(f"{address}/v1/segment?as=cutout", CHELSEA.read_bytes())
    assert {path.suffix for path in temporary.rglob("cat*")} == {".jpg", ".png"}
    process.stdout.close(), process.stderr.close()  # like a closed terminal
    process.send_signal(getattr(signal, name))
    time.sleep(0.05)
    process.send_signal(getattr(signal, name))  # shell and terminal may both send it
    assert process.wait(timeout=30) == 0
    assert not list(temporary.glob("petseg-*")) and not list(temporary.rglob("*cat*"))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_begun_requests_are_finished_after_sigterm(start):
    process, address = start("--no-page")
    answers = []
    body = CHELSEA.read_bytes()
    asking = threading.Thread(
        target=lambda: answers.append(get(f"{address}/v1/segment?flip=true&as=cutout", body))
    )
    port = int(address.rpartition(":")[2])
    with socket.create_connection((serve.HOST, port)) as half:  # sends half of a request
        half.sendall(
            b"POST /v1/segment HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        half.sendall(body[:1000])
        asking.start()
        asking.join()
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        half.sendall(body[1000:])
        answer = half.recv(100)
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answers[0].startswith(b"\x89PNG")
    assert process.wait(timeout=30) == 0


def test_an_ignored_signal_stays_ignored():
    """As under nohup."""
    code = (
        "import os, signal\n"
        "from types import SimpleNamespace\n"
        "from petseg.app import serve\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "server = SimpleNamespace(should_exit=False)\n"
        "with serve._end_at_a_signal(server):\n"
        "    os.kill(os.getpid(), signal.SIGHUP)\n"
        "    print(server.should_exit)\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    print(server.should_exit)\n"
    )
    done = run_python("-c", code)
    assert (done.returncode, done.stdout) == (0, "False\nTrue\n")
