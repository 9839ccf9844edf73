"""A web server on this machine that sends a file, half of it, an error or nothing."""

import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Opens addresses of this machine without a proxy."""


def free_ports(count: int) -> list[int]:
    """Returns different ports of this machine that are not in use."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Answer(NamedTuple):
    """The answer to a GET: the first `part` of `data`; `hang` keeps the connection open."""

    data: bytes = b""
    status: int = 200
    part: float = 1.0
    hang: bool = False


@contextmanager
def serving(answers: dict[str, Answer]) -> Iterator[str]:
    """Serves `answers`, by what follows the last slash of the path; yields the address.

    Other paths get status 404. HEAD gets status 200, unless the answer's status is 500 or above.
    """
    done = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            answer = answers.get(self.path.rsplit("/", 1)[-1], Answer(status=404))
            self.send_response(answer.status if answer.status >= 500 else 200)
            self.end_headers()

        def do_GET(self):
            answer = answers.get(self.path.rsplit("/", 1)[-1], Answer(status=404))
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(answer.data)))
            self.end_headers()
            self.wfile.write(answer.data[: int(answer.part * len(answer.data))])
            self.wfile.flush()
            if answer.hang:
                done.wait()

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        done.set()
        server.shutdown()
        server.server_close()
        thread.join()
