# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""As much of a controller as the modules of awx.awx need to create, compare and link objects, with what a real AWX 24.6.1 refused."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
import urllib.parse
from collections.abc import Iterator

KINDS = {"workflow_job_template_nodes": "workflow_job_template_node", "workflow_approval_templates": "workflow_approval_template", "inventories": "inventory"}
JOBS = ("job_templates", "workflow_job_templates", "projects")


class Refused(Exception):
    """An answer that is an error, with what is said."""


class Store:
    """Objects by kind and id, what is linked to them, and their surveys. writes are the requests that changed something."""

    def __init__(self, playbooks: set[str]) -> None:
        self.playbooks, self.rows, self.links, self.surveys = playbooks, [], {}, {}
        self.writes = 0

    def add(self, where: str, **fields) -> dict:
        number = len(self.rows) + 1
        url = f"/api/v2/{where}/{number}/"
        related = {"survey_spec": f"{url}survey_spec/", "create_approval_template": f"{url}create_approval_template/"}
        self.rows.append({**fields, "where": where, "id": number, "type": KINDS.get(where, where.rstrip("s")), "url": url, "related": related})
        return self.rows[-1]

    def found(self, kind: str, query: dict[str, str]) -> list[dict]:
        kinds = JOBS if kind == "unified_job_templates" else (kind,)
        asked = {key.replace("__", "_"): value for key, value in query.items()}  # organization__name is a field of what is related
        return [row for row in self.rows if row["where"] in kinds and all(str(row[key]) == value for key, value in asked.items() if key in row)]

    def create(self, kind: str, sent: dict) -> dict:
        if kind == "job_templates":
            project = next(row for row in self.rows if row["id"] == sent["project"])
            is_open = project.get("scm_type") and project.get("allow_override")  # then a branch may have it, and names of collections are taken
            files = self.playbooks if project["status"] in ("successful", "ok") else set()
            if not is_open and sent["playbook"] not in files:
                raise Refused({"playbook": ["Playbook not found for project."]})
        owner = next((row["name"] for row in self.rows if row["where"] == "organizations" and row["id"] == sent.get("organization")), None)
        synchronized = {"status": "successful", "scm_revision": "0" * 40, "summary_fields": {}} if kind == "projects" else {}
        return self.add(kind, **sent, **({"organization_name": owner} if owner else {}), **synchronized)

    def link(self, row: dict, what: str, sent: dict) -> dict | None:
        """Links, or sets a survey or an approval template."""
        if what == "survey_spec":
            for question in sent.get("spec", ()):
                _check_question(question)
            self.surveys[row["url"]] = sent
            return sent
        if what == "create_approval_template":
            made = self.add("workflow_approval_templates", **sent)  # has no identifier
            row["unified_job_template"] = made["id"]
            row["related"]["unified_job_template"] = made["url"]
            return made
        listed = self.links.setdefault((row["url"], what), [])
        if sent.get("disassociate"):
            listed.remove(sent["id"])
        else:
            listed.append(sent["id"])
        return None


_NUMBERS = {"integer": int, "float": (int, float)}


def _check_question(question: dict) -> None:
    """Refuses what a controller refuses of a survey's question: bounds that are no whole numbers, and defaults of another type."""
    kind, default = question["type"], question.get("default", "")
    for bound in ("min", "max"):
        if bound in question and not isinstance(question[bound], int):
            raise Refused({"error": f"The {bound}imum of {question['variable']} must be a whole number."})
    if default == "":
        return
    if kind == "multiplechoice" and default not in question["choices"]:
        raise Refused({"error": f"Default choice must be answered from the choices listed for {question['variable']}."})
    if not isinstance(default, _NUMBERS.get(kind, str)):
        raise Refused({"error": f"Default answer of {question['variable']} must be of the type {kind}."})


def launch_errors(spec: list[dict], answers: dict) -> list[str]:
    """Why a controller does not launch a job with these answers. What is left blank is no answer of a choice or a number."""
    errors = []
    for question in spec:
        name, kind = question["variable"], question["type"]
        if name not in answers:
            errors += [f"{name}: a required answer is missing"] if question["required"] and not question.get("default") else []
            continue
        answer = answers[name]
        if kind == "multiplechoice":
            errors += [] if answer in question["choices"] else [f"{name}: {answer!r} is no choice"]
        elif kind in _NUMBERS:
            is_number = isinstance(answer, _NUMBERS[kind]) and question["min"] <= answer <= question["max"]
            errors += [] if is_number else [f"{name}: {answer!r} is no number from {question['min']} to {question['max']}"]
        elif not isinstance(answer, str) or not (question["min"] if question["required"] else 0) <= len(answer) <= question["max"]:
            errors.append(f"{name}: {answer!r} has a wrong length or type")
    return errors


class _Handler(http.server.BaseHTTPRequestHandler):
    store: Store

    def answer(self) -> None:
        address = urllib.parse.urlsplit(self.path)
        kind, *rest = [part for part in address.path.split("/") if part][2:] or [""]
        length = int(self.headers.get("Content-Length") or 0)
        sent = json.loads(self.rfile.read(length) or b"{}") if length else {}
        self.store.writes += self.command != "GET"
        try:
            self.reply(*self.made(kind, rest, dict(urllib.parse.parse_qsl(address.query)), sent))
        except Refused as error:
            self.reply(400, error.args[0])

    do_GET = do_POST = do_PATCH = answer

    def made(self, kind: str, rest: list[str], query: dict[str, str], sent: dict) -> tuple[int, dict]:
        store = self.store
        if not rest:
            if self.command == "POST":
                return 201, store.create(kind, sent)
            rows = store.found(kind, query)
            return 200, {"count": len(rows), "results": rows, "next": None}
        row = next(row for row in store.rows if row["where"] == kind and str(row["id"]) == rest[0])
        if len(rest) == 1:
            row.update(sent)
            return 200, row
        if self.command == "POST":
            said = store.link(row, rest[1], sent)
            return (201 if rest[1] == "create_approval_template" else 200 if said else 204), said or {}
        if rest[1] == "survey_spec":
            return 200, store.surveys.get(row["url"], {})
        linked = [other for other in store.rows if other["id"] in store.links.get((row["url"], rest[1]), ())]
        return 200, {"count": len(linked), "results": linked, "next": None}

    def reply(self, status: int, content: dict) -> None:
        body = b"" if status == 204 else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing to be read on a test's output."""


@contextlib.contextmanager
def controller(store: Store) -> Iterator[str]:
    """The address of a controller with these objects, as long as the block lasts."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"store": store}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
