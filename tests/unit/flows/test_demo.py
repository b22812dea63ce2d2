# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demonstration is what a newcomer sees first: it ends well, and is short."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.tenant import ROOT

MOST = {"The dry run: what would change": 45, "A dry run that finds an error: there is no seat for Kim": 30}


@pytest.mark.plays
def test_the_demonstration_is_short(tmp_path):
    environment = {**os.environ, "HOME": str(tmp_path), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    ended = subprocess.run([sys.executable, ROOT / "demo/run.py"], check=False, capture_output=True, text=True, env=environment, timeout=300)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    parts = dict(re.findall(r"^=== (.+?) =*\n(.*?)(?=^=== |\Z)", ended.stdout, re.MULTILINE | re.DOTALL))
    for title, most in MOST.items():
        lines = [line for line in parts[title].splitlines() if line.strip()]
        assert 10 < len(lines) <= most, parts[title]
