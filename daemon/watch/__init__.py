"""Watch roots with inotify: events become hints, hints become sightings."""
