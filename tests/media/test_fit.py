"""Pictures made to fit: whatever a channel says it takes, what comes out is within it, and nobody is cut away."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from crisis.channels.base import MediaFacts
from crisis.channels.registry import FACTS
from crisis.media import fit
from crisis.media.store import Kept, Store
from tests.media.files import drawing, jpeg

SHAPES = st.tuples(st.floats(0.3, 1.0), st.floats(1.0, 3.0))


@given(
    width=st.integers(32, 5000),
    height=st.integers(32, 5000),
    side=st.one_of(st.just(0), st.integers(100, 4096)),
    shapes=st.one_of(st.none(), SHAPES),
)
def test_the_canvas_is_within_side_and_shapes(
    width: int, height: int, side: int, shapes: tuple[float, float] | None
) -> None:
    wide, high = fit.canvas(width, height, MediaFacts(picture_side=side, shapes=shapes))
    assert 1 <= max(wide, high) <= (side or 4096) + 1
    if shapes:
        assert shapes[0] <= wide / high <= shapes[1]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    width=st.integers(32, 900),
    height=st.integers(32, 900),
    side=st.integers(200, 1200),
    shapes=st.one_of(st.none(), SHAPES),
    most=st.integers(12_000, 200_000),
    types=st.sampled_from([{"image/jpeg"}, {"image/png"}, {"image/jpeg", "image/png"}]),
    given_type=st.sampled_from(["image/jpeg", "image/png"]),
)
def test_what_comes_out_is_what_the_channel_takes(
    width: int,
    height: int,
    side: int,
    shapes: tuple[float, float] | None,
    most: int,
    types: set[str],
    given_type: str,
) -> None:
    facts = MediaFacts(pictures=1, picture_types=frozenset(types), picture_bytes=most, picture_side=side, shapes=shapes)
    raw, content_type, wide, high = fit.fitted(drawing(width, height), given_type, facts)
    assert len(raw) <= most
    assert content_type in types
    with Image.open(io.BytesIO(raw)) as picture:
        assert picture.size == (wide, high)
        assert picture.format == content_type.removeprefix("image/").upper()
        assert not picture.getexif()
    assert max(wide, high) <= side + 1
    if shapes:
        assert shapes[0] <= wide / high <= shapes[1]


def test_a_wrong_shape_gets_a_margin_and_loses_nothing() -> None:
    source = Image.new("RGB", (1000, 200), "black")
    raw, _, wide, high = fit.fitted(
        source, "image/png", MediaFacts(picture_types=frozenset({"image/png"}), shapes=(0.8, 1.91))
    )
    with Image.open(io.BytesIO(raw)) as picture:
        black = picture.convert("L").point(lambda value: 255 if value < 128 else 0).getbbox()
    assert (wide, high) == (1000, 524)
    assert black == (0, 162, 1000, 362)


def test_a_picture_that_fits_is_the_very_file(tmp_path: Path) -> None:
    store = Store(tmp_path)
    kept = store.keep_bytes(jpeg(), "image/jpeg", 800, 600)
    assert fit.picture(store, kept, MediaFacts(pictures=4, picture_types=frozenset({"image/jpeg"}))) == kept
    smaller = fit.picture(store, kept, MediaFacts(pictures=4, picture_side=400))
    assert (smaller.width, smaller.height) == (400, 300)
    assert fit.picture(store, kept, MediaFacts(pictures=4, picture_side=400)) == smaller


def test_what_never_fits_says_so() -> None:
    facts = MediaFacts(picture_types=frozenset({"image/png"}), picture_bytes=100)
    with pytest.raises(fit.DoesNotFit, match="small enough"):
        fit.fitted(drawing(), "image/png", facts)
    with pytest.raises(fit.DoesNotFit, match="neither"):
        fit.fitted(drawing(), "image/png", MediaFacts(picture_types=frozenset({"image/webp"})))


@pytest.mark.parametrize(
    ("size", "seconds", "says"), [(11 * 1024**2, 5.0, "11 MB.*at most 10"), (1024, 200.4, "201 seconds.*at most 140")]
)
def test_a_film_is_taken_or_not(size: int, seconds: float, says: str) -> None:
    facts = MediaFacts(films=1, film_types=frozenset({"video/mp4"}), film_bytes=10 * 1024**2, film_seconds=140)
    fit.demand_film(Kept("film", "video/mp4", "0", 10 * 1024**2, 1, 1, 140.0), facts)
    with pytest.raises(fit.DoesNotFit, match=says):
        fit.demand_film(Kept("film", "video/mp4", "0", size, 1, 1, seconds), facts)


def test_every_channel_of_ours_can_be_met() -> None:
    """Whatever the registry's channels say they take, a photograph of a phone can be made to fit."""
    picture = drawing(3000, 4000)
    for facts in (one.media for one in FACTS.values() if one.media.pictures):
        raw, content_type, *_ = fit.fitted(picture, "image/jpeg", facts)
        assert not facts.picture_bytes or len(raw) <= facts.picture_bytes
        assert not facts.picture_types or content_type in facts.picture_types
