# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a release in .work/release, out of a clean clone: changelog, archive, checksums, bill of materials and tag message. It pushes nothing.

    make release VERSION=0.2.0

What is left to do by hand is printed at the end: commit the changelog, tag, push, publish.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import sys

from gate import ROOT, WORK, run_command

TARGET = WORK / "release"
NEXT = """
The release is in {target}. It is not published. What is left:

    cp {clone}/{{galaxy.yml,CHANGELOG.rst,changelogs/changelog.yaml}} where they belong, delete the fragments, and commit
    git tag --sign --file {target}/tag-message.txt {version}
    git push && git push --tags
    ansible-galaxy collection publish {target}/m365-licensing-{version}.tar.gz
"""


def main(version: str) -> None:
    """Makes the release. Ends with a message for what forbids it."""
    check(version, released(), changed())
    clone = WORK / "release-clone"
    for folder in (clone, TARGET):
        shutil.rmtree(folder, ignore_errors=True)
    run_command(["git", "clone", "--quiet", str(ROOT), str(clone)])
    galaxy = clone / "galaxy.yml"
    galaxy.write_text(re.sub(r"(?m)^version: .*$", f"version: {version}", galaxy.read_text()))
    run_command(["antsibull-changelog", "release", "--version", version], cwd=clone)
    (clone / ".work").mkdir()
    if (WORK / "importer/ready").exists():
        (clone / ".work/importer").symlink_to(WORK / "importer")
    run_command([sys.executable, ".ci/gate.py", "importer"], cwd=clone)
    (archive,) = (clone / ".work/dist").glob("*.tar.gz")
    TARGET.mkdir(parents=True)
    shutil.copy2(archive, TARGET)
    run_command(["reuse", "spdx", "--output", str(TARGET / f"m365-licensing-{version}.spdx")], cwd=clone)
    (TARGET / "tag-message.txt").write_text(tag_message(version, (clone / "CHANGELOG.rst").read_text()))
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(TARGET.iterdir())]
    (TARGET / "SHA256SUMS").write_text("".join(sums))
    print(NEXT.format(target=TARGET, clone=clone, version=version))


def check(version: str, earlier: list[str], dirty: str) -> None:
    """Ends for a version that is none or not the next one, and for a tree that is not clean."""
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        sys.exit(f"VERSION is {version!r}: give three numbers, such as 0.2.0")
    if earlier and numbers(version) <= max(map(numbers, earlier)):
        sys.exit(f"VERSION is {version}, and {max(earlier, key=numbers)} is released: give a later one")
    if dirty:
        sys.exit(f"the tree is not clean; commit or remove:\n{dirty}")


def numbers(version: str) -> tuple[int, ...]:
    """A version, to be compared."""
    return tuple(map(int, version.split(".")))


def released() -> list[str]:
    """The versions that were released, as tags have them."""
    return [tag for tag in run_command(["git", "tag", "--list"], is_quiet=True).split() if re.fullmatch(r"\d+\.\d+\.\d+", tag)]


def changed() -> str:
    """What git does not have yet."""
    return run_command(["git", "status", "--porcelain"], is_quiet=True).rstrip()


def tag_message(version: str, changelog: str) -> str:
    """The first line names the version; then comes its part of the changelog."""
    part = re.search(rf"^v{re.escape(version)}\n=+\n(.*?)(?=^v\d|\Z)", changelog, re.MULTILINE | re.DOTALL)
    return f"m365.licensing {version}\n\n{part[1].strip() if part else ''}\n"


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
