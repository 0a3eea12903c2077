"""What a pipeline pushes about the image that it was started for: cosign's tags with their manifests, and referrers.

python3 -m harness.signer ADDRESS REPOSITORY DIGEST
"""

from __future__ import annotations

import json
import sys
from typing import Any

from harness.http_client import HttpClient
from harness.images import OCI_INDEX, OCI_MANIFEST, descriptor, digest_of
from harness.registry_client import RegistryClient, expect

# As cosign 2 names them: a tag beside the image for the signature, the attestations and the SBOM.
ATTACHMENTS = {
    "sig": ("application/vnd.oci.image.config.v1+json", "application/vnd.dev.cosign.simplesigning.v1+json"),
    "att": ("application/vnd.oci.image.config.v1+json", "application/vnd.dsse.envelope.v1+json"),
    "sbom": ("application/vnd.oci.image.config.v1+json", "text/spdx+json"),
}
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
CACHE = "application/vnd.buildkit.cacheconfig.v0"


def manifest(client: RegistryClient, repository: str, config: tuple[str, bytes], layer: tuple[str, bytes], **more: Any) -> bytes:
    for data in (config[1], layer[1]):
        expect(client.push_blob(repository, data), 201)
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor(*config),
                       "layers": [descriptor(*layer)], **more}).encode()


def sign(client: RegistryClient, repository: str, digest: str) -> None:
    beside = digest.replace(":", "-")
    image = client.get_manifest(repository, digest)
    subject = {"mediaType": image.headers["Content-Type"], "digest": digest, "size": len(image.body)}
    for ending, (config, layer) in ATTACHMENTS.items():
        config_data = json.dumps({"architecture": "", "created": "0001-01-01T00:00:00Z", "os": "", "config": {}}).encode()
        body = manifest(client, repository, (config, config_data), (layer, f'{{"{ending}":"{digest}"}}'.encode()))
        expect(client.put_manifest(repository, f"{beside}.{ending}", body), 201)

    # OCI 1.1: a referrer by its digest, and the index that stands for the list where a registry keeps none.
    empty = ("application/vnd.oci.empty.v1+json", b"{}")
    referrer = manifest(client, repository, empty, (BUNDLE, f'{{"signs":"{digest}"}}'.encode()), artifactType=BUNDLE,
                        subject=subject)
    expect(client.put_manifest(repository, digest_of(referrer), referrer), 201)
    listed = descriptor(OCI_MANIFEST, referrer, artifactType=BUNDLE)
    index = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [listed]}).encode()
    expect(client.put_manifest(repository, beside, index, OCI_INDEX), 201)

    # A tag of its own does not make an image of a referrer, nor of a build's cache.
    expect(client.put_manifest(repository, "signature", referrer), 201)
    cache = manifest(client, repository, (CACHE, b'{"layers":[]}'), ("application/vnd.oci.image.layer.v1.tar+gzip", b"cache"))
    expect(client.put_manifest(repository, "buildcache", cache), 201)


if __name__ == "__main__":
    host, port = sys.argv[1].rsplit(":", 1)
    sign(RegistryClient(HttpClient(host, int(port))), sys.argv[2], sys.argv[3])
