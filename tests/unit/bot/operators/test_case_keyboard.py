"""What a press or a word in the operators' group is taken for."""

import pytest
from telegram import Update

from bot.operators.case_keyboard import Pressed, parse_case_id, parse_data
from bot.operators.chat import OperatorsChat
from bot.updates.parsing import UpdateKind
from bot.updates.parsing import parse as read_update
from sandbox.wire import Json
from storage.ids import CaseId

GROUP = -100123
BOT = {"id": 10, "is_bot": True, "first_name": "PICA"}
ANN = {"id": 900, "is_bot": False, "first_name": "Ann"}


@pytest.mark.parametrize(
    ("data", "pressed"),
    [
        ("case:12:claim", Pressed(CaseId(12), "claim")),
        ("case:12:false_alarm", Pressed(CaseId(12), "false_alarm")),
        ("case:12:takeback", Pressed(CaseId(12), "takeback")),
        ("case:12:say:3", Pressed(CaseId(12), "say", 3)),
        ("case:12:say", None),
        ("case:12:say:", None),
        ("case:12:say:-3", None),
        ("case:12:say:" + "9" * 40, None),
        ("case:12:claim:3", None),
        ("case:12:erased", None),
        ("case:12:note", None),
        ("case:12:", None),
        ("case:12", None),
        ("case::claim", None),
        ("case:-1:claim", None),
        ("case:１２:claim", None),
        ("case:1e3:claim", None),
        ("case:" + "9" * 40 + ":claim", None),
        ("plan:12:claim", None),
        ("", None),
    ],
)
def test_data_of_buttons(data: str, pressed: Pressed | None) -> None:
    assert parse_data(data) == pressed


@pytest.mark.parametrize(("text", "number"), [("12", 12), ("#12", 12), ("##1", None), ("x", None)])
def test_numbers(text: str, number: int | None) -> None:
    assert parse_case_id(text) == number


def message(chat: int = GROUP, **more: object) -> Json:
    shown = {"id": chat, "type": "supergroup" if chat < 0 else "private", "title": "x"}
    return {"message_id": 5, "date": 1, "chat": shown, "from": ANN, **more}


TOPIC = message(**{"from": BOT}, forum_topic_created={"name": "#1", "icon_color": 1})
PROMPT = message(**{"from": BOT}, text="✍️")


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        (message(text="/claim"), UpdateKind.OPERATORS),
        (message(caption="/reply x"), UpdateKind.OPERATORS),
        (message(text="我来", reply_to_message=PROMPT), UpdateKind.OPERATORS),
        (message(text="我来", reply_to_message=TOPIC), UpdateKind.GROUP),  # every word of a topic
        (message(text="我来", reply_to_message=message(text="x")), UpdateKind.GROUP),
        (message(text="我想死"), UpdateKind.GROUP),
        (message(-100999, text="/claim"), UpdateKind.GROUP),
        (message(900, text="/claim"), UpdateKind.COMMAND),
    ],
)
def test_what_operators_write(sent: Json, kind: UpdateKind) -> None:
    update = Update.de_json({"update_id": 1, "message": sent}, None)
    reading = read_update(update, GROUP)
    assert reading.kind is kind
    assert (reading.text == "") is (kind is not UpdateKind.COMMAND)  # nobody's words to be screened
    edited = Update.de_json({"update_id": 1, "edited_message": {**sent, "edit_date": 2}}, None)
    assert read_update(edited, GROUP).kind is (
        UpdateKind.EDIT if kind is UpdateKind.COMMAND else kind
    )


def test_a_button_under_a_case_belongs_to_no_person() -> None:
    press = {"id": "1", "from": ANN, "chat_instance": "1", "message": message(900)}
    for data, telegram_id in (("case:1:claim", None), ("lang:zh", 900)):
        update = Update.de_json({"update_id": 1, "callback_query": {**press, "data": data}}, None)
        reading = read_update(update, GROUP)
        assert (reading.kind, reading.telegram_id) == (UpdateKind.BUTTON, telegram_id)


def test_the_chat_follows_a_group_that_moved() -> None:
    chat = OperatorsChat(GROUP)
    for sent, now in (
        (message(-5, migrate_to_chat_id=-6), GROUP),  # another group
        (message(migrate_to_chat_id=-100124), -100124),
        (message(-100125, migrate_from_chat_id=-100124), -100125),
        (message(-100126, migrate_from_chat_id=-1), -100125),
    ):
        chat.follow_migration(Update.de_json({"update_id": 1, "message": sent}, None))
        assert chat.id == now
    nowhere = OperatorsChat(None)
    nowhere.follow_migration(Update.de_json({"update_id": 1, "message": message(text="x")}, None))
    assert nowhere.id is None
