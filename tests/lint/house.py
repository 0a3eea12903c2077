"""The plan of the house: its floors, their rooms, and which of them may include which."""

from __future__ import annotations

# A floor sees itself and these.
BELOW = {
    "runtime": set(),
    "config": {"runtime"},
    "store": {"config", "runtime"},
    "sinks": {"config", "runtime"},  # and store/event.h
    "registry": {"store", "config", "runtime"},
    "broker": {"store", "sinks", "config", "runtime"},
    "app": {"registry", "broker", "store", "sinks", "config", "runtime"},
}
FLOORS = tuple(BELOW)

# The rooms of a floor from the top down: folders end with a slash and mean their own files alone, files stand without their
# suffix, "*" is any other file of the floor itself. A room sees itself and those in the lines below it; rooms of one line do
# not see each other.
ROOMS: dict[str, tuple[tuple[str, ...], ...]] = {
    "runtime": (("http/",), ("*",)),
    "config": (("load", "restart_keys"), ("sections/",), ("reader/",), ("*",)),
    "store": (("sqlite/", "blobs/fs/"), ("blobs/",), ("*",)),
    "sinks": (("kinds",), ("audit/sink/", "ci/", "kafka/"), ("http/", "ci/presets/"), ("audit/log/",), ("formats/",), ("*",)),
    "registry": (("registry",), ("http/",), ("catalog/", "request/"), ("recording/",), ("model/",), ("*",)),
    "broker": (("broker",), ("operator_dead",), ("operator_acts",), ("control", "sweeper", "figures", "loop_calls", "share_out", "change_turns"),
               ("retention", "endpoint/"), ("tail/",), ("status", "read_clock", "trace"), ("core/",)),
    "app": (("main",), ("commands/",), ("doctor/",), ("client/", "server/"), ("admin/", "debug/"), ("exit_code",)),
}

# What other floors may include of a floor, by room; a floor that is not named here is open to all above it.
OPEN_TO_ABOVE: dict[str, tuple[str, ...]] = {
    "config": ("*", "load", "restart_keys", "reader/", "sections/"),
    "store": ("*", "blobs/", "blobs/fs/"),
    "sinks": ("*", "kinds", "audit/log/"),
    "registry": ("registry",),
    "broker": ("broker", "control", "status", "trace"),
}

# What a room must not include although it lies below. HTTP ends in registry/http: use cases know of no request, and the
# handlers reach what is stored through use cases alone.
CLOSED_TO: dict[str, tuple[str, ...]] = {
    "registry/http/": ("store/",),
    "registry/request/": ("store/",),
    "registry/catalog/": ("runtime/http/",),
    "registry/recording/": ("runtime/http/",),
    "registry/model/": ("runtime/http/",),
}


def room_of(floor: str, inside: str) -> tuple[int, str] | None:
    """The line and the name of the room that a path below the floor lies in; None: the plan has no place for it."""
    folder, slash, name = inside.rpartition("/")
    stem = name.rsplit(".", 1)[0]
    names = (folder + slash,) if slash else (stem, "*")
    for wanted in names:
        for line, rooms in enumerate(ROOMS[floor]):
            if wanted in rooms:
                return line, wanted
    return None


def may_include(path: str, included: str) -> bool:
    """Both as seen from the top folder, from where alone ours are named."""
    floor, _, inside = path.partition("/")
    other, _, there = included.partition("/")
    if other not in BELOW or included.startswith(CLOSED_TO.get(path.rpartition("/")[0] + "/", ())):
        return False
    if floor != other:
        if floor == "sinks" and included == "store/event.h":
            return True
        room = room_of(other, there)
        return other in BELOW[floor] and room is not None and room[1] in OPEN_TO_ABOVE.get(other, (room[1],))
    here, below = room_of(floor, inside), room_of(floor, there)
    if here is None or below is None:
        return False
    return here == below or here[0] < below[0]
