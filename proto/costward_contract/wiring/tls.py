"""TLS towards providers and towards data planes: whom Envoy believes, and what it shows of itself."""

from __future__ import annotations

from envoy_data_plane.envoy.config.core.v3 import DataSource, TransportSocket
from envoy_data_plane.envoy.extensions.transport_sockets.tls.v3 import (
    CertificateValidationContext,
    CommonTlsContext,
    SubjectAltNameMatcher,
    SubjectAltNameMatcherSanType,
    TlsCertificate,
    TlsParameters,
    TlsParametersTlsProtocol,
    UpstreamTlsContext,
)
from envoy_data_plane.envoy.type.matcher.v3 import StringMatcher
from envoy_data_plane.google.protobuf import Any

from costward_contract.wiring.spec import HopTls, Upstream


def provider_tls(upstream: Upstream, ca_file: str) -> TransportSocket:
    validation = CertificateValidationContext(trusted_ca=DataSource(filename=ca_file))
    if upstream.is_address:
        # An address is no server name, so the certificate must name the address itself.
        validation.match_typed_subject_alt_names = [
            SubjectAltNameMatcher(
                san_type=SubjectAltNameMatcherSanType.IP_ADDRESS, matcher=StringMatcher(exact=upstream.host)
            )
        ]
    context = UpstreamTlsContext(
        sni="" if upstream.is_address else upstream.host,
        # Without it Envoy accepts any certificate that chains to the bundle, whoever it was issued to.
        auto_sni_san_validation=not upstream.is_address,
        common_tls_context=CommonTlsContext(
            tls_params=_tls_versions(TlsParametersTlsProtocol.TLSv1_2),
            validation_context=validation,
        ),
    )
    return TransportSocket(name="envoy.transport_sockets.tls", typed_config=Any.pack(context))


def mutual_tls(hop: HopTls) -> TransportSocket:
    context = UpstreamTlsContext(
        sni=hop.server_name,
        auto_sni_san_validation=True,
        common_tls_context=CommonTlsContext(
            # Both ends are ours: no peer is older than this.
            tls_params=_tls_versions(TlsParametersTlsProtocol.TLSv1_3),
            alpn_protocols=["h2"],
            tls_certificates=[
                TlsCertificate(
                    certificate_chain=DataSource(filename=hop.certificate), private_key=DataSource(filename=hop.key)
                )
            ],
            validation_context=CertificateValidationContext(trusted_ca=DataSource(filename=hop.ca)),
        ),
    )
    return TransportSocket(name="envoy.transport_sockets.tls", typed_config=Any.pack(context))


def _tls_versions(least: TlsParametersTlsProtocol) -> TlsParameters:
    # As a client Envoy ends at 1.2 by default, where a handshake takes one round trip more.
    return TlsParameters(
        tls_minimum_protocol_version=least, tls_maximum_protocol_version=TlsParametersTlsProtocol.TLSv1_3
    )
