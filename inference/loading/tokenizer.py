"""Text to token ids and back: ChatGLM's SentencePiece model, its added ids, its templates.

A user's text is encoded as it stands; the caller must escape what imitates the template.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from inference.loading.weight_files import unreadable
from inference.requests import TokenizerError

if TYPE_CHECKING:
    import sentencepiece

# In the order in which their ids follow the vocabulary.
ADDED = ("[MASK]", "[gMASK]", "[sMASK]", "sop", "eop")
ROLES = ("<|system|>", "<|user|>", "<|assistant|>", "<|observation|>")

# What SentencePiece writes for a space.
SPACE = "\N{LOWER ONE EIGHTH BLOCK}"

History = Sequence[tuple[str, str]]


class ChatTokenizer:
    """ChatGLM2's tokenizer.

    Attributes:
        size: Number of SentencePiece pieces; the added ids follow.
        eos_ids: The ids that end a reply.
        end_ids: Those, and the ids with which a model begins the next prompt instead.
        start_ids: `[gMASK] sop`, which open every prompt.
    """

    added: tuple[str, ...] = ADDED
    # Added ids that end a reply.
    ending: tuple[str, ...] = ()

    def __init__(
        self, processor: sentencepiece.SentencePieceProcessor, eos_ids: Iterable[int] = ()
    ) -> None:
        self._processor = processor
        self.size: int = processor.vocab_size()
        self._ids = {name: self.size + place for place, name in enumerate(self.added)}
        own = (self._ids[name] for name in self.ending)
        self.eos_ids = frozenset({processor.eos_id(), *own, *eos_ids})
        openings = [processor.piece_to_id(piece) for piece in (f"{SPACE}[", "[")]
        known = [token_id for token_id in openings if not processor.is_unknown(token_id)]
        self.end_ids = [*{*self.eos_ids, *self._ids.values(), *known}]
        self.start_ids: tuple[int, int] = (self._ids["[gMASK]"], self._ids["sop"])

    @classmethod
    def from_folder(cls, folder: Path, eos_ids: Iterable[int] = ()) -> ChatTokenizer:
        """Read `tokenizer.model` in a checkpoint's folder.

        Raises:
            TokenizerError: The file is missing or is not a SentencePiece model.
        """
        import sentencepiece

        path = folder / "tokenizer.model"
        if not path.is_file():
            raise TokenizerError(
                f"{path} is missing. Copy tokenizer.model of the same checkpoint there."
            )
        try:
            processor = sentencepiece.SentencePieceProcessor(model_file=str(path))
        except (RuntimeError, OSError) as error:
            fault = unreadable(path, "is damaged. Download it again.")
            raise TokenizerError(str(fault)) from error
        return cls(processor, eos_ids)

    def encode(self, text: str) -> list[int]:
        """Return ids of `text` as it stands; never one of the five added ids or a control id."""
        # Half a surrogate pair (from broken JSON) is not text; it becomes a question mark.
        clean = text.encode("utf-8", "replace").decode("utf-8")
        ids: list[int] = self._processor.encode(clean)
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """Return text of `ids`; ids without text (control, added, padding) give nothing.

        Bytes that form no character become U+FFFD, one each.
        """
        text: str = self._processor.decode([i for i in ids if self.has_text(i)])
        return text

    def prompt_text(self, query: str, history: History = ()) -> str:
        """Return the one string that holds all rounds and opens the next answer.

        Args:
            query: The new question.
            history: (question, answer) of the rounds before, oldest first.
        """
        rounds = [
            f"[Round {number}]\n\n问：{question}\n\n答：{answer}\n\n"
            for number, (question, answer) in enumerate(history, start=1)
        ]
        return "".join(rounds) + f"[Round {len(rounds) + 1}]\n\n问：{query}\n\n答："

    def encode_chat(self, query: str, history: History = ()) -> list[int]:
        """Return prompt ids: `[gMASK] sop` and the ids of `prompt_text`."""
        return [*self.start_ids, *self.encode(self.prompt_text(query, history))]

    def encode_answer(self, text: str) -> list[int]:
        """Return what a model should write behind `encode_chat`: the answer and its end."""
        return [*self.encode(text), self._processor.eos_id()]

    def has_text(self, token_id: int) -> bool:
        """Return whether the id is an ordinary piece, the unknown piece or a byte."""
        return 0 <= token_id < self.size and not self._processor.is_control(token_id)

    def bytes_of(self, token_id: int) -> bytes | None:
        """Return the bytes that an id stands for, or None if it stands for a piece of text."""
        if not self._processor.is_byte(token_id):
            return None
        return bytes([int(self._processor.id_to_piece(token_id)[3:5], 16)])

    def piece_text(self, token_id: int, *, first: bool) -> str:
        """Return text of a piece; a first piece loses the space that encoding put before it."""
        if first or self._processor.is_unknown(token_id):
            return str(self._processor.decode([token_id]))
        return str(self._processor.id_to_piece(token_id)).replace(SPACE, " ")

    def stream(self) -> StreamDecoder:
        """Return a decoder for one reply, fed id by id."""
        return StreamDecoder(self)


class ChatGLM3Tokenizer(ChatTokenizer):
    """ChatGLM3's tokenizer: the same pieces, with an id before each turn that says whose it is."""

    added = (*ADDED, *ROLES)
    ending = ("<|user|>", "<|observation|>")

    def encode_chat(self, query: str, history: History = ()) -> list[int]:
        """Return prompt ids: `[gMASK] sop`, all turns, and the id that opens the next answer."""
        ids = [*self.start_ids]
        for question, answer in history:
            ids += [*self._turn("<|user|>", question), *self._turn("<|assistant|>", answer)]
        return [*ids, *self._turn("<|user|>", query), self._ids["<|assistant|>"]]

    def encode_answer(self, text: str) -> list[int]:
        """Return the line break behind the role, the answer and its end."""
        return [*self.encode("\n"), *super().encode_answer(text)]

    def _turn(self, role: str, text: str) -> list[int]:
        # The line break ends what may stand behind a role, which is nothing here.
        return [self._ids[role], *self.encode("\n"), *self.encode(text)]


