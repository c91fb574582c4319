"""Files of talks, what is wrong with them, and what leaves when a talk is too long."""

import json

import pytest

from inference.loading.glm_tokenizer import GlmTokenizer
from inference.loading.identify import require_model
from inference.loading.tokenizer import ChatGLM3Tokenizer
from inference.loading.tokenizer_choice import open_tokenizer
from safety.text.utf8 import NotUtf8Error
from tests.unit.training.conftest import REFERENCE
from training.tune.samples import (
    IGNORED,
    Sample,
    TalksError,
    encode_sample,
    encode_samples,
    read_samples,
)

GOOD = '{"prompt": "睡不着", "history": [["你好", "你好。"]], "response": "听起来很累。"}'


@pytest.fixture(scope="module")
def tokenizer():
    return open_tokenizer(require_model(REFERENCE / "pica-layout" / "chatglm2-tiny"))


def write(path, *lines):
    path.write_bytes("\n".join(lines).encode())
    return path


def test_lines_are_read(tmp_path):
    path = write(tmp_path / "talks.jsonl", "\ufeff" + GOOD, "", '{"prompt":"a","response":"b"}')
    assert read_samples(path) == [
        Sample("睡不着", "听起来很累。", (("你好", "你好。"),)),
        Sample("a", "b"),
    ]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('{"prompt": "a", "response": ', "is not JSON"),
        ("[1]", "is not an object"),
        ('{"response": "b"}', 'has no "prompt"'),
        ('{"prompt": "a", "answer": "b"}', 'has no "response"'),
        ('{"prompt": "a", "response": " \\n"}', '"response" is empty'),
        ('{"prompt": "", "response": "b"}', '"prompt" is empty'),
        ('{"prompt": 3, "response": "b"}', '"prompt" is not a text'),
        ('{"prompt": "a", "response": "b", "history": [["a"]]}', '"history" is not a list'),
        ('{"prompt": "a", "response": "b", "history": "a"}', '"history" is not a list'),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_a_broken_line_is_named(tmp_path, line, fault):
    path = write(tmp_path / "talks.jsonl", GOOD, "", line, GOOD)
    with pytest.raises(TalksError, match=rf"talks.jsonl: line 3.* {fault}"):
        read_samples(path)


def test_another_encoding_is_named(tmp_path):
    path = tmp_path / "talks.jsonl"
    path.write_bytes(GOOD.encode() + b"\n" + GOOD.encode("gbk"))
    with pytest.raises(NotUtf8Error, match=r"talks.jsonl: line 2 is not UTF-8"):
        read_samples(path)


def test_an_empty_file(tmp_path):
    with pytest.raises(TalksError, match="holds no sample"):
        read_samples(write(tmp_path / "talks.jsonl", "", " "))


def test_whole_rounds_leave_from_the_front(tmp_path, tokenizer):
    rounds = [[f"第{n}天又没睡好，很累", f"第{n}天，辛苦你了。"] for n in range(1, 9)]
    row = {
        "prompt": "我还能做什么呢",
        "history": rounds,
        "response": "先说说看，今天最难的是什么？",
    }
    path = write(tmp_path / "talks.jsonl", json.dumps(row, ensure_ascii=False))
    answer = tokenizer.encode_answer(row["response"])
    for longest in range(40, 400, 13):
        expected = next(
            (
                ids
                for kept in range(8, -1, -1)
                if len(
                    ids := [
                        *tokenizer.encode_chat(row["prompt"], rounds[8 - kept :]),
                        *answer,
                    ]
                )
                <= longest
            ),
            None,
        )
        if expected is None:
            with pytest.raises(TalksError, match="no sample fits"):
                encode_samples(path, tokenizer, longest)
            continue
        held = encode_samples(path, tokenizer, longest)
        assert held.encoded[0].input_ids == expected
        assert held.encoded[0].labels[-len(answer) :] == answer
        assert set(held.encoded[0].labels[: -len(answer)]) == {IGNORED}
        whole = tokenizer.encode_chat(row["prompt"], rounds)
        assert held.shortened == (len(expected) < len(whole) + len(answer))


def test_what_does_not_fit_is_left_out_and_counted(tmp_path, tokenizer):
    long = json.dumps({"prompt": "累" * 500, "response": "好"}, ensure_ascii=False)
    held = encode_samples(write(tmp_path / "talks.jsonl", long, GOOD), tokenizer, 200)
    assert (len(held.encoded), held.refused, held.shortened) == (1, 1, 0)


def test_an_answer_starts_where_the_prompt_of_the_served_model_ends(tokenizer):
    sample = Sample("b", "好的", (("a", "嗯"),))
    ids = encode_sample(sample, tokenizer).input_ids
    prompt = tokenizer.encode_chat("b", [("a", "嗯")])
    assert ids == [*prompt, *tokenizer.encode("好的"), 2]


def test_chatglm3_writes_a_line_break_behind_the_role():
    folder = REFERENCE / "pica-layout" / "chatglm2-tiny"
    tokenizer = ChatGLM3Tokenizer.from_folder(folder)
    before = tokenizer.encode_chat("b", [("a", "好的")])
    answer = tokenizer.encode_answer("好的")
    assert answer[-1] == 2
    opened = tokenizer.encode_chat("a")
    # In the history the next turn follows at once, in training the end does.
    assert before[: len(opened) + len(answer) - 1] == [*opened, *answer[:-1]]


def test_glm4_answers_end_as_its_template_goes_on(tmp_path):
    tokenizer = glm4_tokenizer(tmp_path)
    whole = tokenizer.encode_chat("b", [("a", "ok")])
    opened = tokenizer.encode_chat("a")
    answer = tokenizer.encode_answer("ok")
    assert whole[: len(opened) + len(answer)] == [*opened, *answer]


def glm4_tokenizer(folder):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE({each: n for n, each in enumerate(letters)}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(["[gMASK]", "<sop>", "<|user|>", "<|assistant|>", "<|endoftext|>"])
    made.save(str(folder / "tokenizer.json"))
    (folder / "chat_template.jinja").write_text(
        "[gMASK]<sop>{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}{% endfor %}"
        "{% if add_generation_prompt %}<|assistant|>{% endif %}"
    )
    ends = [made.token_to_id("<|endoftext|>"), made.token_to_id("<|user|>")]
    return GlmTokenizer.from_folder(folder, ends)
