"""What a connection trusts, and what is said of files that cannot be used: at the check, and when dialling."""

import ssl
from pathlib import Path

import pytest

from hub.adapters.tls import Tls, dialling
from hub.errors import Permanent, Rejected


@pytest.mark.parametrize("tls", [None, Tls()])
def test_a_server_is_verified_unless_it_is_said_otherwise(tls: Tls | None) -> None:
    context = dialling(tls)
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
    careless = dialling(Tls(insecure=True))
    assert (careless.check_hostname, careless.verify_mode) == (False, ssl.CERT_NONE)


@pytest.mark.parametrize(
    ("files", "field", "named"),
    [
        ({"ca": "ca.pem"}, "tls.ca", "ca.pem cannot be used"),
        ({"certificate": "hub.pem"}, "tls.certificate", "hub.pem cannot be used with the key in it"),
        ({"certificate": "hub.pem", "key": "hub.key"}, "tls.certificate", "hub.pem cannot be used with .*hub.key"),
    ],
)
@pytest.mark.parametrize("content", [None, "no PEM"])
def test_a_file_at_fault_is_named(
    files: dict[str, str], field: str, named: str, content: str | None, tmp_path: Path
) -> None:
    for name in files.values() if content is not None else ():
        (tmp_path / name).write_text(str(content))
    tls = Tls(**{use: str(tmp_path / name) for use, name in files.items()})  # type: ignore[arg-type]  # the switch is no file
    with pytest.raises(Rejected, match=named) as caught:
        tls.context()
    assert caught.value.field == field
    with pytest.raises(Permanent, match=f"^{field}: .*{named}"):
        dialling(tls)
