"""The parts of an account in plain words."""

from __future__ import annotations

from costward_cli.policy.account import Account, Begins, Cached, Goes

_SCOPES = {
    "User": "one user's requests",
    "Tenant": "all requests of the namespace",
    "Workload": "all requests of the workload",
    "Policy": "all requests under this policy",
}
_BYPASSES = {
    "TimeSensitive": "questions whose right answer changes with time",
    "ToolCalls": "turns of agents with tools",
}


def who(account: Account) -> str:
    accounts = account.service_accounts
    whom = f"service accounts {', '.join(accounts)}" if accounts else "every service account"
    owner = account.owner + (f" ({account.contact})" if account.contact else "")
    namespace = account.policy.partition("/")[0]
    return (
        f"{account.policy} governs {whom} of namespace {namespace} with priority {account.priority}. "
        f"{owner} answers for the money."
    )


def caller(account: Account) -> str:
    user = "with a known user" if account.user_known else "without a known user"
    return f"{account.workload}, {user}, belongs to tier {account.tier}."


def failures(account: Account) -> str:
    ledger = "go on unchecked" if account.on_ledger_failure == "Open" else "are refused"
    gone = "go on" if account.failure_policy == "Open" else "are refused"
    unpriced = "pass, counted" if account.unpriced == "Pass" else "are refused"
    return (
        f"While spend cannot be read, requests {ledger}. While Costward itself is gone, they {gone}. "
        f"Endpoints that cannot be priced (batches, audio, WebSockets and the like) {unpriced}."
    )


def step(begins: Begins) -> str:
    match begins.action:
        case "Warn":
            return "requests go on, and their answers say where the cap stands (x-costward-cap)"
        case "UseModel":
            return f"requests that would go above rung {begins.rung} go to it instead"
        case _:
            form = "as a model's answer" if begins.deliver == "Answer" else "as an error with status 429"
            return f'nothing is sent on; the caller is told {form}: "{begins.text}"'


def ladder_end(account: Account) -> str:
    """What holds where no Message step says it."""
    if not account.caps:
        return "This caller has no cap: spend is counted, nothing is held back."
    if any(begins.action == "Message" for begins in account.ladder):
        return "A request whose worst case does not fit under a cap any more is refused, unless nothing else runs."
    return "From 100% of a cap on, requests are refused with status 429 until it resets."


def cache(cached: Cached) -> list[str]:
    if cached.mode == "Off":
        return ["The cache is off: nothing is stored or served."]
    if not cached.has_place:
        return ["This caller's requests have no place in the cache: it is kept per user, and no trusted user is known."]
    verb = "Served are" if cached.mode == "Enforce" else "Nothing is served; records say that Enforce would serve"
    meaning = (
        f", and answers to other words of a similarity of at least {cached.threshold:g} where no guard objects"
        if cached.threshold is not None
        else ""
    )
    kept = " and ".join(_BYPASSES[name] for name in cached.bypass)
    return [
        f"{verb} answers to the same words{meaning}.",
        _sharing(cached),
        "An answer of a lower rung is never served where a higher one would be used.",
        *([f"Left alone are {kept}."] if kept else []),
    ]


def _sharing(cached: Cached) -> str:
    return (
        f"They are shared by {_SCOPES[cached.scope]} with the same provider key, model name, system prompt, "
        f"earlier turns and parameters, for {duration(cached.ttl_s)}."
    )


def why(goes: Goes) -> str:
    """Why a request goes where it goes."""
    if goes.rung is None:
        return "not a name of this policy: it goes as it came, with caps and cache"
    if goes.degraded:
        return "the ladder's step UseModel"
    if goes.rule is not None and goes.enforced:
        return f"routing.{goes.rule.replace('rule', 'rules')}"
    unchanged = "as named" if goes.model == goes.asked else "the highest rung of the alias"
    if goes.rule is not None:
        return f"{unchanged}; routing.{goes.rule.replace('rule', 'rules')} would choose {goes.rule_rung}"
    return f"{unchanged}; no rule holds"


def rate(micro_usd: int) -> str:
    """A price per million tokens, in both units."""
    return f"{micro_usd:,} µ$ ({amount(micro_usd)})"


def amount(micro_usd: int) -> str:
    """`$0.50`, `$0.0005`: as an owner writes limits and prices, without zeros that say nothing."""
    whole, fraction = divmod(micro_usd, 1_000_000)
    digits = f"{fraction:06d}".rstrip("0").ljust(2, "0")
    return f"${whole:,}.{digits}"


def instant(iso: str) -> str:
    """`2026-11-24 00:00`; words such as `never` stay."""
    return iso.replace("T", " ")[:16]


def duration(seconds: int) -> str:
    """`1h30m`, as policies write it."""
    hours, rest = divmod(seconds, 3_600)
    minutes, rest = divmod(rest, 60)
    parts = ((hours, "h"), (minutes, "m"), (rest, "s"))
    return "".join(f"{count}{unit}" for count, unit in parts if count)
