"""Changes of the lexicon: what is refused and why, what they give, which examples they break."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from safety.changes.change import Change, apply, check, parse_change
from safety.changes.form import MOST_BYTES, read_form, read_why
from safety.evaluation.examples import Broken, broken, shipped_examples
from safety.screening.levels import Level
from safety.screening.lexicon import Lexicon, LexiconError, parse
from safety.screening.screener import Screener

LEXICON = parse(
    {
        "small.yaml": """
version: "7"
sets: {WANT: [想, 要]}
cues: {who: [我]}
entries:
  - {id: zh.suicide.a, level: 3, category: suicide, patterns: [<WANT>跳楼],
     match: [我想跳楼], no_match: [我不想跳楼]}
  - {id: zh.abuse.b, level: 2, category: abuse, patterns: [他打我],
     match: [昨天他打我了], no_match: [他打球]}
"""
    }
)
ENTRY: dict[str, Any] = {
    "id": "zh.suicide.c",
    "level": 3,
    "category": "suicide",
    "patterns": ["<WANT>{永|长}眠"],
    "match": ["我想永眠"],
    "no_match": ["我想睡觉"],
}


def written(**keys: Any) -> str:
    plain = json.loads(json.dumps({"why": "因为", **keys}))  # or YAML writes aliases
    return yaml.safe_dump(plain, allow_unicode=True)


def change(*, on: Lexicon = LEXICON, **keys: Any) -> Change:
    return parse_change(written(**keys), on)


def entry(**keys: Any) -> dict[str, Any]:
    return {**ENTRY, **keys}


def ids(lexicon: Lexicon) -> list[str]:
    return [e.id for e in lexicon.entries]


def refused(text: str) -> str:
    with pytest.raises(LexiconError) as error:
        parse_change(text, LEXICON)
    message = str(error.value)
    assert "\n" not in message
    return message


def test_an_entry_is_added_with_the_sets_and_cues_that_stand() -> None:
    lexicon = apply(change(add=[entry(needs=["who"])]), LEXICON)
    assert Screener(lexicon).screen("我要长眠").level == Level.ACTIVE
    assert Screener(lexicon).screen("他要长眠").level == Level.NONE
    assert Screener(LEXICON).screen("我要长眠").level == Level.NONE


def test_a_rule_is_disabled_and_one_is_releveled() -> None:
    proposed = change(disable=["zh.abuse.b"], relevel={"zh.suicide.a": 2})
    screener = Screener(apply(proposed, LEXICON))
    assert screener.screen("他打我").level == Level.NONE
    assert screener.screen("我想跳楼").level == Level.PASSIVE
    assert Screener(LEXICON).screen("我想跳楼").level == Level.ACTIVE  # it is left as it was


def test_the_version_tells_changes_apart() -> None:
    one, other = change(disable=["zh.abuse.b"]), change(relevel={"zh.suicide.a": 4})
    version = apply(one, LEXICON).version
    assert re.fullmatch(re.escape(LEXICON.version) + "~[0-9a-f]{8}", version)
    versions = {apply(c, LEXICON).version for c in (one, other, [one, other], [other, one])}
    assert len(versions) == 4
    assert apply([one, other], LEXICON).version == apply(other, apply(one, LEXICON)).version
    assert apply([], LEXICON) is LEXICON


def test_a_later_change_sees_an_earlier_one() -> None:
    first = change(add=[ENTRY])
    second = change(on=apply(first, LEXICON), disable=["zh.suicide.c"])
    assert ids(apply([first, second], LEXICON)) == ids(LEXICON)
    with pytest.raises(LexiconError, match=r"there is no rule zh\.suicide\.c"):
        apply([second, first], LEXICON)


def test_a_change_that_an_update_has_taken_over_is_refused_when_it_is_applied() -> None:
    first = change(add=[ENTRY])
    with pytest.raises(LexiconError, match=r"zh\.suicide\.c already exists"):
        apply([first, first], LEXICON)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "not a mapping"),
        ("just words", "not a mapping"),
        ("- a", "not a mapping"),
        ("why: x", "the change is empty"),
        ("why: x\nadd: []\ndisable: []\nrelevel: {}", "the change is empty"),
        ("disable: [zh.abuse.b]", "why: give the reason in one line"),
        ("why: 3\ndisable: [zh.abuse.b]", "why: give the reason in one line"),
        ("why: |\n  a\n  b\ndisable: [zh.abuse.b]", "why: give the reason in one line"),
        ("why: x\ndisabled: [zh.abuse.b]", "unknown key 'disabled'; use one of why, add, disable"),
        ("why: x\nsets: {A: [b]}", "unknown key 'sets'"),
        ("why: x\ndisable: zh.abuse.b", "disable must be a list"),
        (
            "why: x\ndisable: [zh.abuse.bb]",
            "there is no rule zh.abuse.bb; did you mean zh.abuse.b",
        ),
        ("why: x\ndisable: [second_stage]", "is not an id"),
        ("why: x\ndisable: [zh.abuse.b, zh.abuse.b]", "zh.abuse.b is there twice"),
        ("why: x\nrelevel: {zh.no.where: 2}", "there is no rule zh.no.where"),
        ("why: x\nrelevel: {zh.abuse.b: 2}", "already has level 2"),
        ("why: x\nrelevel: {zh.abuse.b: 0}", "zh.abuse.b: the level is 0; write 1, 2, 3 or 4"),
        ("why: x\nrelevel: {zh.abuse.b: 5}", "the level is 5"),
        ("why: x\nrelevel: {zh.abuse.b: yes}", "the level is True"),
        ("why: x\nrelevel: {zh.abuse.b: 3.0}", "the level is 3.0"),
        ("why: x\nrelevel: [zh.abuse.b]", "relevel must map"),
        ("why: x\ndisable: [zh.abuse.b]\nrelevel: {zh.abuse.b: 3}", "zh.abuse.b is also disabled"),
        ("why: x\nadd: [zh.abuse.c]", "line 2: add, entry 1: not an entry"),
    ],
)
def test_a_fault_is_named(text: str, complaint: str) -> None:
    assert complaint in refused(text)


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ({"id": "zh.abuse.b"}, "zh.abuse.b already exists"),
        ({"id": "context.joined"}, "is not an id"),
        ({"id": 7}, "7 is not an id"),
        ({"level": 0}, "the level is 0"),
        ({"level": "3"}, "the level is '3'"),
        ({"level": True}, "the level is True"),
        ({"category": "sadness"}, "category must be one of suicide, self_harm"),
        ({"category": ["suicide"]}, "category must be one of"),
        ({"patterns": []}, "patterns is empty"),
        ({"patterns": "<WANT>永眠"}, "patterns must be a list"),
        ({"patterns": ["<NO>永眠"]}, "there is no set NO"),
        ({"patterns": ["<WANT永眠"]}, "the name of a set is not closed"),
        ({"patterns": ["{永|长眠"]}, "a brace is not closed"),
        ({"patterns": ["{永|} ..3 眠"]}, "a part can be empty"),
        ({"patterns": ["永 ..99 眠"]}, "a gap is wider than 60"),
        ({"patterns": ["永 .." + "9" * 500 + " 眠"]}, "a gap is wider than 60"),
        ({"patterns": ["永" * 1001]}, "a pattern has 1001 characters"),
        ({"patterns": ["{" * 400 + "永" + "}" * 400]}, "too deeply"),
        ({"match": []}, "match is empty"),
        ({"no_match": "我想睡觉"}, "no_match must be a list"),
        ({"match": [True]}, "match: True is not a text; put it in quotes"),
        ({"match": [" "]}, "match: ' ' is not a text"),
        ({"needs": ["gone"]}, "needs the unknown cue gone"),
        ({"scope": ["denial"]}, "not 'denial'"),
        ({"unless": [["x"]]}, "unless: ['x'] is not a text"),
        ({"weight": 2}, "unknown key 'weight'"),
    ],
)
def test_a_faulty_entry_is_named(keys: dict[str, Any], complaint: str) -> None:
    message = refused(written(add=[entry(**keys)]))
    assert complaint in message
    assert message.startswith(("line 2: add, entry 1", "add: zh.abuse.b"))


def test_a_missing_key_is_named() -> None:
    for key in ENTRY:
        row = {k: v for k, v in ENTRY.items() if k != key}
        assert f"{key} is missing" in refused(written(add=[row]))


def test_an_entry_is_named_by_its_line_and_id() -> None:
    fine, faulty = ENTRY, entry(id="zh.suicide.d", patterns=["<NO>x"])
    text = "why: x\nadd:\n" + "".join(f"  - {as_flow(row)}\n" for row in (fine, faulty))
    assert refused(text).startswith("line 4: add, entry 2 (zh.suicide.d): there is no set NO")


def as_flow(row: dict[str, Any]) -> str:
    return yaml.safe_dump(row, default_flow_style=True, allow_unicode=True, width=10_000).strip()


def test_two_entries_of_one_id_are_refused() -> None:
    assert "zh.suicide.c: the id is there twice" in refused(written(add=[ENTRY, entry()]))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("why: x\nadd: [{", "line 2: not YAML"),
        ("why: x\n\tadd: []", "line 2: not YAML"),
        ("why: \x07", "character 6: not YAML"),
        ("why: x\n---\nwhy: y", "not YAML"),
        ("why: x\ndisable: [zh.abuse.b]\ndisable: []", "line 3: disable is there twice"),
        ("why: x\nrelevel:\n  zh.abuse.b: 3\n  zh.abuse.b: 4", "line 4: zh.abuse.b is there twice"),
        ("why: &a x\ndisable: [*a]", "line 1: anchors and aliases"),
        ("why: x\n<<: {disable: [zh.abuse.b]}", "line 2: a key is not a plain word"),
        ("why: x\nadd:\n  " + "- " * 30_000, "too deeply"),
        ("why: x\n? [a]\n: b", "line 2: a key is not a plain word"),
        ("why: x\nadd: !!python/object/apply:os.getcwd []", "line 2: tags (!) are not allowed"),
        ("why: !!int ''", "line 1: tags (!) are not allowed"),
        ("why: 2020-13-77", "cannot be read"),
        ("why: x\nrelevel: {zh.abuse.b: " + "9" * 5000 + "}", "cannot be read"),
        ("why: x\nadd: " + "[" * 30_000 + "]" * 30_000, "too deeply"),
    ],
)
def test_what_is_no_plain_yaml_is_named(text: str, complaint: str) -> None:
    assert complaint in refused(text)


def test_a_change_has_a_longest_length() -> None:
    text = written(disable=["zh.abuse.b"])
    room = MOST_BYTES - len(text.encode())
    parse_change(text + "#" * room, LEXICON)
    assert "split it" in refused(text + "#" * (room + 1))
    assert "split it" in refused("字" * (MOST_BYTES // 3 + 1))  # bytes, not characters


@pytest.mark.parametrize(
    "text",
    [
        "why: one line  # for people\ndisable: [zh.abuse.b]\n",
        "# a word first\ndisable:\n  - zh.abuse.b\nwhy:\n  one\n  line\n",
        '{"disable": ["zh.abuse.b"], "relevel": null, "why": "one line"}',
        "relevel: {zh.abuse.b: 3}\nwhy: 'one line'\n",
    ],
)
def test_what_a_change_is_for_is_read_alone(text: str) -> None:
    assert read_why(text) == read_form(text).why == "one line"


def test_a_change_without_a_why_is_for_nothing_known() -> None:
    assert read_why("add: [{why: not this}]\nx: why\n") == ""


def test_a_change_stands_for_a_bounded_number_of_literals() -> None:
    part = "{0|1|2|3|4|5|6|7|8|9}" * 3  # 1,000 literals
    one = entry(patterns=[part] * 15)
    parse_change(written(add=[one]), LEXICON)
    two = [one, entry(id="zh.suicide.d", patterns=[part] * 15)]
    assert "entry 2 (zh.suicide.d): the change expands to more than 20000" in refused(
        written(add=two)
    )
    in_one = entry(patterns=[" ..1 ".join([part] * 14)] * 2)
    assert "more than 20000 literals" in refused(written(add=[in_one]))
    assert "more than 20000 literals" in refused(written(add=[entry(unless=[part] * 21)]))


@settings(max_examples=300, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from([*ENTRY, "why", "add", "relevel", "x"]), inner)
        ),
        max_leaves=12,
    )
)
def test_whatever_is_written_is_read_or_refused(data: Any) -> None:
    for text in (yaml.safe_dump(data), written(add=[data]), written(disable=data, relevel=data)):
        with pytest.raises(LexiconError):
            parse_change(text, LEXICON)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="why: x\nad[]{}&*!|>-#'\"\t01<", max_size=40))
def test_any_text_is_refused_in_words(text: str) -> None:
    with pytest.raises(LexiconError):
        parse_change(text, LEXICON)


def broken_by(**keys: Any) -> list[Broken]:
    proposed = change(**keys)
    return check(Screener(apply(proposed, LEXICON)), proposed)


def test_a_change_whose_examples_hold_breaks_nothing() -> None:
    assert broken_by(add=[ENTRY]) == []
    assert broken_by(disable=["zh.suicide.a"]) == []


def test_an_added_entry_whose_examples_do_not_hold_is_found() -> None:
    row = entry(match=["我想永眠", "我想睡了"], no_match=["我要长眠", "睡觉"])
    assert broken_by(add=[row]) == [
        Broken("zh.suicide.c", "我想睡了", True),
        Broken("zh.suicide.c", "我要长眠", False),
    ]


def test_an_example_that_its_surroundings_lower_does_not_hold() -> None:
    assert broken_by(add=[entry(match=["我不想永眠"])]) == [
        Broken("zh.suicide.c", "我不想永眠", True)
    ]


def test_releveling_reads_examples_as_they_were_meant() -> None:
    # A denial is lowered to 1, which is where the rule itself now stands: nothing got worse.
    assert broken_by(relevel={"zh.suicide.a": 1}) == []
    raised = change(relevel={"zh.abuse.b": 3})
    lexicon = parse(
        {
            "a.yaml": """
