"""What holds for all tests."""


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Binary cases are named by their size: gzip holds the time, and xdist wants one name everywhere."""
    if isinstance(val, bytes) and not val.decode("latin-1").isprintable():
        return f"{argname}-{len(val)}-bytes"
    return None
