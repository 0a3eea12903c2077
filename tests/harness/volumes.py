"""Small volumes of a test's own, that fill up or turn read-only."""

from __future__ import annotations

import contextlib
import os
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