entries:
  - {id: zh.abuse.b, level: 2, category: abuse, patterns: [他打我],
     match: [以前他打我], no_match: [他打球]}
"""
        }
    )
    # In the past it stays at 2, whatever the rule says: the change does not do what it seems to.
    found = check(Screener(apply(raised, lexicon)), raised)
    assert found == [Broken("zh.abuse.b", "以前他打我", True)]


def test_the_examples_of_shipped_entries_are_screened_too() -> None:
    proposed = change(add=[ENTRY])
    damaged = apply(change(disable=["zh.abuse.b"]), LEXICON)
    screener = Screener(damaged)
    assert check(screener, proposed) == []
    [standing] = [e for e in LEXICON.entries if e.id == "zh.abuse.b"]
    assert list(broken(screener, standing)) == [Broken("zh.abuse.b", "昨天他打我了", True)]


def test_a_change_of_the_lexicon_that_ships(screener: Screener) -> None:
    proposed = parse_change(written(add=[entry(id="zh.suicide.trial", patterns=["<WISH>永眠"])]))
    after = screener.with_lexicon(apply(proposed))
    assert after.version.startswith(f"{screener.lexicon.version}~")
    assert after.version.endswith(screener.version.removeprefix(screener.lexicon.version))
    assert len(after.version) <= 64  # what a case can store
    assert after.screen("我想永眠").level == Level.ACTIVE
    assert check(after, proposed) == []


def test_shipped_examples_are_labelled_and_stand_once(screener: Screener) -> None:
    messages = list(shipped_examples(screener.lexicon))
    assert len({m.text for m in messages}) == len(messages) > 500
    risks = {m.text for m in messages if m.is_risk}
    grave = [e for e in screener.lexicon.entries if e.level >= Level.PASSIVE]
    assert risks == {text for e in grave for text in e.match}
    assert not [m for m in messages if m.is_risk is False]


def test_the_change_in_the_documentation_holds(screener: Screener) -> None:
    page = Path(__file__).resolve().parents[3] / "docs" / "safety.md"
    [text] = re.findall(r"```yaml\n(why:.*?)```", page.read_text("utf-8"), re.DOTALL)
    proposed = parse_change(text, screener.lexicon)
    after = screener.with_lexicon(apply(proposed, screener.lexicon))
    assert check(after, proposed) == []
