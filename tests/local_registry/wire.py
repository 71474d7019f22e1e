"""The wire: sockets, TLS, requests read and answers written; what they mean, others say."""

# ruff: noqa: D102, D107

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

Reply = tuple[int, dict[str, str], bytes]
Respond = Callable[[int, str, str, str, dict[str, str], bytes], Reply]


class DroppedConnection(Exception):
    """The connection is closed without an answer."""


class Handler(BaseHTTPRequestHandler):
    """One connection: reads its requests and writes what the server's `respond` answers."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65536
    server: Server
    connection_number: int

    def setup(self) -> None:
        self.connection_number = self.server.connected(self.request)
        if isinstance(self.request, ssl.SSLSocket):
            self.request.do_handshake()
        super().setup()

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # the client went away: its good right
            super().handle()

    def finish(self) -> None:
        with contextlib.suppress(OSError):
            super().finish()
        self.server.disconnected(self.request)

    def exchange(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            status, answer_headers, answer = self.server.respond(
                self.connection_number, self.command, parts.path, parts.query, headers, body
            )
        except DroppedConnection:
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in {**answer_headers, "Content-Length": str(len(answer))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do_OPTIONS = do_CONNECT = exchange

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: tests read `registry.requests`."""


class Server(ThreadingHTTPServer):
    """A loopback port, with a thread for each connection.

    Args:
        port: The port; 0 takes a free one.
        tls: A certificate file and its key file, for https.
        respond: Answers a request: (number of the connection, method, path, query, headers, body).
    """

    request_queue_size = 256
    block_on_close = False

    def __init__(self, port: int, tls: tuple[str, str] | None, respond: Respond) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.respond = respond
        self.connections = 0
        self.lock = threading.Lock()
        self.open_sockets: set[socket.socket] = set()
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            # the handshake belongs to the connection's own thread: a silent client must not block the others
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def start(self) -> None:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        with self.lock:
            for connection in self.open_sockets:
                with contextlib.suppress(OSError):  # closed by the client already
                    connection.shutdown(socket.SHUT_RDWR)

    def connected(self, connection: socket.socket) -> int:
        """Count a connection, and return its number."""
        with self.lock:
            self.open_sockets.add(connection)
            self.connections += 1
            return self.connections

    def disconnected(self, connection: socket.socket) -> None:
        with self.lock:
            self.open_sockets.discard(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gives up, or refuses the certificate, is no error of the server."""
