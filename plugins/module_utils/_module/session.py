# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Create the client of Graph, its readers and its writer from connection options."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping

from .._engine.progress import VARIABLE, ProgressFile
from .._errors import MissingLibraryError
from .._graph.authentication import choose_tokens
from .._graph.client import GraphClient
from .._graph.clouds import choose_cloud
from .._graph.flow import Flow
from .._graph.pace import WRITES
from .._graph.tokens import claims_of_token
from .._graph.transport import REQUESTS_IMPORT_ERROR, Transport
from .._tenant.cloud_reader import CloudReader
from .._tenant.reader import Reader
from .._tenant.tenant_reader import TenantReader
from .._tenant.writer import Writer
from .names_file import read_names
from .options import check_seconds, check_texts


class Session:
    """Readers and a writer of one tenant, over one connection. Nothing is sent before the first read."""

    def __init__(self, params: Mapping, run_command: Callable, given: Collection[str]) -> None:
        """given are the options that the task itself sets, rather than the environment."""
        if REQUESTS_IMPORT_ERROR is not None:
            raise MissingLibraryError("requests", "this module needs the Python library requests")
        check_texts(params)
        names = read_names(params.get("sku_names"), "sku_names")
        check_seconds(params, *({"timeout", "max_wait", "wait_timeout"} & params.keys()))
        cloud = choose_cloud(params["cloud"], params.get("authority_url"), params.get("graph_url"))
        self._transport = Transport(params.get("ca_path"), params["validate_certs"], params["timeout"])
        self.tokens = choose_tokens(params, cloud, self._transport, run_command, given)
        flow = Flow(params.get("concurrency") or 1, params.get("write_quota") or WRITES, max_wait=params["max_wait"])
        self.client = GraphClient(self._transport, self.tokens, cloud.graph_url, params["max_wait"], flow)
        self.progress = ProgressFile(os.environ.get(VARIABLE))
        self.reader = Reader(self.client, cloud.name, names, self.progress.read)
        self.tenant, self.cloud = TenantReader(self.client, self.reader), CloudReader(self.client, self.reader)
        self.writer = Writer(self.client, self.reader)

    def ambient_identity(self) -> list[str]:
        """Return the tenant and object that are signed in, where it is not in the options: a managed identity, or the account of the Azure CLI."""
        if not self.tokens.is_ambient:
            return []
        claims = claims_of_token(self.tokens.token())
        return [str(claims.get(name)) for name in ("tid", "oid", "appid")]

    def permissions(self) -> frozenset[str]:
        """Return the permissions in the token, of an application or a signed-in user; none where it is not readable."""
        claims = claims_of_token(self.tokens.token())
        roles, scopes = claims.get("roles"), claims.get("scp")
        return frozenset([*(roles if isinstance(roles, list) else ()), *(scopes.split() if isinstance(scopes, str) else ())])

    def close(self) -> None:
        """Closes the connection."""
        self._transport.close()
