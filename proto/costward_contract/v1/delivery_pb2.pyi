from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Told(_message.Message):
    __slots__ = ("hello", "ack", "nack", "pulse")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    NACK_FIELD_NUMBER: _ClassVar[int]
    PULSE_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    ack: Ack
    nack: Nack
    pulse: Pulse
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., ack: _Optional[_Union[Ack, _Mapping]] = ..., nack: _Optional[_Union[Nack, _Mapping]] = ..., pulse: _Optional[_Union[Pulse, _Mapping]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("node", "version", "reads_schema", "holds")
    NODE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    READS_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    HOLDS_FIELD_NUMBER: _ClassVar[int]
    node: str
    version: str
    reads_schema: int
    holds: str
    def __init__(self, node: _Optional[str] = ..., version: _Optional[str] = ..., reads_schema: _Optional[int] = ..., holds: _Optional[str] = ...) -> None: ...

class Ack(_message.Message):
    __slots__ = ("hash",)
    HASH_FIELD_NUMBER: _ClassVar[int]
    hash: str
    def __init__(self, hash: _Optional[str] = ...) -> None: ...

class Nack(_message.Message):
    __slots__ = ("hash", "reason")
    HASH_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    hash: str
    reason: str
    def __init__(self, hash: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class Pulse(_message.Message):
    __slots__ = ("serving", "since", "sums")
    SERVING_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    SUMS_FIELD_NUMBER: _ClassVar[int]
    serving: bool
    since: int
    sums: _containers.RepeatedCompositeFieldContainer[Sum]
    def __init__(self, serving: _Optional[bool] = ..., since: _Optional[int] = ..., sums: _Optional[_Iterable[_Union[Sum, _Mapping]]] = ...) -> None: ...

class Sum(_message.Message):
    __slots__ = ("policy", "workload", "exchanges", "unpriced", "hits", "spent", "saved", "last")
    POLICY_FIELD_NUMBER: _ClassVar[int]
    WORKLOAD_FIELD_NUMBER: _ClassVar[int]
    EXCHANGES_FIELD_NUMBER: _ClassVar[int]
    UNPRICED_FIELD_NUMBER: _ClassVar[int]
    HITS_FIELD_NUMBER: _ClassVar[int]
    SPENT_FIELD_NUMBER: _ClassVar[int]
    SAVED_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    policy: str
    workload: str
    exchanges: int
    unpriced: int
    hits: int
    spent: int
    saved: int
    last: int
    def __init__(self, policy: _Optional[str] = ..., workload: _Optional[str] = ..., exchanges: _Optional[int] = ..., unpriced: _Optional[int] = ..., hits: _Optional[int] = ..., spent: _Optional[int] = ..., saved: _Optional[int] = ..., last: _Optional[int] = ...) -> None: ...

class Update(_message.Message):
    __slots__ = ("hash", "whole", "delta")
    HASH_FIELD_NUMBER: _ClassVar[int]
    WHOLE_FIELD_NUMBER: _ClassVar[int]
    DELTA_FIELD_NUMBER: _ClassVar[int]
    hash: str
    whole: bytes
    delta: Delta
    def __init__(self, hash: _Optional[str] = ..., whole: _Optional[bytes] = ..., delta: _Optional[_Union[Delta, _Mapping]] = ...) -> None: ...

class Delta(_message.Message):
    __slots__ = ("base", "schema_version", "steps", "destinations")
    BASE_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_VERSION_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    DESTINATIONS_FIELD_NUMBER: _ClassVar[int]
    base: str
    schema_version: int
    steps: _containers.RepeatedCompositeFieldContainer[Step]
    destinations: _containers.RepeatedCompositeFieldContainer[Step]
    def __init__(self, base: _Optional[str] = ..., schema_version: _Optional[int] = ..., steps: _Optional[_Iterable[_Union[Step, _Mapping]]] = ..., destinations: _Optional[_Iterable[_Union[Step, _Mapping]]] = ...) -> None: ...

class Step(_message.Message):
    __slots__ = ("keep", "skip", "added")
    KEEP_FIELD_NUMBER: _ClassVar[int]
    SKIP_FIELD_NUMBER: _ClassVar[int]
    ADDED_FIELD_NUMBER: _ClassVar[int]
    keep: int
    skip: int
    added: bytes
    def __init__(self, keep: _Optional[int] = ..., skip: _Optional[int] = ..., added: _Optional[bytes] = ...) -> None: ...
