"""Delivery as a part of the operator's process: its port, who may come, and where standbys send data planes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from costward_operator.adapters.kube import Kube
from costward_operator.delivery.connected import Connected
from costward_operator.delivery.listen import Port, listen
from costward_operator.delivery.planes import Account
from costward_operator.delivery.service import Delivery
from costward_operator.delivery.tokens import Review, Tokens
from costward_operator.errors import KubeError
from costward_operator.settings import DeliverySettings

_USER = "system:serviceaccount:"

STOP_S = 1.0
"""Data planes keep what they have and come back by themselves: nothing is worth a longer wait."""


@asynccontextmanager
async def delivering(
    settings: DeliverySettings,
    kube: Kube,
    clock: Callable[[], float],
    leader: Callable[[], str | None],
    on_change: Callable[[], None],
) -> AsyncIterator[tuple[Connected, int]]:
    """The publisher, and the port that it serves. `leader`: None where this process leads, else the leader's address,
    or nothing where that is not known. Raises SettingsError."""
    tokens = Tokens(_review(kube, settings.audience), clock)
    service = Delivery(tokens, settings.accounts, clock, leader, on_change)
    host, port = settings.listen
    address = f"{f'[{host}]' if ':' in host else host}:{port}"
    server, bound = listen(service, Port(address, settings.certificate, settings.key))
    await server.start()
    try:
        yield Connected(service), bound
    finally:
        await server.stop(STOP_S)


def _review(kube: Kube, audience: str) -> Review:
    async def review(token: str) -> Account | None:
        try:
            user = await kube.review_token(token, audience)
        except KubeError as error:
            raise OSError(str(error)) from error
        namespace, _, name = (user or "").removeprefix(_USER).partition(":")
        return Account(namespace, name) if user and user.startswith(_USER) and name else None

    return review
