# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""MSAL as this collection uses it: loaded when a token must be fetched, over our transport, with a cache in a private file."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from .._errors import MissingLibraryError, OptionError
from .._files import check_writable, encoded, exists, make_folder, make_private, read_regular, replaced
from . import retry
from .transport import LostConnectionError, Transport

# raised by libraries when a service, or a cache, answers in an unexpected form
LIBRARY_ERRORS = (ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError)
_TOKEN_PARTS = ("secret", "target", "expires_on")


def load_msal() -> Any:
    """The library. Raises MissingLibraryError where it is not installed."""
    try:
        import msal  # only here: loading it costs more than a whole task with a ready token
    except ImportError:
        raise MissingLibraryError("msal", "every auth but access_token and azure_cli needs the Python library msal") from None
    return msal


class RetryingHttp:
    """Our transport in the form for MSAL, which leaves throttling and failures of the service to the caller.

    no_proxy is for identity endpoints, which are this machine's own (graph-contract 9). C(last) says how the last request failed, if it did.
    """

    def __init__(self, transport: Transport, max_wait: float, no_proxy: bool = False, pause: Callable[[float], None] = time.sleep) -> None:
        self._transport, self._max_wait, self._no_proxy, self._pause = transport, max_wait, no_proxy, pause
        self.last = ""

    @property
    def is_busy(self) -> bool:
        """Whether the service throttled the last request, or failed: the credential may be valid."""
        return bool(self.last)

    def get(self, url: str, params: Any = None, headers: Any = None, **dummy: Any) -> Any:
        """Send a GET, with the arguments of requests."""
        return self._send("GET", url, params=params, headers=headers)

    def post(self, url: str, params: Any = None, data: Any = None, headers: Any = None, **dummy: Any) -> Any:
        """Send a POST, with the arguments of requests."""
        return self._send("POST", url, params=params, data=data, headers=headers)

    def close(self) -> None:
        """Do nothing: the owner of the transport closes it."""

    def _send(self, method: str, url: str, **options: Any) -> Any:
        left, attempt = self._max_wait, 0
        while True:
            attempt += 1
            fault = response = None
            try:
                response = self._transport.send(method, url, no_proxy=self._no_proxy, **options)
            except LostConnectionError as error:
                fault = error
            is_failing = response is None or response.status_code == 429 or response.status_code >= 500
            self.last = f" (it answered {response.status_code})" if response is not None and is_failing else ""
            if not is_failing:
                return response
            seconds = retry.delay(attempt, retry.retry_after(response.headers, time.time()) if response is not None else None, lambda: 1.0)
            if seconds > left or (fault is not None and attempt >= retry.CONNECT_ATTEMPTS):
                if fault is not None:
                    raise fault
                return response
            left -= seconds
            self._pause(seconds)


def open_cache(path: str | None) -> Any:
    """Return a cache of tokens in a file of this user only, locked between processes; without a path, one in memory.

    A file that other users could write until now is emptied: the origin of its tokens is not known. Raises OptionError for a file that is not a cache.
    """
    if path is None:
        return load_msal().TokenCache()
    try:
        from msal_extensions import FilePersistence, PersistedTokenCache
    except ImportError:
        raise MissingLibraryError("msal-extensions", "token_cache needs the Python library msal-extensions") from None

    class PrivateFile(FilePersistence):
        """The file of the cache, written under another name and renamed."""

        def save(self, content: str) -> None:
            """Replaces the content."""
            with replaced(self.get_location(), "token_cache") as file:
                file.write(content)

        def load(self) -> str:
            """The content."""
            return read_regular(self.get_location(), "token_cache").decode("utf-8", "replace")

    full = os.fsdecode(encoded(path, "token_cache"))
    make_folder(full, "token_cache")
    for name in (full, f"{full}.lockfile"):
        check_writable(name, "token_cache")
    if make_private(full, "token_cache"):
        PrivateFile(full).save("{}")
    if exists(full, "token_cache") and not _holds_tokens(read_regular(full, "token_cache")):
        raise OptionError(f"token_cache: {path} is not a token cache; delete it, or name another file")
    return PersistedTokenCache(PrivateFile(full))


def _holds_tokens(content: bytes) -> bool:
    """Whether a file is a cache of MSAL, or empty."""
    try:
        found = json.loads(content or b"{}")
        sections = [section.values() for section in found.values()]
        tokens = list(found.get("AccessToken", {}).values())
        are_tokens = all(isinstance(token[part], str) for token in tokens for part in _TOKEN_PARTS) and all(token["expires_on"].isdecimal() for token in tokens)
        return are_tokens and all(isinstance(entry, dict) for section in sections for entry in section)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return False


def lock_errors() -> tuple[type[Exception], ...]:
    """Return what is raised when the cache cannot be locked; nothing when there is no cache."""
    extensions = sys.modules.get("msal_extensions")
    return (extensions.LockError,) if extensions is not None else ()
