"""What the updaters of Flux, Argo CD, Keel and Watchtower make of a real push."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from harness.clients import Skopeo
from harness.images import Image, descriptor, image, index, write_layout
from harness.receiver import Receiver
from harness.registry_client import expect
from harness.server import Server, endpoint
from harness.updaters import Updater, argocd, flux, keel, watchtower

Serve = Callable[..., Server]
HOST = "registry.example.com"
IMAGE = f"{HOST}/acme/app:v1"
SECRET = "an-updaters-secret"
SOURCE = {"notifications": {"source": HOST}}
AUTHORIZED = {"headers": {"Authorization": [SECRET]}}

# The receiver, what its endpoint says beside the URL, and what a push of acme/app:v1 makes it look at.
CASES: dict[str, tuple[Any, dict[str, Any], str]] = {
    "flux-generic": (flux("generic", SECRET), {"format": "cloudevents", "images": True}, "*"),
    "flux-generic-hmac": (flux("generic-hmac", SECRET), {"format": "harbor", "hmac": {"secret": SECRET}}, "*"),
    "flux-harbor": (flux("harbor", SECRET), {"format": "harbor", **AUTHORIZED}, "*"),
    "flux-dockerhub": (flux("dockerhub", SECRET), {"format": "dockerhub"}, f"https://{IMAGE}"),
    "flux-quay": (flux("quay", SECRET), {"format": "quay"}, IMAGE),
    "flux-acr": (flux("acr", SECRET), {"format": "acr"}, "acme/app:v1"),
    "argocd-harbor": (argocd(SECRET), {"format": "harbor", **AUTHORIZED}, f"oci://{IMAGE}"),
    "keel-native": (keel("native"), {"format": "keel"}, IMAGE),
    "keel-harbor": (keel("harbor"), {"format": "harbor"}, IMAGE),
    "keel-dockerhub": (keel("dockerhub"), {"format": "dockerhub"}, "acme/app:v1"),
    "keel-quay": (keel("quay"), {"format": "quay"}, IMAGE),
    "keel-azure": (keel("azure"), {"format": "acr"}, IMAGE),
    "keel-registry": (keel("registry"), {"format": "docker-v1", "images": True}, ""),
}


def push(server: Server, folder: Path) -> None:
    """An image with two platforms, as skopeo copies it: blobs, children, and the index under its tag."""
    one, two = image(1), image(2, architecture="arm64")
    layout = write_layout(folder / "layout", "v1", one, two, index([("amd64", one), ("arm64", two)]))
    Skopeo(folder).copy(layout, f"docker://{server.address}/acme/app:v1", "--all")


def test_every_updater_takes_a_push_once(serve: Serve, tmp_path: Path) -> None:
    with ExitStack() as running:
        updaters = {name: running.enter_context(Updater(made)) for name, (made, _, _) in CASES.items()}
        server = serve([endpoint(name, updaters[name].url, **more) for name, (_, more, _) in CASES.items()], SOURCE)
        push(server, tmp_path)
        for name, updater in updaters.items():
            updater.wait_for(1)
            server.wait_pending(name, 0)
        for name, updater in updaters.items():
            # Keel's registry hook is the one that is told our host as the client calls it.
            expected = CASES[name][2] or f"{server.address}/acme/app:v1"
            assert updater.images() == [expected], (name, updater.calls)
            assert updater.statuses() == [200], (name, updater.calls)


def test_keel_with_basic_authentication(serve: Serve, tmp_path: Path) -> None:
    with Updater(keel("native", "keel", "p%ss")) as updater:
        server = serve([endpoint("keel", updater.url.replace("//", "//keel:p%25ss@", 1), format="keel")], SOURCE)
        push(server, tmp_path)
        updater.wait_for(1)
        server.wait_pending("keel", 0)
        assert updater.images() == [IMAGE]
        assert "p%" not in server.log()


@pytest.mark.parametrize("made, more, status", [
    (flux("harbor", SECRET), {"format": "harbor", "headers": {"Authorization": ["wrong-secret"]}}, 400),
    (flux("generic-hmac", SECRET), {"format": "harbor", "hmac": {"secret": "wrong-secret"}}, 400),
    (flux("generic-hmac", SECRET), {"format": "harbor", "hmac": {"secret": SECRET, "header": "X-Other"}}, 400),
    (argocd(SECRET), {"format": "harbor", "headers": {"Authorization": [f"Bearer {SECRET}"]}}, 400),
    (keel("native", "keel", "right"), {"format": "keel"}, 401),
])
def test_a_wrong_secret_is_a_failure_that_is_seen(serve: Serve, tmp_path: Path, made: Any, more: dict[str, Any],
                                                  status: int) -> None:
    with Updater(made) as updater:
        server = serve([endpoint("main", updater.url, maxretries=1, **more)], SOURCE)
        push(server, tmp_path)
        server.wait_metric(1, "portcall_notifications_dead_letters", endpoint="main")
        assert set(updater.statuses()) == {status}
        assert updater.images() == []
        server.stop()
        assert "wrong-secret" not in server.log() and SECRET not in server.log()


def test_only_what_changes_a_tag_is_told(serve: Serve) -> None:
    """No re-push, no signature, no attachment, no delete; whoever wants more says so."""
    with Updater(keel("native")) as updater, Receiver() as all_of_it:
        server = serve([endpoint("keel", updater.url, format="keel"), endpoint("all", all_of_it.url)], SOURCE)
        client = server.client()
        one, signature = image(1), image(2, layers=1)
        client.push_image("acme/app", "v1", one)
        client.push_image("acme/app", "v1", one)
        client.push_image("acme/app", f"sha256-{one.digest[7:]}.sig", signature)
        referrer = json.loads(signature.manifest) | {"subject": {"mediaType": one.media_type, "digest": one.digest,
                                                                 "size": len(one.manifest)}}
        expect(client.put_manifest("acme/app", "referrer", json.dumps(referrer).encode()), 201)
        expect(client.delete_manifest("acme/app", "v1"), 202)
        client.push_image("acme/app", "v2", one)
        all_of_it.settled()
        server.wait_pending("keel", 0)
        assert updater.images() == [IMAGE, f"{HOST}/acme/app:v2"]


def test_cloudevents_in_both_modes(serve: Serve, tmp_path: Path) -> None:
    with Updater(flux("generic", "binary")) as binary, Updater(flux("generic", "structured")) as structured:
        server = serve([endpoint("binary", binary.url, format="cloudevents", images=True),
                        endpoint("structured", structured.url, format="cloudevents-structured", images=True)], SOURCE)
        push(server, tmp_path)
        [one], [other] = binary.wait_for(1), structured.wait_for(1)
        headers, event = one.request.headers, json.loads(other.request.body)
        assert headers["content-type"] == "application/json"
        assert other.request.headers["content-type"] == "application/cloudevents+json; charset=UTF-8"
        assert not [name for name in other.request.headers if name.startswith("ce-")]
        for name in ("id", "source", "specversion", "type", "time", "subject"):
            assert headers[f"ce-{name}"] == event[name], name
        assert event["specversion"] == "1.0" and event["subject"] == "acme/app:v1" and HOST in event["source"]
        assert json.loads(one.request.body) == event["data"]


def test_watchtower_looks_at_the_pushed_image_alone(serve: Serve, tmp_path: Path) -> None:
    with Updater(watchtower(SECRET)) as updater:
        server = serve([endpoint("watchtower", updater.address, type="ci", preset="watchtower", token=SECRET, debounce="200ms")],
                       SOURCE)
        push(server, tmp_path)
        updater.wait_for(1)
        server.wait_pending("watchtower", 0)
        assert updater.images() == [f"{HOST}/acme/app"]
        assert updater.statuses() == [200]
        assert SECRET not in server.log()


def test_charts_are_told_of_by_the_formats_of_updaters_alone(serve: Serve) -> None:
    """Argo CD deploys Helm charts from registries, and so does Flux."""
    with Updater(argocd(SECRET)) as updater, Receiver() as images:
        server = serve([endpoint("charts", updater.url, format="harbor", **AUTHORIZED),
                        endpoint("images", images.url, images=True)], SOURCE)
        config, archive = b'{"name":"app","version":"1.2.3"}', b"a chart"
        chart = {"schemaVersion": 2, "config": descriptor("application/vnd.cncf.helm.config.v1+json", config),
                 "layers": [descriptor("application/vnd.cncf.helm.chart.content.v1.tar+gzip", archive)]}
        one = Image((config, archive), json.dumps(chart).encode())
        server.client().push_image("charts/app", "1.2.3", one)
        server.client().push_image("acme/app", "v1", image(1))
        updater.wait_for(2)
        images.wait_for(1)
        for name in ("charts", "images"):
            server.wait_pending(name, 0)
        assert sorted(updater.images()) == [f"oci://{IMAGE}", f"oci://{HOST}/charts/app:1.2.3"]
        assert [event["target"]["repository"] for event in images.events()] == ["acme/app"]
