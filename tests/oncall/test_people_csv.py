"""Reading and writing people files: each mistake by line, and back again unchanged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisis.oncall import people_csv
from crisis.oncall.people import Details, Reach
from crisis.states import NotAllowed

HEAD = "reference,name,language,groups,skills,phone,phone2,email,email2,consent\n"


def test_a_whole_row() -> None:
    parsed = people_csv.read(
        (HEAD + '17,Kari Nordmann,nn,"staff, press",kirurg|norsk,22 33 44 55,,Kari@OUS.no,,ja\n').encode()
    )
    assert parsed.mistakes == ()
    (row,) = parsed.rows
    assert (row.reference, row.name, row.language, row.line) == ("17", "Kari Nordmann", "nn", 2)
    assert row.groups == {"staff", "press"}
    assert row.skills == ("kirurg", "norsk")
    assert row.phones == ("+4722334455",)
    assert row.mailboxes == ("Kari@ous.no",)
    assert row.consent is True


def test_semicolons_and_the_utf8_mark() -> None:
    parsed = people_csv.read("\ufeffreference;name;phone\r\n1;Åse, Ødegård;+46 8 123 456 78\r\n".encode())
    assert [(row.name, row.phones, row.mailboxes) for row in parsed.rows] == [("Åse, Ødegård", ("+46812345678",), None)]


@pytest.mark.parametrize(
    ("line", "column"),
    [
        (",Kari,nb,,,,,,,", "reference"),
        ("1,,nb,,,,,,,", "name"),
        ("1,Kari,sv,,,,,,,", "language"),
        ("1,Kari,nb,Ståb!,,,,,,", "groups"),
        ("1,Kari,nb,,,123,,,,", "phone"),
        ("1,Kari,nb,,,,hei,,,", "phone2"),
        ("1,Kari,nb,,,,,kari,,", "email"),
        ("1,Kari,nb,,,,,,a@b,", "email2"),
        ("1,Kari,nb,,,,,,,kanskje", "consent"),
        ("1,Kari,nb", ""),
    ],
)
def test_each_mistake_is_named_by_line_and_column(line: str, column: str) -> None:
    good = "0,Ola,nb,,,,,,,"
    parsed = people_csv.read(f"{HEAD}{good}\n\n{line}\n".encode())
    assert [(one.line, one.column) for one in parsed.mistakes] == [(4, column)]
    assert (len(parsed.rows), parsed.bad) == (1, 1)


def test_a_reference_twice() -> None:
    parsed = people_csv.read(b"reference,name\n1,Kari\n1,Ola\n")
    assert [(one.line, one.column) for one in parsed.mistakes] == [(3, "reference")]


@pytest.mark.parametrize(
    "raw",
    [b"", b"a,b\n1,2\n", b"reference,name,nmae\n", b"reference,name,name\n", "reference,name\n1,Å".encode("latin-1")],
)
def test_what_is_no_people_file(raw: bytes) -> None:
    with pytest.raises(NotAllowed):
        people_csv.read(raw)


def test_an_unclosed_quotation_mark() -> None:
    parsed = people_csv.read(b'reference,name\n1,Kari\n2,"Ola\n')
    assert [one.line for one in parsed.mistakes] == [3]


def test_cells_that_a_spreadsheet_would_run_are_text() -> None:
    nasty = Details("=1+1", "@SUM(A1)", "nb", frozenset(), ("-2",), (Reach("phone", "+4722334455"),))
    text = "".join(people_csv.write([nasty]))
    cells = text.splitlines()[1].split(";")
    assert not [cell for cell in cells if cell[:1] in "=+-@\t\r" and cell]
    (row,) = people_csv.read(text.encode()).rows
    assert (row.reference, row.name, row.skills, row.phones) == ("=1+1", "@SUM(A1)", ("-2",), ("+4722334455",))


plain = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=40).filter(
    lambda text: " ".join(text.split()) == text and text.isprintable()
)
skill = plain.filter(lambda text: not set(text) & set(",;|"))


@given(plain, plain, st.lists(skill, max_size=3, unique=True), st.sampled_from([True, False]))
def test_what_is_written_reads_back(reference: str, name: str, skills: list[str], consent: bool) -> None:
    reaches = (Reach("phone", "+4722334455", consent), Reach("mailbox", "a@example.no", consent))
    person = Details(reference, name, "nb", frozenset({"staff"}), tuple(skills), reaches)
    parsed = people_csv.read("".join(people_csv.write([person])).encode())
    assert parsed.mistakes == ()
    (row,) = parsed.rows
    assert (row.reference, row.name, row.skills, row.consent) == (reference, name, tuple(skills), consent)
