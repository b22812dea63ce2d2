# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the tools that want a collection in its place, out of any checkout: ansible-test, galaxy-importer, and the matrix of both. COMMANDS lists them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / ".work"
PLACE = Path("ansible_collections/m365/licensing")

# ansible-core, and the Pythons that it runs on
CORES = {"2.18": ("3.11", "3.12", "3.13"), "2.19": ("3.11", "3.12", "3.13"), "2.20": ("3.12", "3.13", "3.14"), "2.21": ("3.12", "3.13", "3.14")}

# ansible-test fetches pip's bootstrap from a host of its own. Where that cannot be reached, this does the same from the
# package index: it runs inside the fresh virtual environment, with the packages to install as arguments.
BOOTSTRAP = """
import subprocess
import sys


def run(*command):
    subprocess.check_call([sys.executable, "-m", *command], stdout=subprocess.DEVNULL)


run("ensurepip", "--upgrade")
run("pip", "install", "--quiet", *(part for part in sys.argv[1:] if part not in ("--no-setuptools", "--no-wheel")))
if "--no-setuptools" in sys.argv and sys.version_info < (3, 12):
    run("pip", "uninstall", "--quiet", "--yes", "setuptools")
"""
BOOTSTRAP_NAMES = ("get_pip_24_2.py", "get_pip_25_2.py")
BOOTSTRAP_HOST = "https://ci-files.testing.ansible.com/"

IMPORTER = """
[galaxy-importer]
LOG_LEVEL_MAIN = INFO
RUN_FLAKE8 = True
RUN_ANSIBLE_DOC = True
RUN_ANSIBLE_LINT = True
OFFLINE_ANSIBLE_LINT = True
RUN_ANSIBLE_TEST = False
ANSIBLE_TEST_LOCAL_IMAGE = False
LOCAL_IMAGE_DOCKER = False
INFRA_OSD = False
CHECK_REQUIRED_TAGS = True
CHECK_RUNTIME_FILE = True
CHECK_CHANGELOG = True
"""


def copy_collection(where: Path) -> Path:
    """Copies what git tracks, or would track, to where tools look for a collection. tests/output stays: it holds environments."""
    target = where / PLACE
    listed = run_command(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, is_quiet=True).split("\0")
    files = {name for name in listed if name and (ROOT / name).exists()}
    for old in list(target.rglob("*")) if target.exists() else []:
        name = old.relative_to(target).as_posix()
        if (old.is_file() or old.is_symlink()) and name not in files and not name.startswith(("tests/output/", ".git/")):
            old.unlink()
    for name in files:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name)
    return target


def run_ansible_test(venv: Path, arguments: list[str]) -> str:
    """Runs ansible-test of a virtual environment, in a home of its own. Returns its output."""
    venv = (ROOT / venv).resolve()
    work = WORK / f"ansible-test-{venv.name.lstrip('.')}-{arguments[0]}"
    target = copy_collection(work)
    if not (target / ".git").exists():
        run_command(["git", "init", "--quiet"], cwd=target)  # else ansible-test obeys the .gitignore around it, and skips everything
    home = work / "home"
    _seed_bootstrap(home / ".ansible/test/cache")
    _link_pip(home)
    path = f"{_pythons(work / 'pythons', venv)}:{venv}/bin:/usr/bin:/bin"
    output = run_command([f"{venv}/bin/ansible-test", *arguments], cwd=target, env={**os.environ, "HOME": str(home), "PATH": path})
    if "All targets skipped" in output:
        sys.exit("ansible-test looked at nothing")
    return output


def build(venv: Path) -> Path:
    """Builds the collection with the ansible-galaxy of a virtual environment, out of a fresh copy."""
    shutil.rmtree(WORK / "build", ignore_errors=True)
    target, dist = copy_collection(WORK / "build"), WORK / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    run_command([f"{venv}/bin/ansible-galaxy", "collection", "build", str(target), "--output-path", str(dist)])
    (archive,) = dist.glob("*.tar.gz")
    return archive


def run_importer() -> None:
    """Builds the collection, and imports it as Galaxy would; a warning fails."""
    venv = WORK / "importer"
    if not (venv / "ready").exists():
        _make_venv(Path(sys.executable), venv, ["galaxy-importer"])
    archive = build(venv)
    config = WORK / "importer.cfg"
    config.write_text(IMPORTER)
    place = {"ANSIBLE_COLLECTIONS_PATH": str(WORK / "build"), "GALAXY_IMPORTER_CONFIG": str(config), "PATH": f"{venv}/bin:/usr/bin:/bin"}
    output = run_command([f"{venv}/bin/python", "-m", "galaxy_importer.main", str(archive)], cwd=WORK, env={**os.environ, **place})
    # it does not find playbooks of a collection by their own name, as it unpacks the collection elsewhere; make lint does
    if re.search(r"^WARNING(?!: ERROR +Failed to find m365\.licensing\.\w+ playbook)", output, re.MULTILINE):
        sys.exit("galaxy-importer warns")


