"""A renewed certificate is shown to the next data plane without a restart; a torn one changes nothing."""

from pathlib import Path

import pytest
from costward_operator.delivery.listen import Port, listen
from costward_operator.errors import SettingsError

from tests.fakes.certificates import Authority, Pair
from tests.fakes.running_delivery import NAME, delivery, following, source, until
from tests.fakes.snapshots import snapshot


def put(pair: Pair, port: Port) -> None:
    port.certificate.write_bytes(pair.certificate.read_bytes())
    port.key.write_bytes(pair.key.read_bytes())


async def test_a_renewed_certificate_is_shown(tmp_path: Path) -> None:
    old, new = Authority(tmp_path, "old"), Authority(tmp_path, "new")
    port = Port("127.0.0.1:0", tmp_path / "tls.crt", tmp_path / "tls.key")
    put(old.issue(NAME), port)
    service = delivery()
    await service.publish(snapshot("a"))
    server, bound = listen(service, port)
    await server.start()
    address = f"127.0.0.1:{bound}"
    async with following(source(old, tmp_path, address, node="a"), tmp_path / "a") as plane:
        await until(lambda: plane.has_any)
    put(new.issue(NAME), port)
    async with following(source(new, tmp_path, address, node="b"), tmp_path / "b") as plane:
        await until(lambda: plane.has_any)
    port.key.unlink()
    async with following(source(new, tmp_path, address, node="c"), tmp_path / "c") as plane:
        await until(lambda: plane.has_any)
    await server.stop(0)


async def test_a_missing_certificate_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        listen(delivery(), Port("127.0.0.1:0", tmp_path / "tls.crt", tmp_path / "tls.key"))
