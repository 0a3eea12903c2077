"""Images made from nothing: raw manifests for the raw client, OCI layouts for the real ones."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCTETS = "application/octet-stream"


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def descriptor(media_type: str, data: bytes, **more: Any) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data), **more}


@dataclass(frozen=True)
class Image:
    blobs: tuple[bytes, ...]  # config first
    manifest: bytes
    media_type: str = OCI_MANIFEST

    @property
    def digest(self) -> str:
        return digest_of(self.manifest)


def layer(name: str, seed: int, size: int = 2000) -> tuple[bytes, str]:
    """A gzipped tar with one file, the same bytes every time, and the digest of the plain tar."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = size
        archive.addfile(entry, io.BytesIO(random.Random(seed).randbytes(size)))
    return gzip.compress(plain.getvalue(), mtime=0), digest_of(plain.getvalue())


def image(seed: int, layers: int = 2, architecture: str = "amd64", layer_seed: int | None = None) -> Image:
    """A runnable-looking OCI image; images of one `layer_seed` share their layers."""
    base = seed if layer_seed is None else layer_seed
    made = [layer(f"file{i}", base * 1000 + i) for i in range(layers)]
    config = json.dumps(
        {
            "architecture": architecture,
            "os": "linux",
            "created": "2020-01-01T00:00:00Z",
            "config": {"Cmd": ["/file0"], "Labels": {"seed": str(seed)}},
            "rootfs": {"type": "layers", "diff_ids": [diff for _, diff in made]},
            "history": [{"created": "2020-01-01T00:00:00Z", "created_by": f"layer {i}"} for i in range(layers)],
        }
    ).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(OCI_CONFIG, config),
        "layers": [descriptor(OCI_LAYER, data) for data, _ in made],
    }
    return Image((config, *(data for data, _ in made)), json.dumps(manifest).encode())


def index(images: list[tuple[str, Image]]) -> Image:
    manifests = [
        descriptor(one.media_type, one.manifest, platform={"architecture": architecture, "os": "linux"})
        for architecture, one in images
    ]
    body = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests}
    return Image((), json.dumps(body).encode(), OCI_INDEX)


def write_layout(folder: Path, name: str, *images: Image) -> str:
    """An OCI layout whose last image is tagged `name`; what skopeo calls it."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    for one in images:
        for data in (*one.blobs, one.manifest):
            (blobs / digest_of(data)[7:]).write_bytes(data)
    top = descriptor(images[-1].media_type, images[-1].manifest)
    top["annotations"] = {"org.opencontainers.image.ref.name": name}
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [top]}))
    return f"oci:{folder}:{name}"
