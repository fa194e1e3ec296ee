from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Sealed(_message.Message):
    __slots__ = ("hash", "snapshot")
    HASH_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    hash: str
    snapshot: bytes
    def __init__(self, hash: _Optional[str] = ..., snapshot: _Optional[bytes] = ...) -> None: ...

class Snapshot(_message.Message):
    __slots__ = ("schema_version", "policies", "destinations")
    SCHEMA_VERSION_FIELD_NUMBER: _ClassVar[int]
    POLICIES_FIELD_NUMBER: _ClassVar[int]
    DESTINATIONS_FIELD_NUMBER: _ClassVar[int]
    schema_version: int
    policies: _containers.RepeatedCompositeFieldContainer[Policy]
    destinations: _containers.RepeatedCompositeFieldContainer[Destination]
    def __init__(self, schema_version: _Optional[int] = ..., policies: _Optional[_Iterable[_Union[Policy, _Mapping]]] = ..., destinations: _Optional[_Iterable[_Union[Destination, _Mapping]]] = ...) -> None: ...

class Destination(_message.Message):
    __slots__ = ("targets", "policy")
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    targets: _containers.RepeatedCompositeFieldContainer[Target]
    policy: Policy
    def __init__(self, targets: _Optional[_Iterable[_Union[Target, _Mapping]]] = ..., policy: _Optional[_Union[Policy, _Mapping]] = ...) -> None: ...

class Target(_message.Message):
    __slots__ = ("group", "kind", "namespace", "name", "section")
    GROUP_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SECTION_FIELD_NUMBER: _ClassVar[int]
    group: str
    kind: str
    namespace: str
    name: str
    section: str
    def __init__(self, group: _Optional[str] = ..., kind: _Optional[str] = ..., namespace: _Optional[str] = ..., name: _Optional[str] = ..., section: _Optional[str] = ...) -> None: ...

class Policy(_message.Message):
    __slots__ = ("namespace", "name", "generation", "cache_epoch", "owner", "priority", "service_accounts", "models", "aliases", "identity", "tiers", "cache", "routing", "failure_policy", "unpriced")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    CACHE_EPOCH_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    SERVICE_ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    ALIASES_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    TIERS_FIELD_NUMBER: _ClassVar[int]
    CACHE_FIELD_NUMBER: _ClassVar[int]
    ROUTING_FIELD_NUMBER: _ClassVar[int]
    FAILURE_POLICY_FIELD_NUMBER: _ClassVar[int]
    UNPRICED_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    name: str
    generation: int
    cache_epoch: str
    owner: Owner
    priority: int
    service_accounts: _containers.RepeatedScalarFieldContainer[str]
    models: _containers.RepeatedCompositeFieldContainer[Rung]
    aliases: _containers.RepeatedCompositeFieldContainer[Alias]
    identity: Identity
    tiers: _containers.RepeatedCompositeFieldContainer[Tier]
    cache: CachePolicy
    routing: RoutingPolicy
    failure_policy: str
    unpriced: str
    def __init__(self, namespace: _Optional[str] = ..., name: _Optional[str] = ..., generation: _Optional[int] = ..., cache_epoch: _Optional[str] = ..., owner: _Optional[_Union[Owner, _Mapping]] = ..., priority: _Optional[int] = ..., service_accounts: _Optional[_Iterable[str]] = ..., models: _Optional[_Iterable[_Union[Rung, _Mapping]]] = ..., aliases: _Optional[_Iterable[_Union[Alias, _Mapping]]] = ..., identity: _Optional[_Union[Identity, _Mapping]] = ..., tiers: _Optional[_Iterable[_Union[Tier, _Mapping]]] = ..., cache: _Optional[_Union[CachePolicy, _Mapping]] = ..., routing: _Optional[_Union[RoutingPolicy, _Mapping]] = ..., failure_policy: _Optional[str] = ..., unpriced: _Optional[str] = ...) -> None: ...

class Owner(_message.Message):
    __slots__ = ("team", "contact")
    TEAM_FIELD_NUMBER: _ClassVar[int]
    CONTACT_FIELD_NUMBER: _ClassVar[int]
    team: str
    contact: str
    def __init__(self, team: _Optional[str] = ..., contact: _Optional[str] = ...) -> None: ...

class Rung(_message.Message):
    __slots__ = ("name", "model", "price")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    name: str
    model: str
    price: PriceOverride
    def __init__(self, name: _Optional[str] = ..., model: _Optional[str] = ..., price: _Optional[_Union[PriceOverride, _Mapping]] = ...) -> None: ...

class PriceOverride(_message.Message):
    __slots__ = ("input", "output", "cached_input")
    INPUT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    CACHED_INPUT_FIELD_NUMBER: _ClassVar[int]
    input: int
    output: int
    cached_input: int
    def __init__(self, input: _Optional[int] = ..., output: _Optional[int] = ..., cached_input: _Optional[int] = ...) -> None: ...

class Alias(_message.Message):
    __slots__ = ("name", "rungs")
    NAME_FIELD_NUMBER: _ClassVar[int]
    RUNGS_FIELD_NUMBER: _ClassVar[int]
    name: str
    rungs: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., rungs: _Optional[_Iterable[str]] = ...) -> None: ...

class Identity(_message.Message):
    __slots__ = ("user", "tier", "session_headers")
    USER_FIELD_NUMBER: _ClassVar[int]
    TIER_FIELD_NUMBER: _ClassVar[int]
    SESSION_HEADERS_FIELD_NUMBER: _ClassVar[int]
    user: HeaderSource
    tier: HeaderSource
    session_headers: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, user: _Optional[_Union[HeaderSource, _Mapping]] = ..., tier: _Optional[_Union[HeaderSource, _Mapping]] = ..., session_headers: _Optional[_Iterable[str]] = ...) -> None: ...

