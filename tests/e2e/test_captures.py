"""The same commands of real clients cause the same events as at Distribution (tests/e2e/captures).

Compared is the multiset of shapes: action, method, kind, media type, repository, tag, source of a mount, and which
fields are present. Differences from the captures, and why:

| capture | difference | why |
|---|---|---|
| (none)  |            |     |
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness import clients, images
from harness.captures import Stage
from harness.receiver import Receiver
from harness.server import Server, endpoint


@pytest.fixture
def stage(serve: Callable[..., Server], receiver: Receiver) -> Stage:
    return Stage(serve([endpoint("main", receiver.url)]), receiver)


def test_skopeo(stage: Stage, tmp_path: Path) -> None:
    skopeo = clients.Skopeo(tmp_path)
    at = f"docker://{stage.server.address}/acme"
    # The captures' images share their layers, not their configuration.
    first = images.write_layout(tmp_path / "app", "v1", images.image(1, layer_seed=1))
    second = images.write_layout(tmp_path / "web", "v1", images.image(2, layer_seed=1))
    skopeo.copy(first, f"{at}/app:v1")
    stage.forget()
    skopeo.copy(second, f"{at}/web:v1")
    stage.matches("skopeo-push-oci")
    skopeo.copy(second, f"{at}/web:v1")
    stage.matches("skopeo-push-again")
    skopeo.copy(f"{at}/web:v1", f"oci:{tmp_path}/pulled:v1")
    stage.matches("skopeo-pull")
    skopeo.command("inspect", f"{at}/web:v1")
    stage.matches("skopeo-inspect")
    skopeo.copy(f"{at}/web:v1", f"{at}/web2:v1")
    stage.matches("skopeo-mount")
    skopeo.copy(second, f"{at}/web:v2s2", "--format=v2s2")
    stage.matches("skopeo-push-v2s2")
    skopeo.command("delete", f"{at}/web:v1")
    stage.matches("skopeo-delete")


def test_buildah_podman_and_indexes(stage: Stage, tmp_path: Path) -> None:
    tools = clients.Buildah(tmp_path)
    skopeo = clients.Skopeo(tmp_path)
    at = f"docker://{stage.server.address}/acme"
    for architecture in ("amd64", "arm64"):
        file = tmp_path / architecture
        file.write_text(f"hello {architecture}\n")
        tools.build(f"localhost/multi:{architecture}", architecture, file)
    tools.run("buildah", "manifest", "create", "localhost/multi:list")
    for architecture in ("amd64", "arm64"):
        tools.run("buildah", "manifest", "add", "--arch", architecture, "localhost/multi:list", f"localhost/multi:{architecture}")

    tools.run("buildah", "push", "--tls-verify=false", "localhost/multi:amd64", f"{at}/bld:amd64")
    stage.matches("buildah-push")
    tools.run("buildah", "push", "--tls-verify=false", "--format", "docker", "localhost/multi:amd64", f"{at}/bld:dockerfmt")
    stage.matches("buildah-push-docker-format")
    push_list = ("buildah", "manifest", "push", "--all", "--tls-verify=false")
    tools.run(*push_list, "--format", "oci", "localhost/multi:list", f"{at}/multi:ociidx")
    stage.matches("buildah-push-index-oci")
    tools.run(*push_list, "--format", "v2s2", "localhost/multi:list", f"{at}/multi2:dockerlist")
    stage.matches("buildah-push-index-v2s2")

    remote = f"{stage.server.address}/acme/multi:ociidx"
    tools.run("podman", "push", "--tls-verify=false", "localhost/multi:amd64", f"{at}/pod:x")
    stage.matches("podman-push")
    # Only what podman does not have is fetched: the layer is in its storage already.
    tools.run("podman", "pull", "--tls-verify=false", "--arch", "amd64", remote)
    stage.matches("podman-pull")
    skopeo.command("inspect", f"{at}/multi:ociidx", "--raw")
    stage.matches("skopeo-inspect-raw-index")
    skopeo.command("delete", f"{at}/multi:ociidx")
    stage.matches("skopeo-delete-index")


def test_skopeo_copies_an_index(stage: Stage, tmp_path: Path) -> None:
    """Mounts come from where each layer was seen last, so every place gets its image in the captures' order."""
    skopeo = clients.Skopeo(tmp_path)
    at = f"docker://{stage.server.address}/acme"
    children = [images.image(11, layers=1), images.image(12, layers=1, architecture="arm64")]
    whole = images.index([("amd64", children[0]), ("arm64", children[1])])
    layout = images.write_layout(tmp_path / "multi", "idx", *children, whole)
    skopeo.copy(layout, f"{at}/multi:ociidx", "--all")
    skopeo.copy(layout, f"{at}/multi2:dockerlist", "--all")
    amd64 = images.write_layout(tmp_path / "amd64", "x", children[0])
    skopeo.copy(amd64, f"{at}/pod:x")
    stage.forget()
    skopeo.copy(f"{at}/multi:ociidx", f"{at}/multi3:all", "--all")
    stage.matches("skopeo-copy-all")


def test_containerd(stage: Stage, tmp_path: Path) -> None:
    skopeo = clients.Skopeo(tmp_path)
    server = stage.server.address
    layout = images.write_layout(tmp_path / "image", "v1", images.image(21))
    skopeo.copy(layout, f"oci-archive:{tmp_path}/v1.tar:v1")
    skopeo.copy(layout, f"docker://{server}/acme/dock:v1", "--format=v2s2")
    children = [images.image(22, layers=1), images.image(23, layers=1, architecture="arm64")]
    whole = images.index([("amd64", children[0]), ("arm64", children[1])])
    skopeo.copy(images.write_layout(tmp_path / "multi", "all", *children, whole), f"docker://{server}/acme/multi3:all", "--all")
    stage.forget()
    with clients.containerd(tmp_path) as ctr:
        clients.run(*ctr, "images", "import", "--base-name", f"{server}/acme/ctr", "--snapshotter", "native", f"{tmp_path}/v1.tar")
        clients.run(*ctr, "images", "push", "--plain-http", f"{server}/acme/ctr:v1")
        stage.matches("ctr-push")
        clients.run(*ctr, "images", "pull", "--plain-http", "--snapshotter", "native", f"{server}/acme/multi3:all")
        stage.matches("ctr-pull")


def test_docker(stage: Stage, tmp_path: Path) -> None:
    skopeo = clients.Skopeo(tmp_path)
    server = stage.server.address
    layout = images.write_layout(tmp_path / "image", "v1", images.image(31))
    archive = tmp_path / "v1.tar"
    skopeo.copy(layout, f"docker-archive:{archive}:{server}/acme/dock:v1")
    (tmp_path / "daemon").mkdir()
    with clients.docker(tmp_path / "daemon") as environment:
        def docker(*arguments: str) -> str:
            return clients.run("docker", *arguments, environment=environment)

        docker("load", "-i", str(archive))
        docker("push", f"{server}/acme/dock:v1")
        stage.matches("docker-push")
        docker("push", f"{server}/acme/dock:v1")
        stage.matches("docker-push-again")
        docker("tag", f"{server}/acme/dock:v1", f"{server}/acme/dock2:v1")
        docker("push", f"{server}/acme/dock2:v1")
        stage.matches("docker-push-mount")
        docker("image", "rm", f"{server}/acme/dock:v1", f"{server}/acme/dock2:v1")
        docker("pull", f"{server}/acme/dock:v1")
        stage.matches("docker-pull")
