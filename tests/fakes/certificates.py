"""Certificates of a throw-away authority, made with the system's openssl."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Pair:
    certificate: Path
    key: Path


class Authority:
    """Skips the test, with the reason, where there is no openssl."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        found = shutil.which("openssl")
        if found is None:
            pytest.skip("no openssl here to make certificates with")
        self._openssl, self._folder, self._name = found, folder, name
        own = self._paths(name)
        self._run("req", "-x509", *_NEW_KEY, "-keyout", own.key, "-out", own.certificate, "-subj", f"/CN={name}")
        self.own = own

    def issue(self, name: str) -> Pair:
        """For the DNS name `name`, as client and as server."""
        pair = self._paths(f"{self._name}-{name}")
        request = pair.key.with_suffix(".csr")
        self._run("req", *_NEW_KEY, "-keyout", pair.key, "-out", request, "-subj", f"/CN={name}")
        names = pair.key.with_suffix(".ext")
        names.write_text(f"subjectAltName=DNS:{name}\n")
        signer = ("-CA", self.own.certificate, "-CAkey", self.own.key, "-CAcreateserial")
        self._run("x509", "-req", "-in", request, *signer, "-extfile", names, "-days", "2", "-out", pair.certificate)
        return pair

    def _paths(self, name: str) -> Pair:
        return Pair(self._folder / f"{name}.pem", self._folder / f"{name}.key")

    def _run(self, *words: str | Path) -> None:
        subprocess.run([self._openssl, *map(str, words)], check=True, capture_output=True)


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
