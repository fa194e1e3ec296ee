"""The kinds of text and numbers that a policy is made of, each bounded and each with words for what it allows.

Bounds are needed twice: the API server prices a validation rule by the largest document that the schema admits, and
what a policy names ends up in metric labels, ledger keys and answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, Field, StrictInt

from costward_contract.quantities import DURATION_PATTERN, PERCENT_PATTERN, SIMILARITY_PATTERN, USD_PATTERN


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a value may be, in words: for error messages and the reference page."""

    words: str


# 63 characters: a Kubernetes label value and a DNS label end there.
Name = Annotated[
    str,
    Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", max_length=63),
    Allowed("up to 63 of a-z, 0-9 and -, with a letter or digit at both ends"),
]
# 253 characters: the longest name that Kubernetes gives a service account.
ServiceAccount = Annotated[
    str,
    Field(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", max_length=253),
    Allowed("the name of a service account"),
]
# 253 characters: the longest name that Kubernetes gives an object.
ObjectName = Annotated[
    str,
    Field(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", max_length=253),
    Allowed("the name of a Kubernetes object"),
]
# As Name, or empty: a list's entries are told apart by their keys, and a key that may be left out needs a default.
OptionalName = Annotated[
    str,
    Field(pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$", max_length=63),
    Allowed("up to 63 of a-z, 0-9 and -, with a letter or digit at both ends"),
]
# 253 characters: the Gateway API's bound for the name of a listener or a rule.
SectionName = Annotated[
    str,
    Field(pattern=r"^([a-z0-9]([a-z0-9.-]*[a-z0-9])?)?$", max_length=253),
    Allowed("the name of a listener or a rule"),
]
# 128 characters hold the longest names in use, such as fine-tuned models and regional inference profiles.
Model = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@-]*$", max_length=128),
    Allowed("a model as its provider names it, up to 128 characters"),
]
# HTTP/2 header names are lower-case tokens (RFC 9113); 64 characters hold every name in common use.
Header = Annotated[
    str,
    Field(pattern=r"^[a-z0-9!#$%&'*+.^_`|~-]+$", max_length=64),
    Allowed("a lower-case HTTP header name that does not begin with x-costward-"),
]
# 100 characters: it is shown inside one sentence to callers and as one log field.
Line = Annotated[
    str,
    Field(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=100),
    Allowed("one line of up to 100 characters"),
]
# 500 characters: it is an answer to a person, and clients cut longer error messages.
MessageText = Annotated[
    str,
    Field(pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]+$", max_length=500),
    Allowed("up to 500 characters"),
]
# 64 characters: the bound of x-costward-task-type, which it is compared with.
TaskType = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=64),
    Allowed("up to 64 of letters, digits, '.', '_' and '-'"),
]
AliasTarget = Annotated[
    str,
    Field(pattern=r"^[a-z0-9-]+(\.\.[a-z0-9-]+)?$", max_length=128),
    Allowed("the name of a rung, or two joined by '..' from the cheaper to the dearer"),
]
# Kubernetes writes every creationTimestamp in this form, so comparing the text compares the instants.
Timestamp = Annotated[
    str,
    Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$", max_length=20),
    Allowed("an instant in UTC such as 2026-01-31T12:00:00Z"),
]

USD = Annotated[
    str,
    Field(pattern=USD_PATTERN, max_length=16),
    Allowed('dollars in quotes with up to 6 decimals, such as "0.50"'),
]
Percent = Annotated[
    str,
    Field(pattern=PERCENT_PATTERN, max_length=9),
    Allowed('a percentage in quotes above 0 and up to 100, such as "80%"'),
]
Similarity = Annotated[
    str,
    Field(pattern=SIMILARITY_PATTERN, max_length=8),
    Allowed('a similarity in quotes from 0.5 to 1 with up to 6 decimals, such as "0.95"'),
]
DurationText = Annotated[
    str,
    Field(pattern=DURATION_PATTERN, max_length=18),
    Allowed("hours, minutes and seconds above zero, such as 24h or 1h30m"),
]

# A thousand levels either way: enough to leave room between any two policies.
Priority = Annotated[StrictInt, Field(ge=-1000, le=1000)]
# Ten million tokens: five times the longest context that any provider offers.
PromptTokens = Annotated[StrictInt, Field(ge=0, le=10_000_000)]

Ignored = Annotated[None, BeforeValidator(lambda _: None)]
"""Kubernetes writes it; Costward reads past it, so that what `kubectl get -o yaml` prints can be loaded."""
