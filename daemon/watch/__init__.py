"""From inotify events to hints, from hints to sightings."""
