# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Route a call to the handler of its path, and check its permissions."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import unquote

from .cloud_routes import CloudRoutes
from .directory_routes import DirectoryRoutes
from .errors import Rejection, cloud_rejection, rejection
from .graph import Call, Graph, Reply
from .options import check_options
from .permissions import is_protected, may

QUERIES = {"Invalid filter": "invalidFilter", "Parsing OData": "invalidExpansion"}


class Router:
    """Every path of Graph that the sandbox has."""

    def __init__(self, graph: Graph) -> None:
        self._tenant = graph.tenant
        table = [*DirectoryRoutes(graph).table(), *CloudRoutes(graph).table()]
        self._routes: list[tuple[str, re.Pattern, Callable]] = [(method, re.compile(pattern), handler) for method, pattern, handler in table]

    def answer(self, call: Call) -> Reply:
        """The answer to one request. Raises Rejection."""
        if call.body is not None and not isinstance(call.body, dict):
            raise rejection("body")
        path = self._without_me(call)
        if not may(call.method, path, call.claims, self._tenant) or is_protected(call.method, path, call.claims, self._tenant):
            raise rejection("E18")
        for method, pattern, handler in self._routes:
            found = pattern.fullmatch(path)
            if found and method == call.method and (call.version == "beta" or "cloudLicensing" not in path):
                check_options(call.method, path, call.query)
                reply = self._handled(handler, call, [unquote(group) for group in found.groups()])
                if call.method == "GET":
                    self._tenant.tick()
                return reply
        if call.version == "beta" and self._is_read_only(path):
            raise cloud_rejection("methodNotAllowed", "The method is not allowed", 405)
        segments = [segment for segment in path.split("/") if segment]
        raise rejection("segment", segment="cloudLicensing" if "cloudLicensing" in segments else segments[-1] if segments else "")

    def _handled(self, handler: Callable, call: Call, parts: list[str]) -> Reply:
        """What a handler answers; cloudLicensing has error codes of its own for invalid queries (graph-contract 4.5)."""
        try:
            return handler(call, *parts)
        except Rejection as error:
            if "cloudLicensing" in call.path and error.code == "BadRequest" and error.status == 400:
                inner = next((name for start, name in QUERIES.items() if error.message.startswith(start)), None)
                if inner:
                    raise cloud_rejection(inner, error.message, target="query") from None
            raise

    def _is_read_only(self, path: str) -> bool:
        """Whether a path of cloudLicensing exists, but not for this method (graph-contract 1.5)."""
        if "cloudLicensing" not in path:
            return False
        known = any(pattern.fullmatch(path) for dummy, pattern, handler in self._routes)
        return known or path.endswith("/$ref") or path == "/admin/cloudLicensing"

    def _without_me(self, call: Call) -> str:
        """The path with a key in parentheses as a segment, and with the signed-in user in place of me."""
        path = re.sub(r"/(\w+)\('((?:[^']|'')*)'\)", lambda found: f"/{found.group(1)}/{found.group(2)}", call.path)
        if path != "/me" and not path.startswith("/me/"):
            return path
        if call.claims.get("idtyp") != "user":
            raise rejection("me_needs_user")
        return f"/users/{call.claims['oid']}{path[3:]}"
