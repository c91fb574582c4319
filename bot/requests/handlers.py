"""The handlers of `/human`, `/sos` and their buttons, which work in any state."""

from telegram import Update

from bot.context import Context
from bot.requests.answers import RequestAnswers
from bot.updates.responder import HandlerContext, UnitOfWork, data_of
from review.cases import records as review
from safety.screening.requests import ServiceRequest
from storage.companion import people


class RequestHandlers:
    """Handle requests by command and by button."""

    def __init__(self, context: Context, answers: RequestAnswers) -> None:
        self._open = context.answers.open
        self._help_lines = context.help_lines
        self._requests = answers

    async def on_human(self, update: Update, _context: HandlerContext) -> None:
        """Answer `/human`: ask the operators on duty for a person."""
        async with self._open(update, "asked_human") as uow:
            if uow:
                await self._answer(uow, ServiceRequest.HUMAN)

    async def on_sos(self, update: Update, _context: HandlerContext) -> None:
        """Answer `/sos` with numbers to call."""
        async with self._open(update, "asked_lines") as uow:
            if uow:
                await self._answer(uow, ServiceRequest.LINES)

    async def on_ask(self, update: Update, context: HandlerContext) -> None:
        """Handle the buttons for a human, for numbers, and for the region of the numbers."""
        what, _, region = data_of(update).partition(":")
        if what == "human":
            await self.on_human(update, context)
        elif what == "in":
            async with self._open(update, "asked_lines") as uow:
                if uow:
                    await self._show_region(uow, region)
        else:
            await self.on_sos(update, context)

    async def _answer(self, uow: UnitOfWork, request: ServiceRequest) -> None:
        await uow.say(
            await self._requests.answer(
                uow.transaction, uow.person, request, is_urgent=await self._is_urgent(uow)
            )
        )

    async def _show_region(self, uow: UnitOfWork, region: str) -> None:
        """Show the numbers of a region, and keep the region of a person who has agreed."""
        known = region if self._help_lines.knows(region) else None
        if known is not None and uow.person.has_consented:
            await people.change(uow.transaction, uow.person.person_id, region=known)
        is_urgent = await self._is_urgent(uow)
        await uow.say(self._requests.lines(uow.person, known or "none", is_urgent=is_urgent))

    @staticmethod
    async def _is_urgent(uow: UnitOfWork) -> bool:
        case = await review.case_on_hold(uow.transaction, uow.person.person_id)
        return case is not None and review.is_urgent(case)
