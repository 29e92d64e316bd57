"""How the pretend X counts and finds links, against the published conformance files and a few of our own."""

from pathlib import Path

import pytest
import yaml

from crisis.simulator.x import links, weights


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("", 0),
        ("Hello", 5),
        ("Blålys og ødeleggelse", 21),
        ("طوارئ", 5),
        ("緊急", 4),
        ("👨‍👩‍👧‍👦", 2),
        ("🇳🇴", 2),
        ("1️⃣", 2),
        ("e\u0301", 1),
        ("see https://example.org/a/very/long/path/that/goes/on?and=on", 27),
        ("see helsenorge.no/korona.", 28),
        ("no.link.inthis", 14),
        ("…", 2),
        ("–", 1),
    ],
)
def test_weights(text: str, length: int) -> None:
    assert weights.length(text) == length


def test_the_published_weights(specs: Path) -> None:
    tests = yaml.safe_load((specs / "x/twitter-text/conformance/validate.yml").read_text("utf-8"))["tests"]
    for group in ("WeightedTweetsWithDiscountedEmojiCounterTest", "UnicodeDirectionalMarkerCounterTest"):
        for case in tests[group]:
            assert weights.length(case["text"]) == case["expected"]["weightedLength"], case["description"]


def test_most_published_links(specs: Path) -> None:
    """Six exotic cases differ; should that number grow, something broke."""
    cases = yaml.safe_load((specs / "x/twitter-text/conformance/extract.yml").read_text("utf-8"))["tests"]["urls"]
    wrong = [case for case in cases if [link.url for link in links.find(case["text"])] != case["expected"]]
    assert len(wrong) <= 6


def test_a_shortened_text_points_at_its_links() -> None:
    text = "One https://a.example.org two http://b.example.org/x."
    short, entities = links.shortened(text, links.find(text), "7")
    assert [short[e["start"] : e["end"]] for e in entities] == [e["url"] for e in entities]  # type: ignore[misc]
    assert [e["expanded_url"] for e in entities] == ["https://a.example.org", "http://b.example.org/x"]
    assert short.endswith(".")