class HeaderSource(_message.Message):
    __slots__ = ("header", "trusted_from", "default")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    TRUSTED_FROM_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_FIELD_NUMBER: _ClassVar[int]
    header: str
    trusted_from: _containers.RepeatedScalarFieldContainer[str]
    default: str
    def __init__(self, header: _Optional[str] = ..., trusted_from: _Optional[_Iterable[str]] = ..., default: _Optional[str] = ...) -> None: ...

class Tier(_message.Message):
    __slots__ = ("name", "caps", "ladder", "on_ledger_failure")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CAPS_FIELD_NUMBER: _ClassVar[int]
    LADDER_FIELD_NUMBER: _ClassVar[int]
    ON_LEDGER_FAILURE_FIELD_NUMBER: _ClassVar[int]
    name: str
    caps: _containers.RepeatedCompositeFieldContainer[Cap]
    ladder: _containers.RepeatedCompositeFieldContainer[LadderStep]
    on_ledger_failure: str
    def __init__(self, name: _Optional[str] = ..., caps: _Optional[_Iterable[_Union[Cap, _Mapping]]] = ..., ladder: _Optional[_Iterable[_Union[LadderStep, _Mapping]]] = ..., on_ledger_failure: _Optional[str] = ...) -> None: ...

class Cap(_message.Message):
    __slots__ = ("id", "per", "window", "limit", "scope")
    ID_FIELD_NUMBER: _ClassVar[int]
    PER_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    id: str
    per: str
    window: str
    limit: int
    scope: str
    def __init__(self, id: _Optional[str] = ..., per: _Optional[str] = ..., window: _Optional[str] = ..., limit: _Optional[int] = ..., scope: _Optional[str] = ...) -> None: ...

class LadderStep(_message.Message):
    __slots__ = ("at_ppm", "action", "rung", "text", "deliver")
    AT_PPM_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    RUNG_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    DELIVER_FIELD_NUMBER: _ClassVar[int]
    at_ppm: int
    action: str
    rung: str
    text: str
    deliver: str
    def __init__(self, at_ppm: _Optional[int] = ..., action: _Optional[str] = ..., rung: _Optional[str] = ..., text: _Optional[str] = ..., deliver: _Optional[str] = ...) -> None: ...

class CachePolicy(_message.Message):
    __slots__ = ("mode", "scope", "ttl_s", "semantic", "bypass")
    MODE_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    TTL_S_FIELD_NUMBER: _ClassVar[int]
    SEMANTIC_FIELD_NUMBER: _ClassVar[int]
    BYPASS_FIELD_NUMBER: _ClassVar[int]
    mode: str
    scope: str
    ttl_s: int
    semantic: FixedThreshold
    bypass: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, mode: _Optional[str] = ..., scope: _Optional[str] = ..., ttl_s: _Optional[int] = ..., semantic: _Optional[_Union[FixedThreshold, _Mapping]] = ..., bypass: _Optional[_Iterable[str]] = ...) -> None: ...

class FixedThreshold(_message.Message):
    __slots__ = ("ppm",)
    PPM_FIELD_NUMBER: _ClassVar[int]
    ppm: int
    def __init__(self, ppm: _Optional[int] = ...) -> None: ...

class RoutingPolicy(_message.Message):
    __slots__ = ("mode", "rewrite_named_models", "rules", "fallback")
    MODE_FIELD_NUMBER: _ClassVar[int]
    REWRITE_NAMED_MODELS_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    FALLBACK_FIELD_NUMBER: _ClassVar[int]
    mode: str
    rewrite_named_models: bool
    rules: _containers.RepeatedCompositeFieldContainer[RoutingRule]
    fallback: FallbackPolicy
    def __init__(self, mode: _Optional[str] = ..., rewrite_named_models: _Optional[bool] = ..., rules: _Optional[_Iterable[_Union[RoutingRule, _Mapping]]] = ..., fallback: _Optional[_Union[FallbackPolicy, _Mapping]] = ...) -> None: ...

class FallbackPolicy(_message.Message):
    __slots__ = ("after", "first_byte_s")
    AFTER_FIELD_NUMBER: _ClassVar[int]
    FIRST_BYTE_S_FIELD_NUMBER: _ClassVar[int]
    after: _containers.RepeatedScalarFieldContainer[str]
    first_byte_s: int
    def __init__(self, after: _Optional[_Iterable[str]] = ..., first_byte_s: _Optional[int] = ...) -> None: ...

class RoutingRule(_message.Message):
    __slots__ = ("when", "use")
    WHEN_FIELD_NUMBER: _ClassVar[int]
    USE_FIELD_NUMBER: _ClassVar[int]
    when: When
    use: str
    def __init__(self, when: _Optional[_Union[When, _Mapping]] = ..., use: _Optional[str] = ...) -> None: ...

class When(_message.Message):
    __slots__ = ("task_type", "tools", "min_prompt_tokens", "max_prompt_tokens")
    TASK_TYPE_FIELD_NUMBER: _ClassVar[int]
    TOOLS_FIELD_NUMBER: _ClassVar[int]
    MIN_PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    MAX_PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    task_type: str
    tools: bool
    min_prompt_tokens: int
    max_prompt_tokens: int
    def __init__(self, task_type: _Optional[str] = ..., tools: _Optional[bool] = ..., min_prompt_tokens: _Optional[int] = ..., max_prompt_tokens: _Optional[int] = ...) -> None: ...
