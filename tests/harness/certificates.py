"""Certificates for 127.0.0.1 and localhost that sign themselves."""

from __future__ import annotations

from pathlib import Path

from harness.clients import run


def make_certificate(folder: Path, name: str = "server", common_name: str = "localhost",
                     names: str = "DNS:localhost,IP:127.0.0.1,IP:::1") -> tuple[Path, Path]:
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
        "-subj", f"/CN={common_name}", "-addext", f"subjectAltName={names}",
        "-keyout", key, "-out", certificate)
    return certificate, key


def expire(certificate: Path, key: Path) -> None:
    """The same certificate, which ended yesterday."""
    request = certificate.with_suffix(".csr")
    run("openssl", "x509", "-x509toreq", "-in", certificate, "-signkey", key, "-out", request)
    run("openssl", "x509", "-req", "-in", request, "-signkey", key, "-days", "-1", "-out", certificate)
