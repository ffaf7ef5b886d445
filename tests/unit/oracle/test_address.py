"""The address in a connect string, for lineage: by the driver's own parser."""

import pytest

from etl_sales_target.oracle.parameters import OracleAddress, OracleParameters


def address_of(dsn: str) -> OracleAddress:
    return OracleParameters({"dsn": dsn}, None, None, None).address


@pytest.mark.parametrize(
    ("dsn", "address"),
    [
        (
            (
                "(DESCRIPTION=(ADDRESS=(PROTOCOL=TCP)(HOST=db.example)(PORT=1526))"
                "(CONNECT_DATA=(SERVICE_NAME=EBS)))"
            ),
            ("db.example", 1526, "EBS"),
        ),
        ("(description=(address=(host = a))(connect_data=(sid=X)))", ("a", 1521, "X")),
        ("db.example:1522/EBS", ("db.example", 1522, "EBS")),
        ("tcps://db.example/EBS?ssl_server_dn_match=on", ("db.example", 1521, "EBS")),
        ("db.example", ("db.example", 1521, "db.example")),
    ],
)
def test_the_address_in_a_connect_string(dsn: str, address: tuple[str, int, str]) -> None:
    assert address_of(dsn) == OracleAddress(*address)
