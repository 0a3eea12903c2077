"""The states of the world; each class says how its state comes, what it may cost, and how it goes."""

from __future__ import annotations

import re

import states_inside as inside
import states_outside as outside
from state import State

# Those that take longest stand first, so that they run side by side.
_ALL: tuple[type[State], ...] = (
    outside.KafkaPermissionMissing, outside.KafkaDown, outside.KafkaTopicMissing, inside.LogExpires, inside.LogRefuses,
    outside.NameServerDead, inside.DescriptorsAtLimit, outside.NeverAnswers, outside.Refuses, inside.DiskFull,
    inside.StderrFull, outside.AuditFolderGone, outside.AuditFolderHangs, inside.DatabaseReadOnly)


def _words(name: str) -> str:
    return name[0] + re.sub("[A-Z]", lambda found: " " + found[0].lower(), name[1:])


STATES = {_words(one.__name__): one for one in _ALL}
