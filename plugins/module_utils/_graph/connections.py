# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections that another thread can close, as the time limit of a socket restarts with every byte that arrives."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import weakref
from collections.abc import Iterator
from typing import Any

try:
    from requests.adapters import HTTPAdapter
except ImportError:  # the transport reports that it is missing
    HTTPAdapter = object  # type: ignore[assignment,misc]


class CuttableAdapter(HTTPAdapter):
    """An adapter that tracks its connections. context, where given, replaces the TLS settings of requests."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._context = context
        self._live: weakref.WeakSet = weakref.WeakSet()
        super().__init__()

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        """Create the pools, of tracked connections."""
        super().init_poolmanager(connections, maxsize, block, **options, **self._tls())
        self._watch(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """Return the pools for a proxy, of tracked connections."""
        is_new = proxy not in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **options, **self._tls())
        if is_new:
            self._watch(manager)
        return manager

    @contextlib.contextmanager
    def within(self, seconds: float, is_over: threading.Event) -> Iterator[None]:
        """Close all connections and set the event when the block lasts longer."""

        def cut() -> None:
            is_over.set()
            for connection in list(self._live):
                if connection.sock is not None:
                    with contextlib.suppress(OSError):
                        socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)  # past TLS, whose reader is in another thread

        watch = threading.Timer(seconds, cut)
        watch.daemon = True
        watch.start()
        try:
            yield
        finally:
            watch.cancel()

    def _tls(self) -> dict:
        return {"ssl_context": self._context} if self._context is not None else {}

    def _watch(self, manager: Any) -> None:
        manager.pool_classes_by_scheme = {scheme: self._pool_class(known) for scheme, known in manager.pool_classes_by_scheme.items()}

    def _pool_class(self, known: Any) -> type:
        live = self._live

        class Connection(known.ConnectionCls):
            """One connection."""

            def connect(self) -> None:
                """Connect, tracked from the beginning."""
                live.add(self)
                super().connect()

        return type(known.__name__, (known,), {"ConnectionCls": Connection})
