# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways to get a token for Graph: one small class for each, all over MSAL (graph-contract 9).

Each checks its files without the network when it is made. C(token()) gives a bearer token; C(renew(claims)) drops
the one that Graph refused and says whether another can be had.
"""

from __future__ import annotations

import json
import os
import re
import stat
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from .._errors import AuthenticationError, MissingLibraryError, OptionError
from . import retry
from .clouds import Cloud
from .credentials import CREDENTIALS, read_file
from .transport import LostConnectionError, Transport

METHODS = ("access_token", "certificate", "workload_identity", "client_secret", "managed_identity", "azure_cli")
_NEEDS = {
    "access_token": ("access_token",),
    "certificate": ("tenant_id", "client_id", "certificate_path"),
    "workload_identity": ("tenant_id", "client_id", "federated_token_file"),
    "client_secret": ("tenant_id", "client_id", "client_secret"),
}
_EARLY = 120  # seconds before its end in which a token is not used any more


def choose_tokens(params: Mapping, cloud: Cloud, transport: Transport, run_command: Callable) -> Any:
    """The source of tokens that the options ask for. Raises OptionError when they are not complete.

    run_command runs a program and gives status, output and errors, as AnsibleModule's does.
    """
    method = params.get("auth") or "auto"
    if method == "auto":
        method = next((name for name, needs in _NEEDS.items() if all(params.get(option) for option in needs)), "")
        if not method:
            ways = "; ".join(f"{' and '.join(needs)} ({name})" for name, needs in _NEEDS.items())
            raise OptionError(f"auth: no way to authenticate is complete. Give {ways}; or auth: managed_identity or azure_cli")
    missing = [option for option in _NEEDS.get(method, ()) if not params.get(option)]
    if missing:
        raise OptionError(f"auth is {method}, which needs {' and '.join(missing)} as well")
    if method == "access_token":
        return ReadyToken(params["access_token"])
    if method == "azure_cli":
        return AzureCli(cloud, params.get("tenant_id"), run_command)
    http, cache_path = _RetryingHttp(transport, params["max_wait"]), params.get("token_cache")
    if method == "managed_identity":
        return MsalTokens(
            lambda cache: _managed_identity(params, cache, http),
            lambda app, dummy: app.acquire_token_for_client(resource=cloud.resource),
            cache_path,
        )
    credential = CREDENTIALS[method](params)
    scopes = [f"{cloud.resource}/.default"]
    return MsalTokens(
        lambda cache: _application(params, cloud, credential, cache, http),
        lambda app, claims: app.acquire_token_for_client(scopes, claims_challenge=claims),
        cache_path,
    )


class ReadyToken:
    """A token that somebody else got."""

    remedy = "Give a fresh access_token"

    def __init__(self, token: str) -> None:
        self._token = token.strip()
        if not re.fullmatch(r"[\x21-\x7e]+", self._token):
            raise OptionError("access_token holds blanks or characters that no token has: give the bare token, without 'Bearer'")

    def token(self) -> str:
        """The token."""
        return self._token

    def secrets(self) -> set[str]:
        """What must never be shown."""
        return {self._token} - {""}

    def renew(self, claims: str | None) -> bool:
        """Another token cannot be had."""
        return False


class AzureCli:
    """The account that C(az login) signed in."""

    remedy = "Sign in again with az login"

    def __init__(self, cloud: Cloud, tenant_id: str | None, run_command: Callable) -> None:
        self._run_command = run_command
        self._command = ["az", "account", "get-access-token", "--resource", cloud.resource, "--output", "json"]
        self._command += ["--tenant", tenant_id] if tenant_id else []
        self._token = ""

    def token(self) -> str:
        """A token of the Azure CLI, asked for once."""
        self._token = self._token or self._ask()
        return self._token

    def secrets(self) -> set[str]:
        """What must never be shown."""
        return {self._token} - {""}

    def renew(self, claims: str | None) -> bool:
        """The Azure CLI has a cache of its own, so asking again helps only against an expired token."""
        self._token = ""
        return claims is None

    def _ask(self) -> str:
        try:
            status, output, errors = self._run_command(self._command, handle_exceptions=False)
        except FileNotFoundError:
            raise AuthenticationError("auth is azure_cli, but there is no az command on PATH: install the Azure CLI or choose another auth") from None
        except OSError as error:
            raise AuthenticationError(f"the Azure CLI gave no token: {error}") from None
        if status != 0:
            said = errors.strip().splitlines()
            raise AuthenticationError(f"the Azure CLI gave no token: {said[0] if said else 'no reason given'}")
        try:
            return json.loads(output)["accessToken"]
        except (ValueError, KeyError, TypeError):
            raise AuthenticationError("the Azure CLI answered without an accessToken: update it, or choose another auth") from None


class MsalTokens:
    """Tokens of an MSAL application, which is made when the first is needed."""

    remedy = "Check the credential and the consent of the application"

    def __init__(self, make_app: Callable[[Any], Any], acquire: Callable[[Any, str | None], dict | None], cache_path: str | None) -> None:
        self._make_app, self._acquire, self._cache_path = make_app, acquire, cache_path
        self._app: Any = None
        self._token, self._good_until = "", 0.0

    def token(self) -> str:
        """A token with some time left."""
        if not self._token or time.monotonic() >= self._good_until:
            self._fetch(None)
        return self._token

    def secrets(self) -> set[str]:
        """What must never be shown."""
        return {self._token} - {""}

    def renew(self, claims: str | None) -> bool:
        """A new token, past every cache; with the claims that Graph asks for, if it does."""
        remove = getattr(self._app, "remove_tokens_for_client", None)
        if remove is not None:
            remove()
        else:
            self._app = self._make_app(None)  # a managed identity cannot forget a token, but begin anew
        self._fetch(claims)
        return True

    def _fetch(self, claims: str | None) -> None:
        try:
            self._app = self._app or self._make_app(_cache(self._cache_path))
            result = self._acquire(self._app, claims) or {}
        except LostConnectionError as error:
            raise AuthenticationError(f"no token: {error.message}") from None
        except _lock_errors():
            text = f"token_cache: another task has held {self._cache_path} for too long; if none runs, delete {self._cache_path}.lockfile"
            raise AuthenticationError(text) from None
        except OSError as error:
            raise AuthenticationError(f"no token: {error}") from None
        except (ValueError, TypeError) as error:
            raise AuthenticationError(f"no token: {_first_sentence(str(error))}") from None
        if "access_token" not in result:
            reason = _first_sentence(str(result.get("error_description") or result.get("error") or "the service gave no reason"))
            raise AuthenticationError(f"no token: {reason}")
        self._token = result["access_token"]
        self._good_until = time.monotonic() + int(result.get("expires_in", 3600)) - _EARLY


class _RetryingHttp:
    """Our transport in the form that MSAL wants, which itself leaves throttling to the caller."""

    def __init__(self, transport: Transport, max_wait: float, pause: Callable[[float], None] = time.sleep) -> None:
        self._transport, self._max_wait, self._pause = transport, max_wait, pause

    def get(self, url: str, params: Any = None, headers: Any = None, **dummy: Any) -> Any:
        """A GET, as requests has it."""
        return self._send("GET", url, params=params, headers=headers)

    def post(self, url: str, params: Any = None, data: Any = None, headers: Any = None, **dummy: Any) -> Any:
        """A POST, as requests has it."""
        return self._send("POST", url, params=params, data=data, headers=headers)

    def close(self) -> None:
        """The transport is closed by who opened it."""

    def _send(self, method: str, url: str, **options: Any) -> Any:
        left, attempt = self._max_wait, 0
        while True:
            attempt += 1
            fault = response = None
            try:
                response = self._transport.send(method, url, **options)
            except LostConnectionError as error:
                fault = error
            if response is not None and not retry.is_retriable(response.status_code, ""):
                return response
            header = response.headers.get("Retry-After") if response is not None else None
            seconds = retry.delay(attempt, retry.number(header), lambda: 1.0)
            if seconds > left or (fault is not None and attempt >= retry.CONNECT_ATTEMPTS):
                if fault is not None:
                    raise fault
                return response
            left -= seconds
            self._pause(seconds)


def _application(params: Mapping, cloud: Cloud, credential: Any, cache: Any, http: _RetryingHttp) -> Any:
    msal = _msal()
    return msal.ConfidentialClientApplication(
        params["client_id"],
        client_credential=credential,
        authority=f"{cloud.authority_url}/{params['tenant_id']}",
        instance_discovery=False,
        client_capabilities=["CP1"],
        token_cache=cache,
        http_client=http,
    )


def _managed_identity(params: Mapping, cache: Any, http: _RetryingHttp) -> Any:
    msal = _msal()
    client_id = params.get("client_id")
    identity = msal.UserAssignedManagedIdentity(client_id=client_id) if client_id else msal.SystemAssignedManagedIdentity()
    return msal.ManagedIdentityClient(identity, http_client=http, token_cache=cache)


def _cache(path: str | None) -> Any:
    """A cache in a file that only its owner reads, locked between processes; None keeps it in memory."""
    if path is None:
        return None
    try:
        from msal_extensions import FilePersistence, PersistedTokenCache
    except ImportError:
        raise MissingLibraryError("msal-extensions", "token_cache needs the Python library msal-extensions") from None
    full = os.path.expanduser(path)
    try:
        if stat.S_IMODE(os.stat(full).st_mode) & 0o077:
            raise OptionError(f"token_cache: others can read {path}; make it private with chmod 600, or name another file")
        content = read_file(full, "token_cache")
    except FileNotFoundError:
        content = b""
    try:
        is_cache = not content or isinstance(json.loads(content), dict)
    except ValueError:
        is_cache = False
    if not is_cache:
        raise OptionError(f"token_cache: {path} holds no tokens; delete it, or name another file")
    return PersistedTokenCache(FilePersistence(full))


def _lock_errors() -> tuple[type[Exception], ...]:
    """What a lock on the cache that is not to be had raises; nothing when there is no cache."""
    extensions = sys.modules.get("msal_extensions")
    return (extensions.LockError,) if extensions is not None else ()


def _msal() -> Any:
    try:
        import msal  # only here: loading it costs more than a whole task with a ready token
    except ImportError:
        raise MissingLibraryError("msal", "every auth but access_token and azure_cli needs the Python library msal") from None
    return msal


def _first_sentence(text: str) -> str:
    """The first line of what a service says, without the trace and correlation ids that follow it."""
    line = text.strip().splitlines()[0] if text.strip() else "the service gave no reason"
    return re.split(r"\s*(?:Trace ID|Correlation ID|Timestamp):", line)[0].rstrip()
