"""The room of the conversation: who answers a message, and the model's reply."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.context import Context
from bot.conversation.completion import TurnCompleter
from bot.conversation.generation import ReplyGenerator
from bot.conversation.interceptors import Interceptor
from bot.conversation.legal_notices import LegalNotices
from bot.conversation.lost_reply import BUTTON, LostReplies
from bot.conversation.model_memory import SessionCacheEviction
from bot.conversation.quota import Quota
from bot.conversation.reply import Replier
from bot.conversation.requests import RequestBuilder
from bot.conversation.turn_handler import TurnHandler
from bot.crisis.resource_footer import ResourceFooter
from bot.crisis.room import CrisisRoom
from bot.jobs import Job
from bot.updates.routes import Routes, UpdateClass
from inference import LanguageModel
from review.cases.shadow_review import Shadow
from safety.response.output_guard import OutputGuard
from storage.companion import round_cache
from storage.companion.recent_rounds import RecentRounds
from storage.companion.round_cache import RoundCache
from storage.database.events import EventBus, RoundsChanged, SessionsEnded


@dataclass(frozen=True, slots=True)
class ConversationRoom:
    """The parts that answer a person's messages.

    Attributes:
        cache: the cache of recent rounds, which the service closes.
        lost_replies: the owner of replies.
    """

    turns: TurnHandler
    cache: RoundCache
    lost_replies: LostReplies
    routes: Routes
    jobs: tuple[Job, ...]


def build(
    context: Context,
    model: LanguageModel,
    *,
    crisis: CrisisRoom,
    shadow: Shadow,
    quota: Quota,
    legal_notices: LegalNotices,
    interceptors: Sequence[Interceptor],
) -> ConversationRoom:
    """Build the room.

    Args:
        context: the environment.
        model: the language model.
        crisis: screens messages and answers people at risk.
        shadow: holds replies that an operator reviews first.
        quota: counts the model's replies.
        legal_notices: the notices that laws require.
        interceptors: the interceptors, in the order in which they may answer.
    """
    url = context.settings.redis_url
    cache = round_cache.connect(url.get_secret_value() if url else None)
    rounds = RecentRounds(context.database, cache)
    eviction = SessionCacheEviction(model)
    completer = TurnCompleter(
        crisis=crisis.responder,
        safe_mode=crisis.safe_mode,
        quota=quota,
        resource_footer=ResourceFooter(context.texts, context.help_lines),
        legal_notices=legal_notices,
        shadow=shadow,
        texts=context.texts,
    )
    guard = OutputGuard(crisis.screener.current, context.hotlines)
    turns = TurnHandler(
        context,
        screener=crisis.context_screener,
        interceptors=interceptors,
        fixed_reply=crisis.fixed_reply,
        quota=quota,
        replier=Replier(
            context,
            requests=RequestBuilder(context.settings, model, rounds),
            generator=ReplyGenerator(model, guard, context.metrics),
            completer=completer,
            rounds=rounds,
            eviction=eviction,
        ),
    )
    lost_replies = LostReplies(context.texts, turns, context.answers)
    _subscribe(context.database.events, rounds, eviction)
    return ConversationRoom(
        turns=turns,
        cache=cache,
        lost_replies=lost_replies,
        routes=_routes(turns, lost_replies),
        jobs=(Job("session_cache", eviction.evict_old, 60.0),),
    )


def _routes(turns: TurnHandler, lost_replies: LostReplies) -> Routes:
    return Routes(
        buttons={"retry": turns.on_retry, BUTTON: lost_replies.on_button},
        classes={UpdateClass.BURST: turns.on_burst},
    )


def _subscribe(events: EventBus, rounds: RecentRounds, eviction: SessionCacheEviction) -> None:
    """Evict the rounds of sessions that ended or changed."""
    events.subscribe(SessionsEnded, eviction.evict)
    events.subscribe(SessionsEnded, rounds.on_sessions_ended)
    events.subscribe(RoundsChanged, rounds.on_rounds_changed)
