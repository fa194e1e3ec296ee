"""What happens on each attempt upstream: a filter chain in every provider's cluster.

Envoy retries by itself, and only exchanges whose data plane asked for it (`x-envoy-retry-on`, which callers cannot
set). The first attempt passes this chain without a message. A second one goes by the data plane once more, which puts
another model into the body; what it needs for that, the first reply left in the exchange's dynamic metadata, which no
caller and no provider can write.
"""

from __future__ import annotations

from envoy_data_plane.envoy.config.common.mutation_rules.v3 import HeaderMutation, HeaderMutationRemoveOnMatch
from envoy_data_plane.envoy.config.core.v3 import DataSource, TypedExtensionConfig
from envoy_data_plane.envoy.extensions.common.matching.v3 import ExtensionWithMatcher
from envoy_data_plane.envoy.extensions.filters.http.composite.v3 import Composite, ExecuteFilterAction
from envoy_data_plane.envoy.extensions.filters.http.header_mutation.v3 import HeaderMutation as HeaderMutationFilter
from envoy_data_plane.envoy.extensions.filters.http.header_mutation.v3 import Mutations
from envoy_data_plane.envoy.extensions.filters.http.lua.v3 import Lua
from envoy_data_plane.envoy.extensions.filters.http.upstream_codec.v3 import UpstreamCodec
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from envoy_data_plane.envoy.type.matcher.v3 import (
    HttpRequestHeaderMatchInput,
    HttpResponseHeaderMatchInput,
    StringMatcher,
)
from envoy_data_plane.google.protobuf import Any
from envoy_data_plane.xds.core.v3 import TypedExtensionConfig as XdsExtensionConfig
from envoy_data_plane.xds.type.matcher.v3 import (
    Matcher,
    MatcherMatcherList,
    MatcherMatcherListFieldMatcher,
    MatcherMatcherListPredicate,
    MatcherMatcherListPredicateSinglePredicate,
    MatcherOnMatch,
    RegexMatcher,
    RegexMatcherGoogleRe2,
)
from envoy_data_plane.xds.type.matcher.v3 import StringMatcher as XdsStringMatcher

from costward_contract.metadata import FAILED, STATUS
from costward_contract.wiring.ext_proc import OWN_HEADERS, retry_processor
from costward_contract.wiring.spec import Hop

ATTEMPT_COUNT = "x-envoy-attempt-count"
"""Set by Envoy's router on every attempt, and on the answer."""

_LATER_ATTEMPT = "[2-9][0-9]*"
_FAILED_STATUS = "[45].."

_KEEP_STATUS = f"""\
function envoy_on_response(handle)
  handle:streamInfo():dynamicMetadata():set("{FAILED}", "{STATUS}", handle:headers():get(":status"))
end
"""
"""The router drops the answer to a failed attempt, and a 400 is to be tried again in another way than a 503. No filter
but Lua writes metadata in an upstream chain (Envoy 1.40: header_to_metadata and set_metadata are not among them)."""


def attempt_filters(hop: Hop, digest: str) -> list[HttpFilter]:
    """`digest`: the wiring's hash."""
    return [
        _only_where("costward.fallback", _header_input(request=ATTEMPT_COUNT), _LATER_ATTEMPT, _fallback(hop, digest)),
        _only_where("costward.failed_attempt", _header_input(response=":status"), _FAILED_STATUS, _kept_status()),
        _keep_from_provider(),
        HttpFilter(name="envoy.filters.http.upstream_codec", typed_config=Any.pack(UpstreamCodec())),
    ]


def _fallback(hop: Hop, digest: str) -> TypedExtensionConfig:
    return TypedExtensionConfig(name="costward.fallback.ext_proc", typed_config=Any.pack(retry_processor(hop, digest)))


def _kept_status() -> TypedExtensionConfig:
    lua = Lua(default_source_code=DataSource(inline_string=_KEEP_STATUS), stat_prefix="costward")
    return TypedExtensionConfig(name="costward.failed_attempt.lua", typed_config=Any.pack(lua))


def _keep_from_provider() -> HttpFilter:
    """On every attempt, whoever may be down: our own headers, and how often we tried."""
    ours = HeaderMutationRemoveOnMatch(key_matcher=StringMatcher(prefix=OWN_HEADERS))
    mutations = Mutations(
        request_mutations=[HeaderMutation(remove=ATTEMPT_COUNT), HeaderMutation(remove_on_match=ours)]
    )
    config = Any.pack(HeaderMutationFilter(mutations=mutations))
    return HttpFilter(name="costward.attempt_headers", typed_config=config)


def _header_input(*, request: str = "", response: str = "") -> XdsExtensionConfig:
    kind = (
        HttpRequestHeaderMatchInput(header_name=request)
        if request
        else HttpResponseHeaderMatchInput(header_name=response)
    )
    return XdsExtensionConfig(name=request or response, typed_config=Any.pack(kind))


def _only_where(name: str, value: XdsExtensionConfig, regex: str, filter: TypedExtensionConfig) -> HttpFilter:
    """`filter` runs where `value` matches `regex`; elsewhere it is not even made."""
    predicate = MatcherMatcherListPredicateSinglePredicate(
        input=value,
        # Without a named engine Envoy rejects the matcher.
        value_match=XdsStringMatcher(safe_regex=RegexMatcher(regex=regex, google_re2=RegexMatcherGoogleRe2())),
    )
    action = XdsExtensionConfig(name=name, typed_config=Any.pack(ExecuteFilterAction(typed_config=filter)))
    rule = MatcherMatcherListFieldMatcher(
        predicate=MatcherMatcherListPredicate(single_predicate=predicate), on_match=MatcherOnMatch(action=action)
    )
    config = ExtensionWithMatcher(
        extension_config=TypedExtensionConfig(name="composite", typed_config=Any.pack(Composite())),
        xds_matcher=Matcher(matcher_list=MatcherMatcherList(matchers=[rule])),
    )
    return HttpFilter(name=name, typed_config=Any.pack(config))
