"""A journal becomes broadcasts that senders send: one that is not provably ours, word for word, is not merged."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from crisis.breakglass.merge import Merged, merge_all
from crisis.breakglass.proof import Proof
from crisis.models import Broadcast
from tests.breakglass.scene import MACHINE, Vault, tables, vault
from tests.stories.town import free_port


@pytest.fixture
def sent(tmp_path: Path) -> Iterator[Vault]:
    """Something was sent from the copy, and its journal waits."""
    with vault(tmp_path) as found:
        found.town.populate(2)
        found.copy()
        found.away = f"postgresql://crisis@127.0.0.1:{free_port()}/crisis"
        assert found.send("--channel", "sms").status == 0
        found.away = ""
        yield found


def merge(here: Vault) -> list[Merged]:
    return list(merge_all(here.town.runtime.database, here.folder, MACHINE, here.proof))


def change(statement: str) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(statement)
            connection.commit()

    return spoil


def readable_by_all(path: Path) -> None:
    path.chmod(0o644)


def writable_by_group(path: Path) -> None:
    path.chmod(0o660)


def link(path: Path) -> None:
    elsewhere = path.parent.parent / "elsewhere.db"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def side_file_of_others(path: Path) -> None:
    other = path.with_name(path.name + "-wal")
    other.write_bytes(b"")
    other.chmod(0o666)


def garbage(path: Path) -> None:
    path.write_bytes(os.urandom(20_000))


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize(
    ("spoil", "say"),
    [
        (readable_by_all, "can be reached by others (mode 0644)"),
        (writable_by_group, "can be reached by others (mode 0660)"),
        (link, "is not an ordinary file"),
        (side_file_of_others, "can be reached by others (mode 0666)"),
        (garbage, "it can't be read"),
        (empty, "its record does not begin with its own opening"),
        (change("UPDATE broadcast_text SET text = 'All is well'"), "was not released by this installation as it stands"),
        (change("UPDATE delivery SET address = '+4799999999' WHERE rowid = 1"), "was not released by this installation"),
        (change("UPDATE broadcast SET expires_at = '2099-01-01 00:00:00'"), "was not released by this installation"),
        (change("UPDATE broadcast SET priority = 0"), "was not released by this installation"),
        (change("UPDATE broadcast SET purpose = 'notice'"), "was not released by this installation"),
        (change("UPDATE audit SET who = 'Somebody else' WHERE act = 'broadcast.released'"), "its record is broken"),
        (change("DELETE FROM audit WHERE number = 3"), "its record is broken"),
        (change("DELETE FROM audit"), "its record does not begin with its own opening"),
        (change("UPDATE broadcast SET released_at = NULL"), "it holds deliveries that nobody released"),
    ],
)  # fmt: skip
def test_what_is_not_ours_is_refused_and_left_lying(sent: Vault, spoil: Callable[[Path], None], say: str) -> None:
    before = tables(sent.town.runtime.database)
    path = sent.journal()
    spoil(path)
    (merged,) = merge(sent)
    assert merged.trouble.startswith("refused: ")
    assert say in merged.trouble
    assert tables(sent.town.runtime.database) == before
    assert sent.folder.to_merge() == [path]
    # `crisis journal merge` says it as well.
    said = sent.run("journal", "merge")
    assert (said.status, say in said.err) == (1, True), said


def test_another_installations_journal_is_refused(sent: Vault) -> None:
    trouble = [
        merged.trouble
        for merged in merge_all(sent.town.runtime.database, sent.folder, MACHINE, Proof("another secret key"))
    ]
    assert trouble == ["refused: this installation did not open it"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(sent: Vault) -> None:
    os.chown(sent.journal(), 65534, 65534)
    (merged,) = merge(sent)
    assert "belongs to another user (number 65534)" in merged.trouble
    assert sent.count(Broadcast) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_the_command_wants_the_folders_own_user(sent: Vault) -> None:
    os.chown(sent.town.runtime.settings.data_dir, 65534, 65534)
    said = sent.send()
    assert said.status == 1
    assert "run this as the user" in said.err


def test_one_that_is_refused_hinders_no_other(sent: Vault) -> None:
    path = sent.journal()
    forged = path.with_name("00000000T000000000000Z-forged.db")
    shutil.copy(path, forged)
    forged.chmod(0o600)
    change("UPDATE broadcast_text SET text = 'All is well'")(forged)
    first, second = merge(sent)
    assert first.trouble
    assert not second.trouble
    assert sent.count(Broadcast) == 1


def test_the_same_journal_under_another_name_is_merged_once(sent: Vault) -> None:
    path = sent.journal()
    twin = path.with_name("99999999T000000000000Z-twin.db")
    shutil.copy(path, twin)
    twin.chmod(0o600)
    first, second = merge(sent)
    assert (first.already, second.already) == (False, True)
    assert sent.count(Broadcast) == 1


def test_a_folder_that_others_can_enter_is_not_used(sent: Vault) -> None:
    sent.folder.root.chmod(0o755)
    said = sent.run("journal", "merge")
    assert said.status == 1
    assert "can be reached by others" in said.err
