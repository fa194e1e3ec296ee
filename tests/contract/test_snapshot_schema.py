"""The generated code and the dataclasses say what snapshot.proto says."""

from __future__ import annotations

import inspect
import subprocess
import sys
from dataclasses import fields, is_dataclass
from pathlib import Path

from costward_contract import snapshot
from costward_contract.v1 import snapshot_pb2

ROOT = Path(__file__).resolve().parents[2]
V1 = "costward_contract/v1"


def test_generated_code_matches_the_proto(tmp_path: Path) -> None:
    command = [f"-I{ROOT / 'proto'}", f"--python_out={tmp_path}", f"--pyi_out={tmp_path}", f"{V1}/snapshot.proto"]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *command], check=True)

    for name in ("snapshot_pb2.py", "snapshot_pb2.pyi"):
        assert (tmp_path / V1 / name).read_text() == (ROOT / "proto" / V1 / name).read_text()


def test_messages_have_the_fields_of_the_dataclasses() -> None:
    messages = snapshot_pb2.DESCRIPTOR.message_types_by_name
    classes = dict(inspect.getmembers(snapshot, is_dataclass))

    assert set(messages) == {*classes, "Sealed"}
    for name, cls in classes.items():
        # The hash is the envelope's: it cannot be inside of what it covers.
        assert {field.name for field in fields(cls)} - {"hash"} == set(messages[name].fields_by_name)
