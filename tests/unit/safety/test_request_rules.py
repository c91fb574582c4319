"""What a message asks the service: the rules' own examples, and rows that nobody tuned alone."""

import json
from collections import Counter
from pathlib import Path

import pytest

from safety.evaluation.metrics import NO_REQUEST
from safety.screening.requests import (
    LONGEST_REQUEST,
    RequestRules,
    ServiceRequest,
    is_goodbye,
    read_question,
    read_request,
    request_rules,
)

DATA = Path(__file__).resolve().parents[2] / "data" / "safety"
# Of each kind at least this share is read as such, and of the others at most this share.
FEWEST, MOST_FALSE = 0.8, 0.05


@pytest.mark.parametrize("rules", request_rules(), ids=lambda rules: rules.kind)
def test_examples_hold(rules: RequestRules) -> None:
    assert [text for text in rules.examples if read_request(text) is not rules.kind] == []
    assert [text for text in rules.near if read_request(text) is not None] == []


@pytest.mark.parametrize("name", ["intents-dev.jsonl", "requests.jsonl"])
def test_requests_are_told_from_near_misses(name: str) -> None:
    asked: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for line in (DATA / name).read_text("utf-8").splitlines():
        row = json.loads(line)
        asked[row["intent"]] += 1
        right[row["intent"]] += (read_request(row["text"]) or NO_REQUEST) == row["intent"]
    shares = {kind: right[kind] / asked[kind] for kind in asked}
    assert set(shares) == {*ServiceRequest, NO_REQUEST}
    assert 1 - shares.pop(NO_REQUEST) <= MOST_FALSE
    assert {kind: share for kind, share in shares.items() if share < FEWEST} == {}


def test_a_request_is_heard_at_the_end_of_a_long_message() -> None:
    assert read_request("今天下雨了。" * LONGEST_REQUEST + "能和真人说话吗") is ServiceRequest.HUMAN
    assert read_request("能和真人说话吗" + "今天下雨了。" * LONGEST_REQUEST) is None


def test_a_story_about_one_is_not_a_request() -> None:
    told = "打运营商转人工转了半小时才转到然后客服又说不归他管让我明天再打过去问一遍"
    assert read_request(told) is None


@pytest.mark.parametrize("text", ["永别了", "这是我跟你说的最后一句晚安", "goodbye world"])
def test_a_farewell_is_no_goodbye(text: str) -> None:
    assert not is_goodbye(text)


def test_a_goodbye_asks_nothing() -> None:
    assert is_goodbye("谢谢你，晚安")
    assert read_question("谢谢你，晚安") is None
