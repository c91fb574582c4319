"""Numbers in addresses, queries and forms, which a caller can make as long as they like."""

from starlette.convertors import Convertor, register_url_convertor

# More digits fit into no column, and reading very many of them is slow.
MOST_DIGITS = 15


def read_number(text: str | None) -> int | None:
    """Return a number of at most `MOST_DIGITS` digits, or None for anything else."""
    text = (text or "").strip()
    if text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS:
        return int(text)
    return None


class IdConvertor(Convertor[int]):
    """An id in a path: `/cases/{case_id:id}`. A longer number is no page."""

    regex = f"[0-9]{{1,{MOST_DIGITS}}}"

    def convert(self, value: str) -> int:
        """Return the id."""
        return int(value)

    def to_string(self, value: int) -> str:
        """Write the id into a path."""
        return str(value)


register_url_convertor("id", IdConvertor())
