"""The settings file: every mistake at once with its line, no secret repeated, and every setting documented."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from crisis import runtime
from crisis.channels.registry import OPTIONS
from crisis.settings import (
    AccountSettings,
    ConsoleSettings,
    FeedSettings,
    SecretRef,
    Settings,
    SettingsError,
    UnitSettings,
)

ROOT = Path(__file__).parents[1]

GOOD = """\
[[units]]
key = "ous"
name = "Oslo universitetssykehus"
kind = "hospital"

[[accounts]]
key = "page-ous"
unit = "ous"
channel = "page"
mode = "live"
public_url = "https://status.example.org"
"""

WRONG = """\
data_dirr = "var"

[console]
port = 99999
secret_key = "hemmelig-verdi"

[[units]]
key = "ous"
name = "A name that is far longer than forty characters"
kind = "hospital"
zone = "Europe/Osslo"

[[accounts]]
key = "x-ous"
unit = "ous"
channel = "x"
mode = "live"
handle = "not a handle"
consumer_key = "hemmelig-verdi"
consumer_secret = { env = "A", file = "b" }
access_token = { env = "C" }

[[accounts]]
key = "fax-ous"
unit = "ous"
channel = "fax"
mode = "live"
"""


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)

    def read(source: str) -> Settings:
        (tmp_path / "crisis.toml").write_text(source)
        return runtime.load(tmp_path / "crisis.toml")

    return read


def mistakes(read, source: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read(source)
    return [mistake.rpartition("crisis.toml:")[2] for mistake in caught.value.mistakes]


def test_every_mistake_is_told_at_once_with_its_line(read) -> None:
    found = mistakes(read, WRONG)
    lines = {mistake.split(":")[0]: mistake for mistake in found}
    assert set(lines) == {"1", "4", "5", "9", "11", "13", "18", "19", "20", "26"}
    assert "no such setting" in lines["1"]
    assert "Europe/Oslo" in lines["11"]
    assert "access_token_secret: is missing" in lines["13"]
    assert "name one place" in lines["20"]
    assert f"'fax' is no channel; known are {', '.join(sorted(OPTIONS))}" in lines["26"]


def test_a_secret_in_the_file_is_refused_and_never_repeated(read) -> None:
    assert "hemmelig" not in "".join(mistakes(read, WRONG))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('unit = "ous"', 'unit = "hus"'), "there is no unit 'hus'; known are ous"),
        (("[[accounts]]", '[[units]]\nkey = "ous"\nname = "B"\nkind = "hospital"\n\n[[accounts]]'), "'ous' is used twice"),
        (('mode = "live"', 'mode = "test"'), "'live' or 'drill'"),
        (("https://status.example.org", "https://a-very-long-name.of-a-public-body.example.org/status"), "49 characters"),
        (("[[units]]", "[[units"), "this is not TOML"),
    ],
)  # fmt: skip
def test_contradictions_are_found(read, change: tuple[str, str], words: str) -> None:
    assert words in "\n".join(mistakes(read, GOOD.replace(*change, 1)))


def test_a_missing_file_says_what_to_copy(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"copy crisis\.example\.toml"):
        runtime.load(tmp_path / "nowhere.toml")


def test_the_environment_wins_over_the_file(read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://db/crisis")
    told = read('database_url = "sqlite:///x.db"\nredis_url = "redis://file"\n' + GOOD)
    assert told.database_url == "postgresql://db/crisis"
    assert told.redis_url == "redis://file"


def test_a_secret_is_read_when_it_is_needed_and_its_place_named_when_it_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text("abc\n")
    assert SecretRef(file=tmp_path / "key").reveal() == "abc"
    monkeypatch.setenv("A_SECRET", "xyz")
    assert SecretRef(env="A_SECRET").reveal() == "xyz"
    monkeypatch.delenv("A_SECRET")
    with pytest.raises(SettingsError, match="A_SECRET is not set"):
        SecretRef(env="A_SECRET").reveal()
    with pytest.raises(SettingsError, match="No such file"):
        SecretRef(file=tmp_path / "none").reveal()


def test_the_example_is_a_demo_of_every_channel_in_both_modes() -> None:
    told = runtime.load(ROOT / "crisis.example.toml")
    for unit in told.units:
        kinds = {(account.channel, account.mode) for account in told.accounts if account.unit == unit.key}
        channels = {channel for channel, _ in kinds}
        assert kinds == {(channel, mode) for channel in channels for mode in ("live", "drill")}
        assert channels >= {"x", "sms", "email", "page"}
    shown = {account.channel for account in told.accounts}
    assert shown == set(OPTIONS)


def test_every_setting_is_documented_and_nothing_else() -> None:
    sections = re.split(r"^#{2,3} ", (ROOT / "docs/settings.md").read_text(), flags=re.MULTILINE)[1:]
    told = {text.splitlines()[0]: set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) for text in sections}
    known = {
        "Top of the file": set(Settings.model_fields) - {"path", "console", "units", "accounts"},
        "[console]": set(ConsoleSettings.model_fields),
        "[[units]]": set(UnitSettings.model_fields),
        "[[units.feeds]]": set(FeedSettings.model_fields),
        "[[accounts]]": set(AccountSettings.model_fields) - {"options"},
        **{f'channel = "{name}"': set(options.model_fields) for name, options in OPTIONS.items()},
    }
    for section, fields in known.items():
        assert told[section] == fields, section


FEED = GOOD.replace(
    "[[accounts]]", '[[units.feeds]]\nurl = "https://www.ous.no/rss"\nhosts = ["ous.no"]\n\n[[accounts]]'
)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("https://www.ous.no/rss", "http://www.ous.no/rss", "fetched over https"),
        ("https://www.ous.no/rss", "file:///etc/passwd", "whole address"),
        ("https://www.ous.no/rss", "https://me:secret@www.ous.no/rss", "without name and password"),
        ("https://www.ous.no/rss", "https://10.0.0.1/rss", "'10.0.0.1' is no name of a public web site"),
        ("https://www.ous.no/rss", "https://intranet/rss", "'intranet' is no name"),
        ('["ous.no"]', '["localhost"]', "'localhost' is no name"),
        ('["ous.no"]', '["::1"]', "'::1' is no name"),
        ("[[accounts]]", '[[units.feeds]]\nurl = "https://www.ous.no/rss"\n\n[[accounts]]', "named twice"),
    ],
)
def test_a_feed_that_leads_astray_is_told_with_what_to_do(read, old: str, new: str, says: str) -> None:
    assert read(FEED).units[0].feeds[0].every_minutes == 15
    with pytest.raises(SettingsError, match=says):
        read(FEED.replace(old, new, 1))


PAIR = (
    GOOD
    + """
