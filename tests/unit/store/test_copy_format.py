"""Numbers as PostgreSQL's binary format has them; that rows are read back as they were is the store's contract."""

from __future__ import annotations

import struct
from decimal import Decimal

import pytest

from llmflow_store.copy_format import numerics


def number_in(encoded: bytes) -> tuple[Decimal, int]:
    """The value and the decimals of an encoded numeric, as numeric_recv of PostgreSQL reads them."""
    size, digits, weight, sign, decimals = struct.unpack_from(">ihhHh", encoded)
    assert size == len(encoded) - 4 == 8 + 2 * digits
    groups = struct.unpack_from(f">{digits}H", encoded, 12)
    assert all(group < 10_000 for group in groups)
    value = sum((group * Decimal(10_000) ** (weight - n) for n, group in enumerate(groups)), Decimal())
    return (-value if sign else value), decimals


@pytest.mark.parametrize(
    "written",
    [
        *("0", "0E-11", "0.00001234567", "1.50000000000", "9999.99999999999", "10000.00000000000", "-0.00000000001"),
        *("999999999.999999999999999999", "-999999999.999999999999999999", "1E-18", "1E+5", "12.5", "123456"),
    ],
)
def test_an_amount_keeps_its_value_and_its_decimals(written: str) -> None:
    amount = Decimal(written)
    [encoded] = numerics([amount])
    exponent = amount.as_tuple().exponent
    assert isinstance(exponent, int)
    assert number_in(encoded) == (amount, max(0, -exponent))


def test_nothing_is_null() -> None:
    assert numerics([None]) == [struct.pack(">i", -1)]
