"""GLM-4's tokenizer: byte-level BPE from `tokenizer.json`, with the checkpoint's own template."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from inference.loading.tokenizer import ChatTokenizer, History
from inference.loading.weight_files import read_json, unreadable
from inference.requests import ModelError, TokenizerError

# Stand for texts while the template is read. Letters and digits only, which no template changes.
_MARKS = ("pica0question", "pica1answer", "pica2question", "pica3answer", "pica4question")


def _byte_letters() -> dict[str, int]:
    """Return the letter for each byte that byte-level BPE writes in its vocabulary."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    letters = {chr(byte): byte for byte in plain}
    return letters | {chr(256 + place): byte for place, byte in enumerate(others)}


_BYTES = _byte_letters()


class GlmTokenizer(ChatTokenizer):
    """Encodes texts apart from the template, so that a person's text is never a special id."""

    added = ()  # its vocabulary holds them

    def __init__(self, path: Path, template: str, eos_ids: Iterable[int]) -> None:
        from tokenizers import Tokenizer

        self._tokenizer: Any = Tokenizer.from_file(str(path))
        self.size: int = self._tokenizer.get_vocab_size()
        added = self._tokenizer.get_added_tokens_decoder()
        self._special = {each.content: number for number, each in added.items()}
        self._silent = frozenset(number for number, each in added.items() if each.special)
        self._split = re.compile("|".join(map(re.escape, self._special)) or r"(?!)")
        self._pieces = _template_pieces(template)
        self.eos_ids = frozenset(eos_ids)
        self.end_ids = [*{*self.eos_ids, *self._silent}]
        self._tokenizer.encode_special_tokens = True

    @classmethod
    def from_folder(cls, folder: Path, eos_ids: Iterable[int] = ()) -> GlmTokenizer:
        """Read `tokenizer.json` and the template in a checkpoint's folder.

        Raises:
            TokenizerError: One is missing or is not what it should be.
        """
        path = folder / "tokenizer.json"
        try:
            kind = (read_json(path).get("decoder") or {}).get("type")
            if kind != "ByteLevel":
                raise TokenizerError(
                    f"{path} is not byte-level BPE but {kind}. Copy tokenizer.json of the same "
                    "checkpoint there."
                )
            return cls(path, _read_template(folder), eos_ids)
        except ModelError as error:
            raise TokenizerError(str(error)) from error
        except Exception as error:  # the library raises plain exceptions, templates many kinds
            fault = unreadable(path, f"or its template is damaged ({error}). Copy both again.")
            raise TokenizerError(str(fault)) from error

    def encode(self, text: str) -> list[int]:
        """Return ids of `text` as it stands; never a special one."""
        clean = text.encode("utf-8", "replace").decode("utf-8")
        ids: list[int] = self._tokenizer.encode(clean, add_special_tokens=False).ids
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """Return text of `ids`; special ids and padding give nothing."""
        stream = self.stream()
        return "".join([*(stream.feed(token_id) for token_id in ids), stream.finish()])

    def encode_chat(self, query: str, history: History = ()) -> list[int]:
        """Return prompt ids, as the checkpoint's template writes a conversation."""
        start, between, behind, end = self._pieces
        parts = [(start, "")]
        for question, answer in history:
            parts += [("", question), (between, answer), (behind, "")]
        ids: list[int] = []
        text = ""
        for piece, own in [*parts, ("", query), (end, "")]:
            last = 0
            for special in self._split.finditer(piece):
                ids += [*self.encode(text + piece[last : special.start()])]
                ids.append(self._special[special[0]])
                text, last = "", special.end()
            text += piece[last:] + own
        return [*ids, *self.encode(text)]

    def encode_answer(self, text: str) -> list[int]:
        """Return the answer as the template writes it, and the id that stands behind it there."""
        _, between, behind, opening = self._pieces
        special = self._split.search(behind)
        written = self.encode(between.removeprefix(opening) + text)
        ending = self._special[special[0]] if special else None
        return [*written, ending if ending in self.eos_ids else min(self.eos_ids)]

    def has_text(self, token_id: int) -> bool:
        """Return whether the id stands for bytes."""
        is_own = token_id >= 0 and self._tokenizer.id_to_token(token_id) is not None
        return is_own and token_id not in self._silent

    def bytes_of(self, token_id: int) -> bytes:
        """Return the bytes that an id stands for."""
        token: str = self._tokenizer.id_to_token(token_id)
        if token in self._special:
            return token.encode()
        return bytes(_BYTES[letter] for letter in token)


def _read_template(folder: Path) -> str:
    path = folder / "chat_template.jinja"
    if path.is_file():
        return path.read_text("utf-8")
    held = read_json(folder / "tokenizer_config.json").get("chat_template")
    if isinstance(held, list):
        held = next((each["template"] for each in held if each.get("name") == "default"), None)
    if not isinstance(held, str):
        raise TokenizerError(
            f"{folder} holds no chat template, so it is a base model or not complete. Use the "
            "chat model, or copy its tokenizer_config.json or chat_template.jinja."
        )
    return held


def _template_pieces(template: str) -> tuple[str, str, str, str]:
    """Return what stands before, between and behind the texts of a conversation."""
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = lambda value, **_: json.dumps(value, ensure_ascii=False)
    roles = ("user", "assistant", "user", "assistant", "user")
    messages = [{"role": role, "content": mark} for role, mark in zip(roles, _MARKS, strict=True)]
    text = environment.from_string(template).render(messages=messages, add_generation_prompt=True)
    parts = re.split("|".join(_MARKS), text)
    if len(parts) != 6 or parts[1] != parts[3] or parts[2] != parts[4]:
        raise ValueError("it does not write all turns of a conversation alike")
    return parts[0], parts[1], parts[2], parts[5]