class StreamDecoder:
    """Decodes one reply id by id; its texts, joined, are `ChatTokenizer.decode` of all ids.

    Bytes are held back until they form a character or can form none any more, so half a
    character never shows.
    """

    def __init__(self, tokenizer: ChatTokenizer) -> None:
        self._tokenizer = tokenizer
        self._held = bytearray()
        self._started = False

    def feed(self, token_id: int) -> str:
        """Return text that has become certain with this id; often empty."""
        if not self._tokenizer.has_text(token_id):
            return ""
        held = self._tokenizer.bytes_of(token_id)
        if held is not None:
            self._held += held
            return self._settled()
        text = self.finish()
        text += self._tokenizer.piece_text(token_id, first=not self._started)
        self._started = True
        return text

    def finish(self) -> str:
        """Return what is still held back; bytes that form no character become U+FFFD."""
        text = self._settled()
        lost = len(self._held)
        self._held.clear()
        self._started = self._started or lost > 0
        return text + "\N{REPLACEMENT CHARACTER}" * lost

    def _settled(self) -> str:
        """Take off the front of the held bytes all that no later byte can change."""
        text: list[str] = []
        while self._held:
            width = _character_width(self._held)
            if width is None:
                break
            if width:
                text.append(self._held[:width].decode())
            else:
                text.append("\N{REPLACEMENT CHARACTER}")
            del self._held[: width or 1]
        self._started = self._started or bool(text)
        return "".join(text)


def _character_width(held: bytearray) -> int | None:
    """Return bytes of the UTF-8 character at the front; 0 without one, None if undecided."""
    for width in range(1, min(len(held), 4) + 1):
        try:
            held[:width].decode()
        except UnicodeDecodeError as error:
            if error.reason != "unexpected end of data":
                return 0
        else:
            return width
    return None


def finish_text(text: str) -> str:
    """Return a whole reply as ChatGLM2's `chat()` does: stripped, the year put in."""
    return text.strip().replace("[[训练时间]]", "2023年")
