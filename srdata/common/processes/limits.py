"""What the system allows this process."""

from __future__ import annotations


def limit(name: str) -> int | None:
    """The limit in force that `resource` calls so, such as RLIMIT_NOFILE; None for none, as on Windows."""
    try:
        import resource
    except ImportError:
        return None
    allowed = resource.getrlimit(getattr(resource, name))[0]
    return None if allowed == resource.RLIM_INFINITY else int(allowed)
