# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways to get a token for Graph: one small class for each (graph-contract 9).

Each checks its files without the network when it is made. C(token()) returns a bearer token; C(renew(claims)) drops
the one that Graph rejected, and returns whether there is another.
"""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable
from typing import Any

from .._errors import AuthenticationError, LicensingError, OptionError, SignInUnavailableError, TransportError
from .clouds import Cloud
from .msal_library import LIBRARY_ERRORS, RetryingHttp, load_msal, lock_errors, open_cache
from .proxies import without_secrets
from .sign_in_errors import sign_in_remedy

_EARLY = 120  # seconds before its end in which a token is not used any more, a tenth of its life at most
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TOKEN = re.compile(r"[\x21-\x7e]+")
_SILENCE = "the service returned neither a token nor a reason"
_TRANSIENT = re.compile(r"temporarily_unavailable|server_error|AADSTS(90033|90024|90051)\b")


def claims_of_token(token: str) -> dict:
    """Return the claims of a token, unverified; none where it is not readable, as tokens for Graph need not be."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def check_tenant(token: str, tenant_id: str | None) -> None:
    """Raise OptionError for a token of another tenant than tenant_id. A domain is not compared, and an unreadable token is accepted."""
    tenant = str(claims_of_token(token).get("tid")).lower()
    if tenant_id and _GUID.fullmatch(tenant_id.lower()) and _GUID.fullmatch(tenant) and tenant != tenant_id.lower():
        raise OptionError(f"tenant_id is {tenant_id}, and the token is of tenant {tenant}: correct tenant_id, or sign in to that tenant")


class ReadyToken:
    """A token that was obtained elsewhere."""

    remedy = "give a fresh access_token"
    is_ambient = False  # whether the environment, rather than the options, decides who is signed in

    def __init__(self, token: str, tenant_id: str | None = None) -> None:
        self._token = token.strip()
        if not _TOKEN.fullmatch(self._token):
            raise OptionError("access_token contains blanks or invalid characters: give the token alone, without 'Bearer'")
        check_tenant(self._token, tenant_id)

    def token(self) -> str:
        """The token."""
        return self._token

    def secrets(self) -> set[str]:
        """What must never be shown."""
        return {self._token} - {""}

    def renew(self, claims: str | None) -> bool:
        """Return False: there is no other token."""
        return False


class AzureCli:
    """Tokens of the account that C(az login) signed in."""

    remedy = "sign in again with az login"
    is_ambient = True

    def __init__(self, cloud: Cloud, tenant_id: str | None, run_command: Callable) -> None:
        self._run_command, self._tenant_id = run_command, tenant_id
        self._command = ["az", "account", "get-access-token", "--resource", cloud.resource, "--output", "json"]
        self._command += ["--tenant", tenant_id] if tenant_id else []
        self._token = ""

    def token(self) -> str:
        """Return the token of the Azure CLI, which is asked once."""
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
            said = without_secrets(errors).strip().splitlines()
            raise AuthenticationError(f"the Azure CLI gave no token: {said[0] if said else 'no reason given'}")
        try:
            token = json.loads(output)["accessToken"]
        except (ValueError, KeyError, TypeError, RecursionError):
            token = None
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise AuthenticationError("the Azure CLI answered without an accessToken: update it, or choose another auth")
        check_tenant(token, self._tenant_id)
        return token


class MsalTokens:
    """Tokens of an MSAL application, which is made when the first is needed."""

    remedy = "check the credential and the consent of the application"

    def __init__(
        self,
        make_app: Callable[[Any], Any],
        acquire: Callable[[Any, str | None], dict | None],
        http: RetryingHttp,
        cache_path: str | None,
        tenant_id: str | None,
        is_ambient: bool = False,
    ) -> None:
        self.is_ambient = is_ambient
        self._make_app, self._acquire, self._http, self._cache_path, self._tenant_id = make_app, acquire, http, cache_path, tenant_id
        self._app: Any = None
        self._cache: Any = None
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
        """Fetch a new token, without any cache, with the claims that Graph asks for, if any."""
        self._fetch(claims, forget=self._token)
        return True

    def _fetch(self, claims: str | None, forget: str = "") -> None:
        result = self._asked(claims, forget)
        token, said = result.get("access_token"), f"{result.get('error')} {result.get('error_description')}"
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            reason = _first_sentence(str(result.get("error_description") or result.get("error") or _SILENCE))
            if self._http.is_busy or _TRANSIENT.search(said):
                raise self._unavailable(reason)
            raise AuthenticationError(f"no token: {reason}", remedy=sign_in_remedy(reason))
        check_tenant(token, self._tenant_id)
        self._token, life = token, _seconds(result.get("expires_in"))
        self._good_until = time.monotonic() + life - min(_EARLY, life / 10)

    def _asked(self, claims: str | None, forget: str) -> dict:
        """Return MSAL's answer. All of its failures are translated here, and only here."""
        try:
            if self._app is None:
                self._cache = open_cache(self._cache_path)
                self._app = self._make_app(self._cache)
            for entry in list(self._cache.search("AccessToken")) if forget else ():
                if entry.get("secret") == forget:
                    self._cache.remove_at(entry)
            result = self._acquire(self._app, claims)
        except TransportError as error:
            if error.problem.retriable:
                raise SignInUnavailableError(f"no token: {error.message}") from None
            raise AuthenticationError(f"no token: {error.message}") from None
        except LicensingError:
            raise
        except lock_errors():
            text = f"token_cache: another task has locked {self._cache_path} for too long; if no task runs, delete {self._cache_path}.lockfile"
            raise AuthenticationError(text) from None
        except (*LIBRARY_ERRORS, load_msal().exceptions.MsalError) as error:
            raise self._failure_of(error) from None
        return result if isinstance(result, dict) else {}

    def _failure_of(self, error: Exception) -> LicensingError:
        """What an error of the library means: of the credential, of the service, or of what answers in its place."""
        is_no_answer = isinstance(error, (json.JSONDecodeError, AttributeError, KeyError, TypeError))
        if is_no_answer and self.is_ambient and not self._http.is_busy:
            return AuthenticationError("no token: no managed identity answers on this machine; check that it is in Azure and has one")
        if is_no_answer:
            return self._unavailable("the answer is not of a sign-in service (check authority_url)")
        reason = _first_sentence(str(error) or type(error).__name__)
        return self._unavailable(reason) if self._http.is_busy else AuthenticationError(f"no token: {reason}", remedy=sign_in_remedy(reason))

    def _unavailable(self, reason: str) -> SignInUnavailableError:
        return SignInUnavailableError(f"no token, as the sign-in service is busy or fails{self._http.last}: {reason}; try again later")


def _seconds(value: Any) -> float:
    """Return the lifetime of a token in seconds, as the service reports it."""
    try:
        return max(0.0, min(float(value), 86400.0))
    except (TypeError, ValueError, OverflowError):
        return 3600.0


def _first_sentence(text: str) -> str:
    """Return the first line of a service's text, without the trace and correlation ids that follow it."""
    line = text.strip().splitlines()[0] if text.strip() else _SILENCE
    return re.split(r"\s*(?:Trace ID|Correlation ID|Timestamp):", line)[0].rstrip()
