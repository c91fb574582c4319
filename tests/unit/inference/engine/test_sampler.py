"""The choice of the next token against transformers' own processors, and its randomness."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from transformers.generation import (
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from inference.engine.sampler import TokenSampler, choose
from inference.requests import GenerationRequest, Sampling

EOS = 1
NEXT_PROMPT = 4


def draws(logits, sampling, count, prompt=()):
    """``count`` draws from the same logits by one request."""
    sampler = TokenSampler(sampling, prompt, [EOS])
    return choose(logits.repeat(count, 1), [sampler] * count)


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(seed=1),
        Sampling(seed=2, temperature=0.3, top_p=0.95, top_k=5),
        Sampling(seed=3, temperature=1.7, top_p=1.0, top_k=0),
        Sampling(seed=4, top_p=0.01),
        Sampling(seed=5, top_k=1, temperature=2.0),
        Sampling(seed=6, repetition_penalty=1.6, top_p=0.9),
    ],
)
def test_the_distribution_is_that_of_transformers(sampling):
    torch.manual_seed(0)
    logits = torch.randn(40) * 2
    prompt = [3, 7, 7, 11]
    chain = LogitsProcessorList()
    if sampling.repetition_penalty != 1.0:
        chain.append(RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty))
    chain.append(TemperatureLogitsWarper(sampling.temperature))
    if sampling.top_k:
        chain.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1:
        chain.append(TopPLogitsWarper(sampling.top_p))
    expected = chain(torch.tensor([prompt]), logits[None].clone())[0].softmax(-1)
    count = 4000
    seen = Counter(draws(logits, sampling, count, prompt))
    assert all(expected[token] > 0 for token in seen)
    for token, probability in enumerate(expected.tolist()):
        spread = (probability * (1 - probability) / count) ** 0.5
        assert abs(seen[token] / count - probability) <= 5 * spread + 1e-9


def test_greedy_takes_the_most_likely_after_the_penalty():
    logits = torch.tensor([1.0, 5.0, 4.9, -2.0])
    assert draws(logits, Sampling(greedy=True), 3) == [1, 1, 1]
    assert draws(logits, Sampling(greedy=True, repetition_penalty=2.0), 1, prompt=[1]) == [2]


def test_a_reply_token_counts_for_the_penalty_too():
    sampler = TokenSampler(Sampling(greedy=True, repetition_penalty=2.0), [], [EOS])
    logits = torch.tensor([[1.0, 5.0, 4.9]])
    assert choose(logits, [sampler]) == [1]
    sampler.note(1)
    assert choose(logits, [sampler]) == [2]
    assert logits.tolist()[0][1] == 5.0, "the caller's logits stay as they are"


def test_a_negative_logit_is_pushed_further_down():
    logits = torch.tensor([-1.0, -1.5])
    assert draws(logits, Sampling(greedy=True, repetition_penalty=2.0), 1, prompt=[0]) == [1]


def test_a_seed_repeats_and_two_seeds_differ():
    torch.manual_seed(1)
    logits = torch.randn(500)
    assert draws(logits, Sampling(seed=7), 50) == draws(logits, Sampling(seed=7), 50)
    assert draws(logits, Sampling(seed=7), 50) != draws(logits, Sampling(seed=8), 50)
    assert draws(logits, Sampling(), 50) != draws(logits, Sampling(), 50)


def test_neighbours_in_the_batch_do_not_change_a_draw():
    torch.manual_seed(2)
    logits = torch.randn(5, 300)
    alone = TokenSampler(Sampling(seed=9), [], [EOS])
    expected = [choose(logits[2:3], [alone])[0] for _ in range(20)]
    own = TokenSampler(Sampling(seed=9), [], [EOS])
    others = [
        TokenSampler(Sampling(greedy=True), [], [EOS]),
        TokenSampler(Sampling(seed=1, top_k=0, top_p=1.0), [], [EOS]),
        TokenSampler(Sampling(seed=2, top_k=3), [], [EOS]),
        TokenSampler(Sampling(seed=3, repetition_penalty=1.5), [1, 2], [EOS]),
    ]
    rows = [others[0], others[1], own, others[2], others[3]]
    assert [choose(logits, rows)[2] for _ in range(20)] == expected


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("greedy", [True, False])
def test_a_number_that_is_not_finite_is_no_token(bad, greedy):
    logits = torch.zeros(3, 8)
    logits[1, 4] = bad
    samplers = [TokenSampler(Sampling(greedy=greedy, seed=1), [], [EOS]) for _ in range(3)]
    chosen = choose(logits, samplers)
    assert chosen[1] is None
    assert chosen[0] is not None
    assert chosen[2] is not None


def test_half_precision_logits_are_sampled_in_full():
    logits = torch.tensor([0.0, 9.0, 0.0], dtype=torch.float16)
    assert draws(logits, Sampling(seed=1), 5) == [1] * 5


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": 0.0},
        {"temperature": float("nan")},
        {"top_p": 0.0},
        {"top_p": 1.1},
        {"top_k": -1},
        {"repetition_penalty": 0.0},
        {"seed": -1},
    ],
)
def test_settings_without_meaning_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Sampling(**wrong)


@pytest.mark.parametrize(
    "extreme",
    [
        {"temperature": 5e-324},
        {"temperature": 1e300},
        {"repetition_penalty": 1e-45},
        {"repetition_penalty": 1e308},
        {"top_k": 2.5},
        {"top_p": float("nan")},
        {"seed": 1.0},
    ],
)
def test_b9_a_setting_that_breaks_a_draw_is_refused(extreme):
    with pytest.raises(ValueError, match=next(iter(extreme))):
        Sampling(**extreme)


@pytest.mark.parametrize(
    "extreme", [{"temperature": 1e-3}, {"temperature": 1e3}, {"repetition_penalty": 1e-3}]
)
def test_b9_the_bounds_draw_and_leave_the_neighbours_draws_alone(extreme):
    logits = torch.tensor([[1.0, 1.2, 3e38, -3e38, 0.7], [1.0, 1.2, 0.9, 1.1, 0.7]])

    def neighbour():
        return TokenSampler(Sampling(seed=7, top_p=1.0, temperature=2.0), [], [EOS])

    alone, beside = neighbour(), neighbour()
    odd = TokenSampler(Sampling(seed=1, **extreme), [0, 2, 3], [EOS])
    expected = [choose(logits[1:], [alone])[0] for _ in range(20)]
    for token in expected:
        drawn = choose(logits, [odd, beside])
        assert drawn[0] is not None
        assert drawn[1] == token


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_new_tokens": 2.5},
        {"deadline_s": float("nan")},
        {"deadline_s": float("inf")},
        {"prompt_ids": (1.0,)},
        {"prompt_ids": (True,)},
        {"priority": 0.5},
    ],
)
def test_b10_a_request_holds_whole_and_finite_numbers(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        GenerationRequest(**{"request_id": "a", "prompt_ids": (1,), **wrong})


@pytest.mark.parametrize("greedy", [True, False])
def test_no_end_before_the_least_length(greedy):
    logits = torch.full((1, 5), -4.0)
    logits[0, EOS], logits[0, NEXT_PROMPT] = 40.0, 39.0
    ends = [EOS, NEXT_PROMPT]
    sampler = TokenSampler(Sampling(greedy=greedy, seed=1, min_new_tokens=2), [], ends)
    chosen = []
    for _ in range(3):
        (token,) = choose(logits, [sampler])
        sampler.note(token)
        chosen.append(token)
    assert not {*ends} & {*chosen[:2]}
    assert chosen[2] == EOS
    assert logits[0, EOS] == 40.0  # the model's own numbers stay as they are
