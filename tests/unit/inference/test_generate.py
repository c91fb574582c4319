"""Lines in, replies out: order, endings, lines that ask nothing."""

from __future__ import annotations

import json

import pytest

from inference.generate import LineError, generate_lines, parse_line
from inference.loading.source import ModelSource


def line(query, **more):
    return json.dumps({"query": query, **more}, ensure_ascii=False)


def run(pica, lines, **options):
    options = {"greedy": True, "max_new_tokens": 8, **options}
    return generate_lines(pica.source("prefix"), lines, **options)


def test_replies_come_in_the_order_of_the_lines(pica):
    queries = ["你好", "我最近压力很大", "谢谢你", "再见"] * 6
    replies = list(run(pica, [line(q) for q in queries]))
    assert len(replies) == 24
    single = {q: next(run(pica, [line(q)])) for q in set(queries)}
    assert replies == [single[q] for q in queries]


def test_empty_lines_are_passed_over(pica):
    assert len(list(run(pica, ["\n", line("你好"), "  \n", line("再见") + "\n"]))) == 2
    assert list(run(pica, [])) == []


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("not json", "line 3: not JSON"),
        ("[1]", 'line 3: not an object with a text "query"'),
        ('{"query": 5}', 'line 3: not an object with a text "query"'),
        ('{"query": "x", "history": [["a"]]}', 'line 3: "history" must be'),
        ('{"query": "x", "history": "y"}', 'line 3: "history" must be'),
    ],
)
def test_a_bad_line_is_named_and_nothing_before_it_is_lost(pica, bad, says):
    replies = []
    with pytest.raises(LineError, match=says) as error:
        replies.extend(run(pica, [line("你好"), line("再见"), bad, line("谢谢")]))
    assert error.value.number == 3
    assert [len(reply["ids"]) for reply in replies] == [8, 8]


def test_b10_a_line_that_is_too_long_ends_no_other(pica):
    long = json.dumps({"query": "很" * 3000})
    first, second, third, fourth = run(pica, [long, line("你好"), long, line("再见")])
    assert [len(reply["ids"]) for reply in (second, fourth)] == [8, 8]
    assert (first["line"], third["line"]) == (1, 3)
    assert first["error"].startswith("prompt_too_long: ")


def test_lines_after_a_bad_one_are_not_read(pica):
    def lines():
        yield line("你好")
        yield "bad"
        raise AssertionError("read on")

    with pytest.raises(LineError, match="line 2"):
        list(run(pica, lines()))


def test_a_seed_makes_draws_repeatable():
    source = ModelSource(device="cpu")
    asked = [line("我很难过")] * 3
    options = {"max_new_tokens": 16, "greedy": False}
    first = list(generate_lines(source, asked, seed=3, **options))
    assert list(generate_lines(source, asked, seed=3, **options)) == first
    assert len({reply["text"] for reply in first}) > 1, "equal lines draw their own numbers"


def test_history_may_be_absent_or_empty():
    assert parse_line(1, line("x")) == ("x", [])
    assert parse_line(1, line("x", history=None)) == ("x", [])
    assert parse_line(1, line("x", history=[["a", "b"]])) == ("x", [("a", "b")])