def fetch_awx(target: Path) -> None:
    """Puts the collection awx.awx where tests look for it: out of the package of all of Ansible, as it is on no package index of its own."""
    with tempfile.TemporaryDirectory() as folder:
        fetching = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "--python-version", "3.12", "-d", folder]
        run_command([*fetching, "ansible==12.*"])
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(target, [name for name in archive.namelist() if name.startswith("ansible_collections/awx/awx/")])


def fetch_browser() -> None:
    """Installs Chromium where the system's packages can be installed; without it, the tests that look at pages are skipped, and say so."""
    if any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
        return
    if shutil.which("apt-get") and os.geteuid() == 0:
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for arguments in (["update", "-qq"], ["install", "-qq", "--yes", "--no-install-recommends", "chromium"]):
            if subprocess.run(["apt-get", *arguments], env=quiet, stdout=subprocess.DEVNULL, check=False).returncode:
                print("Chromium could not be installed: the tests that look at pages are skipped")
                return


def check_changelog() -> None:
    """Fails when a branch changes what ships and adds nothing to the changelog; the main branch itself has nothing to be compared with."""
    listed = subprocess.run(
        ["git", "diff", "--name-only", "origin/main...HEAD"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False
    )
    changed = listed.stdout.splitlines()
    shipped = [name for name in changed if name.startswith(("plugins/", "roles/", "playbooks/"))]
    if shipped and not any(name.startswith("changelogs/") for name in changed):
        sys.exit(f"{len(shipped)} files that ship differ from origin/main, such as {shipped[0]}: add a fragment to changelogs/fragments")


def try_environment(venv: Path) -> None:
    """Builds the context of an execution environment, installs what it would install into an empty virtual environment, and runs the demonstration there."""
    work = WORK / "environment"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    archive = build(venv)
    galaxy = [f"{venv}/bin/ansible-galaxy", "collection", "install", "--force", str(archive), "--collections-path"]
    run_command([*galaxy, str(work / "introspected")], env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(work / "introspected")})
    run_command([f"{venv}/bin/ansible-builder", "introspect", "--write-pip", str(work / "requirements.txt"), str(work / "introspected")])
    example = ROOT / "docs/examples/execution-environment.yml"
    run_command([f"{venv}/bin/ansible-builder", "create", "--file", str(example), "--context", str(work / "context"), "--output-filename", "Containerfile"])
    context = (work / "context/Containerfile").read_text() + (work / "context/_build/requirements.yml").read_text()
    if "m365.licensing" not in context:
        sys.exit("the execution environment does not install the collection")
    _quick_start(work)
    _make_venv(Path(sys.executable), work / "venv", ["ansible-core>=2.18,<2.22", "-r", str(work / "requirements.txt")])
    place = work / "collections"
    paths = {"ANSIBLE_COLLECTIONS_PATH": str(place), "PATH": f"{work}/venv/bin:/usr/bin:/bin"}
    run_command([f"{work}/venv/bin/ansible-galaxy", "collection", "install", str(archive), "--collections-path", str(place)], env={**os.environ, **paths})
    run_command([f"{work}/venv/bin/python", str(place / PLACE / "demo/run.py")], env={**os.environ, **paths})


def _quick_start(work: Path) -> None:
    """Runs the commands of the quick start as they are written, in an empty home, and in this clone rather than one of the public repository."""
    guide = (ROOT / "docs/docsite/rst/guide_quick_start.rst").read_text()
    clone, *lines = re.findall(r"code-block:: shell\n\n((?:    .*\n)+)", guide)[0].splitlines()
    commands = "\n".join(lines)
    stop = "ansible-playbook m365.licensing.sandbox -e sandbox_tenant_state=stopped"
    run_command([sys.executable, "-m", "venv", str(work / "quick")])
    (work / "home").mkdir()
    _link_pip(work / "home")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "AZURE_", "MSGRAPH_"))}
    clean = {**kept, "HOME": str(work / "home"), "PATH": f"{work}/quick/bin:/usr/bin:/bin"}
    output = run_command(["bash", "-e", "-c", f"trap '{stop}' EXIT\n{commands}"], cwd=copy_collection(work / "clone"), env=clean)
    if "  + usage location DE" not in output or "git clone" not in clone or len(lines) > 7:
        sys.exit("the quick start does not come to a dry run in eight commands")


