from __future__ import annotations

import re
import socket

import pytest

pytest.importorskip("fastapi", reason="the page needs the extra `ui`")


from sapnet.annotate.serve import is_local, listen, page_address


def test_the_address_is_the_page_s() -> None:
    with listen("127.0.0.1", 0) as bound:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", page_address(bound))
    with listen("0.0.0.0", 0) as bound:
        assert page_address(bound).startswith("http://127.0.0.1:")
    assert is_local("127.0.0.1")
    assert not is_local("0.0.0.0")


def test_a_taken_port_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=rf"port {port} .*--port 0 for a free one"):
            listen("127.0.0.1", port)
