"""Small volumes of a test's own, that fill up or turn read-only."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

from harness import need


@contextlib.contextmanager
def small_disk(folder: Path, size: str = "64m") -> Iterator[Path]:
    """A file system in memory, mounted there."""
    need.root()
    folder.mkdir(parents=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True, text=True)
    if done.returncode != 0:
        need.unavailable(f"mount does not work here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path, leave: int) -> Path:
    """A file that leaves only so many bytes free, though the server writes meanwhile."""
    ballast = folder / "ballast"
    with ballast.open("wb") as out:
        while (room := os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize - leave) > 0:
            with contextlib.suppress(OSError):  # somebody took of it between the two calls: look again
                os.posix_fallocate(out.fileno(), ballast.stat().st_size, room)
    return ballast


class FragileVolume:
    """An ext4 file system that turns read-only under its users, as the kernel does after an I/O error."""

    def __init__(self, folder: Path, mebibytes: int = 64):
        need.root()
        self.folder, self._image, self._device = folder, folder.with_suffix(".img"), ""
        folder.mkdir(parents=True)
        with self._image.open("wb") as out:
            out.truncate(mebibytes << 20)
        self._run(need.program("mkfs.ext4"), "-q", "-F", str(self._image))
        self.mount()

    def _run(self, *command: str, accepted: tuple[int, ...] = (0,)) -> str:
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode not in accepted:
            need.unavailable(f"{command[0]} does not work here: {done.stderr.strip()}")
        return done.stdout.strip()

    def mount(self) -> None:
        self._device = self._run("losetup", "--find", "--show", str(self._image))
        try:
            self._run("mount", "-o", "errors=remount-ro", self._device, str(self.folder))
        except BaseException:
            self._detach()
            raise

    def turn_read_only(self) -> None:
        trigger = Path("/sys/fs/ext4") / Path(self._device).name / "trigger_fs_error"
        if not trigger.exists():
            need.unavailable(f"{trigger} is not in this kernel")
        trigger.write_text("test")

    def mend(self) -> None:
        """As an administrator does it: nobody may use the volume meanwhile."""
        self.close()
        self._run("e2fsck", "-f", "-y", str(self._image), accepted=(0, 1))
        self.mount()

    def _detach(self) -> None:
        self._run("losetup", "--detach", self._device)
        self._device = ""

    def close(self) -> None:
        if self._device:
            self._run("umount", str(self.folder))
            self._detach()


class HungVolume:
    """A folder on a volume that stops to answer, as one over a network does: calls there last until it is back."""

    def __init__(self, folder: Path):
        self.folder, self._flag = folder / "hung", folder / "hangs"
        self.folder.mkdir(parents=True)
        library, source = folder / "hung_volume.so", Path(__file__).with_name("hung_volume.c")
        subprocess.run([need.program("cc"), "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
        self._environment = {"LD_PRELOAD": str(library), "HUNG_FOLDER": str(self.folder), "HUNG_FLAG": str(self._flag)}

    def wrap(self, program: Path) -> Path:
        """The program, for which alone the volume hangs."""
        script = self._flag.with_name(f"{program.name}-on-hung-volume")
        settings = " ".join(f"{name}={shlex.quote(value)}" for name, value in self._environment.items())
        script.write_text(f'#!/bin/sh\n{settings} exec {shlex.quote(str(program))} "$@"\n')
        script.chmod(0o755)
        return script

    def hang(self) -> None:
        self._flag.touch()

    def come_back(self) -> None:
        self._flag.unlink(missing_ok=True)
