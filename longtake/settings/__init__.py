"""Every setting once, and what a user says of it: flag, environment, file.

A value is taken from the first of: flag, environment, `settings.toml` in the home folder, default;
one that can't be is blamed on where it stands, if it is used. Two that mean the same are one.
Knows no engine: `longtake.engines` looks up names.
"""

from longtake.settings.places import IN_CALL, Placed, home_folder, list_unknown_variables, make_home
from longtake.settings.read import change_settings, find_places, list_idle, load_settings
from longtake.settings.table import (
    GROUPS,
    OF_DESCRIBING,
    OF_RECONCILING,
    OF_RUN,
    OF_SCAN,
    OF_TRANSCRIPT,
    SECRET,
    Settings,
    list_group,
    name_flag,
)
from longtake.settings.values import list_addresses
from longtake.settings.write import save_settings

__all__ = [
    "GROUPS",
    "IN_CALL",
    "OF_DESCRIBING",
    "OF_RECONCILING",
    "OF_RUN",
    "OF_SCAN",
    "OF_TRANSCRIPT",
    "SECRET",
    "Placed",
    "Settings",
    "change_settings",
    "find_places",
    "home_folder",
    "list_addresses",
    "list_group",
    "list_idle",
    "list_unknown_variables",
    "load_settings",
    "make_home",
    "name_flag",
    "save_settings",
]
