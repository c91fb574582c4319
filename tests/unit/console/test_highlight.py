"""Where rules fired, cut into pieces."""

from hypothesis import given
from hypothesis import strategies as st

from console.pages.highlight import pieces
from console.site import environment
from storage.review.evidence import EvidenceSpan


def span(start: int, end: int, level: int = 3, rule: str = "r") -> EvidenceSpan:
    return EvidenceSpan(rule, "suicide", level, start, end)


def cut(text: str, *spans: EvidenceSpan) -> list[tuple[str, list[str]]]:
    return [(piece.text, [each.rule for each in piece.spans]) for piece in pieces(text, spans)]


def test_overlapping_and_nested_spans() -> None:
    found = cut("abcdefgh", span(1, 5, 2, "a"), span(3, 7, 4, "b"), span(3, 4, 2, "c"))
    assert found == [
        ("a", []),
        ("bc", ["a"]),
        ("d", ["b", "a", "c"]),
        ("e", ["b", "a"]),
        ("fg", ["b"]),
        ("h", []),
    ]


def test_places_count_code_points_and_not_utf_16() -> None:
    assert cut("😀😀不想活了", span(2, 6)) == [("😀😀", []), ("不想活了", ["r"])]


def test_places_outside_the_text_are_cut_off() -> None:
    assert cut("abc", span(2, 99), span(5, 9, rule="x"), span(2, 2, rule="y")) == [
        ("ab", []),
        ("c", ["r"]),
    ]
    assert cut("", span(0, 3)) == []


def test_the_same_span_twice_counts_once() -> None:
    assert cut("abc", span(0, 3), span(0, 3)) == [("abc", ["r"])]


@given(st.text(), st.lists(st.tuples(st.integers(-3, 30), st.integers(-3, 30)), max_size=8))
def test_the_pieces_are_the_text(text: str, places: list[tuple[int, int]]) -> None:
    spans = [span(start, end, rule=f"{start}:{end}") for start, end in places]
    found = pieces(text, spans)
    assert "".join(piece.text for piece in found) == text
    assert all(piece.text for piece in found)
    at = 0
    for piece in found:
        for inside in range(at, at + len(piece.text)):
            covering = {each for each in spans if each.start <= inside < each.end}
            assert set(piece.spans) == covering
        at += len(piece.text)


def test_templates_escape() -> None:
    made = environment().from_string("<mark title='{{ rule }}'>{{ text }}</mark>")
    assert "<script" not in made.render(rule="'><script>", text="<script>")
