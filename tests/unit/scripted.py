# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that answers what a test says, for answers that the sandbox does not give: alone, in batches, in pieces, and as a proxy."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = tuple  # status, headers, body: an object, bytes, or a function that writes to the connection by itself


class Server:
    """Answers each path out of a table: path (without query) to an answer, a list of answers of which the last stays, or a function of the body."""

    def __init__(self) -> None:
        self.table: dict = {}
        self.seen: list[tuple[str, str, dict | None]] = []
        self.headers: list[dict[str, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                is_json = "json" in (self.headers.get("Content-Type") or "")
                body = json.loads(content) if content and is_json else None
                outer.seen.append((self.command, self.path, body))
                outer.headers.append(dict(self.headers))
                status, headers, answer = outer.reply(self.command, self.path, body)
                if callable(answer):
                    self.close_connection = True
                    answer(self.wfile)
                    return
                data = answer if isinstance(answer, bytes) else b"" if answer is None else json.dumps(answer).encode()
                head = "".join(f"{name}: {value}\r\n" for name, value in {**headers, "Content-Length": len(data)}.items())
                self.wfile.write(f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + data)

            do_GET = do_POST = do_PATCH = do_DELETE = do_CONNECT = answer

            def log_message(self, format, *args) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def reply(self, method: str, path: str, body) -> Answer:
        plain = path.partition("?")[0]
        if plain.endswith("/$batch"):
            version = plain.split("/")[1]
            answers = [self._item(version, item) for item in body["requests"]]
            return 200, {}, {"responses": answers}
        found = self.table[method, plain]
        if isinstance(found, list):
            return found.pop(0) if len(found) > 1 else found[0]
        return found(body) if callable(found) else found

    def _item(self, version: str, item: dict) -> dict:
        status, headers, answer = self.reply(item["method"], f"/{version}{item['url']}", item.get("body"))
        self.seen.append((item["method"], f"/{version}{item['url']}", item.get("body")))
        return {"id": item["id"], "status": status, "headers": headers, "body": answer}

    def paths(self, method: str) -> list[str]:
        """The paths that were asked with a method."""
        return [path for known, path, dummy in self.seen if known == method]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
