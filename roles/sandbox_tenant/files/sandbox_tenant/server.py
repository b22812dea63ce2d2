# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sockets of a sandbox: TLS on loopback, a ready file that says how to reach it, and its end."""

from __future__ import annotations

import json
import os
import shlex
import socket
import ssl
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from pathlib import Path

from .certificates import make_app_certificate, make_server_context
from .errors import Rejection, new_request_id
from .service import CutConnection, Reply, Service

PFX_PASSWORD = "sandbox"


class Sandbox:
    """A running sandbox. folder receives its certificates and, last of all, ready.json."""

    def __init__(self, seed: dict, folder: Path, port: int = 0, token_lifetime: int = 3600) -> None:
        folder = folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.ready_file = folder, folder / "ready.json"
        self.service = Service(seed, token_lifetime)
        self._server = _Server(("127.0.0.1", port), _handler_for(self.service))
        self._server.tls = make_server_context(folder)
        self.url = f"https://127.0.0.1:{self._server.server_address[1]}"
        self.service.base = self.url
        self.service.identity.certificate = make_app_certificate(folder, PFX_PASSWORD)
        self.connection = self._connection(seed)
        _write_private(self.folder / "env.sh", "".join(f"export {name}={value}\n" for name, value in self._environment().items()))
        _write_private(self.ready_file, json.dumps(self.connection, indent=2))

    def serve(self) -> None:
        """Answers until stop is called."""
        self._server.serve_forever(poll_interval=0.1)

    def stop(self) -> None:
        """End serve, and remove the ready file."""
        self._server.shutdown()
        self.close()

    def close(self) -> None:
        """Free the port, and remove the ready file."""
        self._server.server_close()
        self.ready_file.unlink(missing_ok=True)

    def _connection(self, seed: dict) -> dict:
        """All that a client needs. C(graph) holds module options, C(credentials) the other ways to sign in."""
        identity, tenant = self.service.identity, self.service.tenant
        app, reader = seed["apps"][0]["client_id"], seed["apps"][1]["client_id"]
        federated = self.folder / "federated.jwt"
        _write_private(federated, identity.federated_token())
        me = tenant.user(f"{seed['users'][0]['name']}@{tenant.domain}")
        return {
            "pid": os.getpid(),
            "url": self.url,
            "control_url": f"{self.url}/_sandbox",
            "env_file": str(self.folder / "env.sh"),
            "domain": tenant.domain,
            "graph": {
                "graph_url": self.url,
                "authority_url": self.url,
                "ca_path": str(self.folder / "ca.pem"),
                "tenant_id": tenant.id,
                "client_id": app,
                "client_secret": identity.secret_of(app),
            },
            "credentials": {
                "certificate_path": str(self.folder / "app.pem"),
                "pfx_path": str(self.folder / "app.pfx"),
                "pfx_password": PFX_PASSWORD,
                "federated_token_file": str(federated),
                "identity_endpoint": f"{self.url}/msi/token",
                "identity_header": identity.identity_header,
                "access_token": identity.app_token(app, 86400),
                "expired_access_token": identity.app_token(app, -60),
                "user_access_token": identity.user_token(me["id"], me["permissions"], 86400) if me else "",
                "reader_client_id": reader,
                "reader_client_secret": identity.secret_of(reader),
            },
        }

    def _environment(self) -> dict[str, str]:
        """The module options as the environment variables that they fall back on."""
        names = {
            "graph_url": "MSGRAPH_URL",
            "authority_url": "AZURE_AUTHORITY_HOST",
            "ca_path": "MSGRAPH_CA_PATH",
            "tenant_id": "AZURE_TENANT_ID",
            "client_id": "AZURE_CLIENT_ID",
            "client_secret": "AZURE_CLIENT_SECRET",
        }
        return {names[option]: shlex.quote(value) for option, value in self.connection["graph"].items()}


class _Server(ThreadingHTTPServer):
    """Threads that end with the process; each connection does its own TLS handshake."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    tls: ssl.SSLContext

    def finish_request(self, request, client_address) -> None:
        """Wraps the connection in TLS, and serves it until the client leaves."""
        try:
            request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.tls.wrap_socket(request, server_side=True) as secure:
                super().finish_request(secure, client_address)
        except (ssl.SSLError, ConnectionError, TimeoutError):
            pass

    def shutdown_request(self, request) -> None:
        """The socket was detached when it was wrapped."""
        self.close_request(request)


def _handler_for(service: Service) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """One connection."""

        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            """Reads one request and answers it in one piece."""
            length = self.headers.get("Content-Length") or "0"
            if "Transfer-Encoding" in self.headers:
                content = _chunked(self.rfile)
            elif not length.isdigit():
                self.close_connection = True
                self.wfile.write(_wire(Reply(400, {"error": {"code": "BadRequest", "message": "Content-Length is no number."}})))
                return
            else:
                content = self.rfile.read(int(length))
            headers = {name.lower(): value for name, value in self.headers.items()}
            try:
                reply = service.handle(self.command, self.path, headers, content)
            except CutConnection:
                self.close_connection = True
                self.connection.close()
                return
            except Exception:
                traceback.print_exc()
                reply = Reply(500, Rejection(500, "UnknownError", "The sandbox failed; its log says how.").body(new_request_id()))
            self.wfile.write(_wire(reply, self.command != "HEAD"))

        do_HEAD = do_OPTIONS = do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing: the journal has every request."""

    return Handler


def _chunked(stream: BufferedIOBase) -> bytes:
    """A body that comes in chunks."""
    parts = []
    while size := int(stream.readline().split(b";")[0], 16):
        parts.append(stream.read(size))
        stream.readline()
    while stream.readline().strip():
        pass
    return b"".join(parts)


def _wire(reply: Reply, has_body: bool = True) -> bytes:
    content = reply.body if isinstance(reply.body, bytes) else b"" if reply.body is None else json.dumps(reply.body).encode()
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Content-Length": str(len(content)),
        "Cache-Control": "no-cache",
        "x-ms-ags-diagnostic": '{"ServerInfo":{"DataCenter":"Sandbox"}}',
        "x-sandbox-tenant": "simulated",
        **reply.headers,
    }
    if reply.status == 204:
        del headers["Content-Type"], headers["Content-Length"]
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {reply.status} Answer\r\n{head}\r\n".encode() + (content if has_body else b"")


def _write_private(path: Path, text: str) -> None:
    draft = path.with_suffix(".draft")
    draft.touch(mode=0o600)
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