def run_matrix(*cores: str) -> None:
    """Sanity, integration and units on every ansible-core for which there is a Python, or on some. All are run before the first failure ends it."""
    done, is_failed = [], False
    for core, versions in CORES.items():
        if cores and core not in cores:
            continue
        python = next((found for found in map(_python, versions) if found), None)
        if python is None:
            done.append(f"ansible-core {core}: no Python of {', '.join(versions)} here, skipped")
            continue
        venv = WORK / f"core-{core}"
        for part, run in MATRIX.items():
            try:
                if not (venv / "ready").exists():
                    _make_venv(python, venv, ["-r", str(ROOT / "tests/requirements.txt"), f"ansible-core=={core}.*"])
                output = run(venv)
                counts = [line.strip("= ") for line in output.splitlines() if re.search("[0-9]+ passed", line)]
                said = "passed" + "".join(f" ({line})" for line in counts[-1:])
            except SystemExit as error:
                said, is_failed = str(error), True
            done.append(f"ansible-core {core} on Python {python.name.removeprefix('python')}, {part}: {said}")
    print("\n".join(done))
    sys.exit(is_failed)


def run_units(venv: Path) -> str:
    """All tests of tests/unit, with the ansible-core of a virtual environment."""
    tree = WORK / "tree"
    target = copy_collection(tree)
    environment = {**os.environ, "PATH": f"{venv}/bin:{os.environ['PATH']}", "PYTHONPATH": str(tree), "ANSIBLE_COLLECTIONS_PATH": str(tree)}
    return run_command([f"{venv}/bin/python", "-m", "pytest", "-n", "2", "tests/unit"], cwd=target, env=environment)


MATRIX = {
    "sanity": lambda venv: run_ansible_test(venv, ["sanity", "--venv", "--color", "no"]),
    "integration": lambda venv: run_ansible_test(venv, ["integration", "--venv", "--color", "no", "--python", "default"]),
    "units": run_units,
}


def _make_venv(python: Path, venv: Path, packages: list[str]) -> None:
    run_command([str(python), "-m", "venv", "--clear", str(venv)])
    run_command([f"{venv}/bin/python", "-m", "pip", "install", "-qq", *packages])
    (venv / "ready").touch()


def _seed_bootstrap(cache: Path) -> None:
    """Puts our bootstrap where ansible-test looks first, when its host cannot be reached."""
    try:
        urllib.request.urlopen(urllib.request.Request(BOOTSTRAP_HOST, method="HEAD"), timeout=10).close()
    except urllib.error.HTTPError:
        return
    except OSError:
        cache.mkdir(parents=True, exist_ok=True)
        for name in BOOTSTRAP_NAMES:
            (cache / name).write_text(BOOTSTRAP)


def _link_pip(home: Path) -> None:
    """Lets pip in that home find the user's cache and configuration, as ansible-test drops the environment."""
    for name in (".cache/pip", ".config/pip"):
        theirs, ours = Path.home() / name, home / name
        ours.parent.mkdir(parents=True, exist_ok=True)
        if theirs.exists() and not ours.exists():
            ours.symlink_to(theirs)


def _pythons(folder: Path, venv: Path) -> Path:
    """A folder of the Pythons that really run (version managers put others on the path), and of shellcheck."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for minor in range(10, 15):
        python = _python(f"3.{minor}")
        if python:
            (folder / f"python3.{minor}").symlink_to(python)
    if (venv / "bin/shellcheck").exists():
        (folder / "shellcheck").symlink_to(venv / "bin/shellcheck")
    return folder


def _python(version: str) -> Path | None:
    """An interpreter of a version that has pip's bootstrap, on the path or among those of pyenv."""
    candidates = [shutil.which(f"python{version}"), *Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}")]
    for candidate in candidates:
        if candidate and subprocess.run([candidate, "-c", "import ensurepip, venv"], capture_output=True, check=False).returncode == 0:
            return Path(candidate)
    return None


def run_command(command: list[str], cwd: Path = ROOT, env: dict[str, str] | None = None, is_quiet: bool = False) -> str:
    """The output of a command, shown as it comes; ends this program when it fails."""
    process = subprocess.Popen(
        command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=None if is_quiet else subprocess.STDOUT, text=True
    )
    lines = []
    for line in process.stdout or ():
        lines.append(line)
        if not is_quiet:
            print(line, end="", flush=True)
    if process.wait() != 0:
        sys.exit(f"failed: {' '.join(command)}")
    return "".join(lines)


COMMANDS = {
    "tree": lambda where: copy_collection(Path(where)),
    "ansible-test": lambda venv, *arguments: run_ansible_test(Path(venv), list(arguments)),
    "build": lambda: build(ROOT / ".venv"),
    "importer": run_importer,
    "browser": fetch_browser,
    "changelog": check_changelog,
    "environment": lambda: try_environment(ROOT / ".venv"),
    "awx": lambda where: fetch_awx(Path(where)),
    "matrix": run_matrix,
}

if __name__ == "__main__":
    if sys.argv[1:2] == [] or sys.argv[1] not in COMMANDS:
        sys.exit(f"give one of {', '.join(COMMANDS)}")
    COMMANDS[sys.argv[1]](*sys.argv[2:])
