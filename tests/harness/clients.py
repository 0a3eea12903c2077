"""Real clients, each with its own state in a folder of the test."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness import need, wait


class CommandFailed(AssertionError):
    pass


def run(*command: str | Path, environment: dict[str, str] | None = None, cwd: Path | None = None, seconds: float = 120) -> str:
    done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds,
                          env=os.environ | (environment or {}), cwd=cwd)
    if done.returncode != 0:
        raise CommandFailed(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return done.stdout


class Skopeo:
    def __init__(self, folder: Path, tls_verify: bool = False, cert_dir: Path | None = None):
        need.program("skopeo")
        self.folder = folder
        self.cert_dir = cert_dir
        self.verify = tls_verify
        # Without a policy file of the host's.
        self.policy = folder / "policy.json"
        self.policy.write_text('{"default":[{"type":"insecureAcceptAnything"}]}')

    def _run(self, verb: str, *arguments: str) -> str:
        return run("skopeo", "--policy", str(self.policy), verb, *arguments, environment={"XDG_RUNTIME_DIR": str(self.folder)})

    def copy(self, source: str, destination: str, *options: str) -> str:
        sides: list[str] = []
        for side, name in (("src", source), ("dest", destination)):
            if name.startswith("docker://"):
                sides += [f"--{side}-cert-dir={self.cert_dir}"] if self.cert_dir else [f"--{side}-tls-verify=false"]
        return self._run("copy", "-q", *options, *sides, source, destination)

    def command(self, verb: str, reference: str, *options: str) -> str:
        trust = [f"--cert-dir={self.cert_dir}"] if self.cert_dir else ["--tls-verify=false"]
        return self._run(verb, *options, *trust, reference)


class Buildah:
    """buildah and podman over one storage of their own, without a daemon."""

    def __init__(self, folder: Path):
        need.root()
        need.program("buildah")
        need.program("podman")
        self.root = folder / "storage"
        # podman refuses a run folder whose path is longer than 50 characters.
        self._run_folder = tempfile.TemporaryDirectory(prefix="pc-")
        self.runroot = Path(self._run_folder.name)
        self.environment = {"XDG_RUNTIME_DIR": str(folder), "BUILDAH_ISOLATION": "chroot", "HOME": str(folder),
                            "CONTAINERS_REGISTRIES_CONF": str(folder / "registries.conf")}
        (folder / "registries.conf").write_text("unqualified-search-registries = []\n")
        policy = folder / ".config/containers/policy.json"
        policy.parent.mkdir(parents=True)
        policy.write_text('{"default":[{"type":"insecureAcceptAnything"}]}')

    def run(self, program: str, *arguments: str) -> str:
        return run(program, "--root", self.root, "--runroot", self.runroot, "--storage-driver", "vfs", *arguments,
                   environment=self.environment).strip()

    def build(self, name: str, architecture: str, file: Path) -> None:
        container = self.run("buildah", "from", "--arch", architecture, "scratch")
        self.run("buildah", "copy", container, str(file), "/file")
        self.run("buildah", "config", "--cmd", "/file", container)
        self.run("buildah", "commit", container, name)
        self.run("buildah", "rm", container)


@contextmanager
def daemon(command: list[str | Path], socket: Path, log: Path) -> Iterator[None]:
    """A daemon that is ready once its socket exists; ends with the block."""
    with log.open("wb") as out:
        process = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        def ready() -> bool:
            if process.poll() is not None:
                need.unavailable(f"{command[0]} does not run here: {log.read_text(errors='replace')[-800:]}")
            return socket.exists()

        wait.until(ready, f"{command[0]} listens", 60)
        yield
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def containerd(folder: Path) -> Iterator[list[str]]:
    """The beginning of a ctr command line."""
    need.root()
    need.program("containerd")
    need.program("ctr")
    socket = folder / "c.sock"
    config = folder / "containerd.toml"
    config.write_text('version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n')
    command = ["containerd", "--config", config, "--root", folder / "root", "--state", folder / "state", "--address", socket]
    with daemon(command, socket, folder / "containerd.log"):
        yield ["ctr", "--address", str(socket), "-n", "test"]


@contextmanager
def docker(folder: Path) -> Iterator[dict[str, str]]:
    """The environment in which the docker command talks to a daemon of its own."""
    need.root()
    need.program("dockerd")
    socket = folder / "d.sock"
    command = ["dockerd", "--bridge=none", "--iptables=false", "--ip-masq=false", "--storage-driver=vfs",
               "--data-root", folder / "data", "--exec-root", folder / "exec", "--host", f"unix://{socket}",
               "--pidfile", folder / "docker.pid", "--containerd-namespace", folder.name]
    with daemon(command, socket, folder / "dockerd.log"):
        environment = {"DOCKER_HOST": f"unix://{socket}", "DOCKER_CONFIG": str(folder)}
        wait.until(lambda: _works("docker", "version", environment=environment), "dockerd answers", 60)
        yield environment


def _works(*command: str, environment: dict[str, str]) -> bool:
    try:
        run(*command, environment=environment)
    except CommandFailed:
        return False
    return True
