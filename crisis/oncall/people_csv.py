"""People as a CSV file: reading one with every mistake named by line, and writing one that reads back the same.

Pure text and values; what a file means for the database stands in people_import. UTF-8 with or without its mark, commas
or semicolons.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from crisis.oncall import people
from crisis.oncall.people import Details
from crisis.settings import LANGUAGES
from crisis.states import NotAllowed

COLUMNS = (
    "reference",
    "name",
    "language",
    "groups",
    "skills",
    "phone",
    "phone2",
    "email",
    "email2",
    "consent",
    "sites",
)
NEEDED = ("reference", "name")
MOST_ROWS = 100_000
MOST_MISTAKES = 500  # nobody reads more; the rest is counted

YES, NO = frozenset({"yes", "ja", "y", "j", "1", "true"}), frozenset({"no", "nei", "n", "0", "false"})
# Spreadsheets run a cell that starts so; an apostrophe before it makes it text. Reading takes the apostrophe off again.
_RUNS = re.compile(r"'*[=+\-@\t\r]")


@dataclass(frozen=True, slots=True)
class Row:
    """One person in a file. None: the file has no such column, so what is known stays."""

    line: int
    reference: str
    name: str
    language: str | None
    groups: frozenset[str] | None
    skills: tuple[str, ...] | None
    phones: tuple[str, ...] | None
    mailboxes: tuple[str, ...] | None
    consent: bool | None
    sites: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Mistake:
    """Why a line can't be imported. `say` is English for translation."""

    line: int
    column: str
    say: str
    written: str = ""


@dataclass(frozen=True, slots=True)
class Parsed:
    """`mistakes` holds the first of them; `bad` counts the lines that have any."""

    rows: tuple[Row, ...]
    mistakes: tuple[Mistake, ...]
    bad: int


def read(raw: bytes) -> Parsed:
    """Raises `NotAllowed` when this is no such file at all; mistakes of single lines are in the answer."""
    if not raw.strip():
        raise NotAllowed("Choose a file first.")
    reader = _reader(raw)
    header = [name.strip().lower() for name in next(reader, [])]
    _check_header(header)
    rows: list[Row] = []
    mistakes: list[Mistake] = []
    seen: dict[str, int] = {}
    bad, line = 0, reader.line_num + 1
    try:
        for cells in reader:
            here, line = line, reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if len(rows) + bad >= MOST_ROWS:
                raise NotAllowed("The file has too many lines. Split it and import each part.")
            wrong: list[Mistake] = []
            row = _row(here, header, cells, seen, wrong)
            bad += bool(wrong)
            mistakes += wrong[: max(0, MOST_MISTAKES - len(mistakes))]
            if row and not wrong:
                rows.append(row)
    except csv.Error:
        mistakes.append(Mistake(line, "", "This line can't be read: look for a quotation mark that is never closed."))
        bad += 1
    return Parsed(tuple(rows), tuple(mistakes), bad)


def _reader(raw: bytes) -> Any:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotAllowed("The file is not UTF-8. In the spreadsheet, choose: save as CSV UTF-8.") from None
    first = text.partition("\n")[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)


def _check_header(header: list[str]) -> None:
    if not set(NEEDED) <= set(header):
        raise NotAllowed("The first line must name the columns, at least reference and name.")
    if set(header) - set(COLUMNS) - {""}:
        raise NotAllowed("The first line names a column we do not know. Known are those on the import page.")
    if len(set(header)) != len(header):
        raise NotAllowed("The first line names a column twice.")


def _row(line: int, header: list[str], cells: list[str], seen: dict[str, int], wrong: list[Mistake]) -> Row | None:
    told = {name: _unguarded(cell.strip()) for name, cell in zip(header, cells, strict=False)}
    if len(cells) != len(header):
        wrong.append(Mistake(line, "", "This line does not have as many cells as the first line."))
        return None

    def blame(column: str, say: str) -> None:
        wrong.append(Mistake(line, column, say, told.get(column, "")[:60]))

    said = {}
    for column, most in (("reference", 60), ("name", 80)):
        try:
            said[column] = people.line(told[column], most)
        except NotAllowed as error:
            blame(column, error.say)
    reference = said.get("reference", "")
    if reference and seen.setdefault(reference, line) != line:
        blame("reference", "This reference stands on an earlier line too.")
    language = told.get("language", "").lower() or None
    if language and language not in LANGUAGES:
        blame("language", "Write nb, nn or en.")
    consent = told.get("consent", "").lower()
    if consent and consent not in YES | NO | {"mixed"}:
        blame("consent", "Write yes or no.")
    groups = []
    for word in people.words(told.get("groups", "")):
        try:
            groups.append(people.key(word))
        except NotAllowed as error:
            blame("groups", error.say)
    return Row(
        line,
        reference,
        said.get("name", ""),
        language,
        frozenset(groups) if "groups" in told else None,
        people.words(told["skills"]) if "skills" in told else None,
        _addresses("phone", ("phone", "phone2"), told, blame),
        _addresses("mailbox", ("email", "email2"), told, blame),
        True if consent in YES else False if consent in NO else None,
        people.words(told["sites"]) if "sites" in told else None,
    )


def _addresses(
    medium: str, columns: tuple[str, ...], told: dict[str, str], blame: Callable[[str, str], None]
) -> tuple[str, ...] | None:
    if not any(column in told for column in columns):
        return None
    found = []
    for column in columns:
        if written := told.get(column):
            try:
                found.append(people.address(medium, written))
            except NotAllowed as error:
                blame(column, error.say)
    return tuple(dict.fromkeys(found))


def write(persons: Iterable[Details]) -> Iterator[str]:
    """The file, line by line. Semicolons and the UTF-8 mark, because that is what Norwegian spreadsheets open rightly."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=";")

    def line(cells: Iterable[str]) -> str:
        writer.writerow([_guarded(cell) for cell in cells])
        text = buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
        return text

    yield "\ufeff" + line(COLUMNS)
    for person in persons:
        yield line(_cells(person))


def _cells(person: Details) -> list[str]:
    phones = [one.address for one in person.reaches if one.medium == "phone"]
    mailboxes = [one.address for one in person.reaches if one.medium == "mailbox"]
    consents = {one.consent for one in person.reaches}
    consent = "mixed" if len(consents) > 1 else "no" if consents == {False} else "yes"
    lists = ["|".join(sorted(person.groups)), "|".join(person.skills)]
    pairs = [*[*phones, "", ""][:2], *[*mailboxes, "", ""][:2]]
    return [person.reference, person.name, person.language, *lists, *pairs, consent, "|".join(person.sites)]


def _guarded(cell: str) -> str:
    return f"'{cell}" if _RUNS.match(cell) else cell


def _unguarded(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _RUNS.match(cell) else cell
