"""Which tokenizer a model has, compared with the model."""

from inference.loading.glm_tokenizer import GlmTokenizer
from inference.loading.identity import Identity, Kind
from inference.loading.tokenizer import ChatGLM3Tokenizer, ChatTokenizer
from inference.loading.weight_files import read_json
from inference.requests import CheckpointError, TokenizerError

# A vocabulary is padded to a round number of rows; more rows than that belong to another one.
MOST_PADDING = 256


def open_tokenizer(known: Identity) -> ChatTokenizer:
    """Return the tokenizer of a model.

    Raises:
        TokenizerError: It is missing, damaged or another model's.
    """
    assert known.layout is not None
    name = "tokenizer.model"
    if known.kind is Kind.CHATGLM3:
        kind: type[ChatTokenizer] = ChatGLM3Tokenizer
    elif known.layout.is_chatglm or (known.folder / name).is_file():
        kind = ChatTokenizer
    else:
        kind, name = GlmTokenizer, "tokenizer.json"
    tokenizer = kind.from_folder(known.folder, _eos_ids(known))
    needed, rows = tokenizer.size + len(tokenizer.added), known.layout.vocabulary
    if not needed <= rows <= needed + MOST_PADDING:
        raise TokenizerError(
            f"{known.folder / name} has {tokenizer.size} pieces, which need {needed} rows; the "
            f"model has {rows}. It belongs to another model: copy {name} of the same checkpoint "
            "there."
        )
    return tokenizer


def _eos_ids(known: Identity) -> list[int]:
    """Return what the checkpoint says ends a reply; `generation_config.json` goes first."""
    path = known.folder / "generation_config.json"
    try:
        own = read_json(path).get("eos_token_id") if path.is_file() else None
    except CheckpointError as error:
        raise TokenizerError(str(error)) from error
    said = known.raw.get("eos_token_id") if own is None else own
    return [each for each in (said if isinstance(said, list) else [said]) if type(each) is int]
