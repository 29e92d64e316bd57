"""bootstrap.sh on machines that lack something: plain words, and never a half-made environment."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("sh", "id", "cat", "cksum", "rm", "dirname", "mktemp", "tail", "grep", "mkdir", "chmod", "env", "ls")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A machine with little on it: its `bin` is the whole PATH."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in TOOLS:
        (tools / tool).symlink_to(shutil.which(tool) or f"/bin/{tool}")
    # Not root here, whoever runs the tests: nothing must be installed.
    (tools / "id").unlink()
    _tool(tmp_path, "id", "echo 1000")
    shutil.copy(ROOT / "bootstrap.sh", tmp_path)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_no_python_is_said_plainly(machine: Path) -> None:
    done = _bootstrap(machine, "run")
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr
    assert not (machine / ".venv").exists()


def test_an_old_python_is_none(machine: Path) -> None:
    _tool(machine, "python3", "exit 1")  # what `sys.version_info < (3, 11)` answers there
    assert "needs Python 3.11" in _bootstrap(machine, "run").stderr


def test_python_without_venv_names_the_package(machine: Path) -> None:
    # Debian's python3 without python3-venv: makes half an environment and fails.
    _tool(
        machine,
        "python3",
        'case "$*" in *version_info\\[:2\\]*) echo 3.11 ;; *venv*) mkdir -p .venv/bin; exit 1 ;; esac',
    )
    done = _bootstrap(machine, "run")
    assert done.returncode == 1
    assert "apt-get install python3.11-venv" in done.stderr
    assert not (machine / ".venv").exists()


@pytest.mark.parametrize(
    ("pip_says", "words"),
    [
        ("error: command 'gcc' failed: No such file", "had to be compiled"),
        ("Could not find a version that satisfies the requirement", "Is there a network"),
    ],
)
def test_a_failed_install_is_explained_and_not_taken_for_done(machine: Path, pip_says: str, words: str) -> None:
    _python_with_pip(machine, f'echo "{pip_says}"; exit 1')
    done = _bootstrap(machine, "run")
    assert done.returncode == 1
    assert pip_says in done.stderr
    assert words in done.stderr
    assert not list((machine / ".venv").glob("ready-*"))


def test_it_installs_once_and_again_when_the_dependencies_change(machine: Path) -> None:
    _python_with_pip(machine, f"echo x >>{machine}/installed")
    for _ in range(2):
        assert _bootstrap(machine, "dev").returncode == 0
    assert _bootstrap(machine, "run").returncode == 0  # dev holds all of run
    assert (machine / "installed").read_text().split() == ["x"]
    with (machine / "pyproject.toml").open("a") as file:
        file.write("# changed\n")
    assert _bootstrap(machine, "run").returncode == 0
    assert (machine / "installed").read_text().split() == ["x", "x"]


def test_a_broken_environment_is_made_anew(machine: Path) -> None:
    _python_with_pip(machine, f"echo x >>{machine}/installed")
    assert _bootstrap(machine, "run").returncode == 0
    (machine / ".venv/bin/python").unlink()
    (machine / ".venv/bin/python").symlink_to("/nonexistent/python")
    done = _bootstrap(machine, "run")
    assert done.returncode == 0, done.stderr
    assert "Making .venv" in done.stdout


def test_no_postgresql_names_the_package(machine: Path) -> None:
    (machine / "bin/ls").unlink()
    _tool(machine, "ls", "exit 1")  # nothing in /usr/lib/postgresql
    done = _bootstrap(machine, "postgres")
    assert done.returncode == 1
    assert "apt-get install postgresql" in done.stderr


def _bootstrap(machine: Path, *needs: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(machine / "bin/sh"), str(machine / "bootstrap.sh"), *needs],
        env={"PATH": str(machine / "bin")},
        capture_output=True,
        text=True,
        check=False,
    )


def _tool(machine: Path, name: str, script: str) -> None:
    path = machine / "bin" / name
    path.write_text(f"#!{shutil.which('sh')}\n{script}\n")
    path.chmod(0o755)


def _python_with_pip(machine: Path, install: str) -> None:
    """A python whose venv works and whose `pip install` does `install`."""
    inner = machine / "inner"
    inner.write_text(f'#!{shutil.which("sh")}\ncase "$*" in *"pip install"*) {install} ;; esac\n')
    inner.chmod(0o755)
    _tool(
        machine,
        "python3",
        f'case "$*" in *version_info\\[:2\\]*) echo 3.11 ;; *venv*) mkdir -p .venv/bin; cat {inner} >.venv/bin/python;'
        " chmod 755 .venv/bin/python ;; esac",
    )