[[accounts]]
key = "page-two"
unit = "ous"
channel = "page"
mode = "live"
public_url = "https://two.example.org"
fallback = "page-ous"
"""
)


def test_a_fallback_is_an_account_like_it(read) -> None:
    assert read(PAIR).accounts[1].fallback == "page-ous"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('fallback = "page-ous"', 'fallback = "page-x"', "there is no account 'page-x'"),
        ('fallback = "page-ous"', 'fallback = "page-two"', "cannot stand in for itself"),
        ('fallback = "page-ous"', 'fallback = "page-ous"\nlanguages = ["nb", "en"]', "does not speak en"),
        ('mode = "live"\npublic_url = "https://two', 'mode = "drill"\npublic_url = "https://two', "is a live account"),
        ('key = "page-ous"\n', 'key = "page-ous"\nfallback = "page-two"\n', "they form no chains"),
    ],
)
def test_a_fallback_that_cannot_be_one_is_told_with_what_to_do(read, old: str, new: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        read(PAIR.replace(old, new))


def test_what_has_one_receiver_cannot_be_split(read) -> None:
    with pytest.raises(SettingsError, match="nothing to split; remove the line"):
        read(GOOD.replace('mode = "live"', 'mode = "live"\nshards = 2'))


X = """
[[accounts]]
key = "x-ous"
unit = "ous"
channel = "x"
mode = "live"
handle = "ous"
consumer_key = { env = "APP" }
consumer_secret = { env = "APP_SECRET" }
access_token = { file = "token" }
access_token_secret = { file = "token-secret" }
"""


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (X + X.replace("x-ous", "x-drill").replace('"live"', '"drill"'), "the very keys of the live account 'x-ous'"),
        (
            (
                '[[accounts]]\nkey = "page-drill"\nunit = "ous"\nchannel = "page"\nmode = "drill"\n'
                'public_url = "https://drill.example.org"\ndirectory = "var/pages/live"\n'
            ),
            "pages of 'page-ous' are written to the same folder",
        ),
    ],
)
def test_an_exercise_never_speaks_where_the_public_looks(read, more: str, says: str) -> None:
    """Copied and only half changed, an account would do it."""
    with pytest.raises(SettingsError, match=says):
        read(f"{GOOD}\n{more}")
    one_app = X + X.replace("x-ous", "x-drill").replace('"live"', '"drill"').replace('"token', '"drill-token')
    assert len(read(f"{GOOD}\n{one_app}").accounts) == 3, "one app may have accounts of both kinds"
