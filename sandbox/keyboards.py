"""The rules for `reply_markup`."""

from typing import Any

from sandbox.errors import bad_request

ChatKeyboard = list[list[dict[str, Any]]]

MAX_CALLBACK_DATA_BYTES = 64
MAX_BUTTONS = 100
_FLAGS = (
    "force_reply",
    "remove_keyboard",
    "selective",
    "resize_keyboard",
    "one_time_keyboard",
    "is_persistent",
)
_OTHER_ACTIONS = (
    "url",
    "web_app",
    "login_url",
    "switch_inline_query",
    "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat",
    "copy_text",
)


def read_inline_keyboard(markup: Any) -> ChatKeyboard:
    """Read the rows of an inline keyboard. Other markups have no rows.

    Raises:
        ApiError: Telegram would refuse a button.
    """
    if markup is None:
        return []
    if not isinstance(markup, dict):
        raise bad_request("object expected as reply markup")
    for flag in _FLAGS:
        if flag in markup and not isinstance(markup[flag], bool):
            raise bad_request(f'field "{flag}" must be of type Boolean')
    for name in ("inline_keyboard", "keyboard"):
        if name in markup and not isinstance(markup[name], list):
            raise bad_request(f'field "{name}" must be of type Array')
    rows = [_read_row(row) for row in markup.get("inline_keyboard", [])]
    if sum(len(row) for row in rows) > MAX_BUTTONS:
        raise bad_request("reply markup is too long")
    return [row for row in rows if row]


def _read_row(row: Any) -> list[dict[str, Any]]:
    if not isinstance(row, list):
        raise bad_request("can't parse inline keyboard: expected an Array of Arrays")
    return [_read_button(button) for button in row]


def _read_button(button: Any) -> dict[str, Any]:
    where = "can't parse inline keyboard button: "
    if not isinstance(button, dict):
        raise bad_request(f"{where}expected an Object")
    if "text" not in button:
        raise bad_request(f'{where}Can\'t find field "text"')
    for name in ("text", "url", "callback_data"):
        if name in button and not isinstance(button[name], str):
            raise bad_request(f'{where}Field "{name}" must be of type String')
    data = button.get("callback_data", "")
    if not data and not any(button.get(name) is not None for name in _OTHER_ACTIONS):
        raise bad_request(f"{where}Text buttons are unallowed in the inline keyboard")
    if len(data.encode()) > MAX_CALLBACK_DATA_BYTES:
        raise bad_request("BUTTON_DATA_INVALID")
    if not button["text"].strip():
        raise bad_request(f"{where}Button text must be non-empty")
    return dict(button)
