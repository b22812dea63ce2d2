# SPDX-FileCopyrightText: m365.licensing contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Country codes, as usage locations are written: ISO 3166-1 alpha-2, and common mistakes."""

from __future__ import annotations

from ..._errors import OptionError

# ISO 3166-1, officially assigned; XK is what Microsoft uses for Kosovo
CODES = frozenset(
    """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR
    CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU
    ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ
    MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI
    SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW XK
    """.split()  # noqa: SIM905  as a list it takes 250 lines
)

# what is written by mistake, and the code that is meant
_SLIPS = {
    "UK": "GB", "EN": "GB", "EL": "GR", "GER": "DE", "DEU": "DE", "AUT": "AT", "CHE": "CH", "SUI": "CH", "USA": "US", "GBR": "GB", "FRA": "FR", "ESP": "ES",
    "ITA": "IT", "NLD": "NL", "NED": "NL", "BEL": "BE", "POL": "PL", "DNK": "DK", "SWE": "SE", "NOR": "NO", "FIN": "FI", "IRL": "IE", "PRT": "PT",
    "JPN": "JP", "CHN": "CN", "IND": "IN", "CAN": "CA", "AUS": "AU", "BRA": "BR", "MEX": "MX", "JA": "JP", "CS": "CZ", "DA": "DK", "UAE": "AE", "KO": "KR",
    "GERMANY": "DE", "DEUTSCHLAND": "DE", "AUSTRIA": "AT", "SWITZERLAND": "CH", "FRANCE": "FR", "SPAIN": "ES", "ITALY": "IT", "SWEDEN": "SE",
    "UNITED KINGDOM": "GB", "GREAT BRITAIN": "GB", "ENGLAND": "GB", "GREECE": "GR", "UNITED STATES": "US", "JAPAN": "JP", "NETHERLANDS": "NL", "POLAND": "PL",
}  # fmt: skip


def country_fault(value: str) -> str | None:
    """What is wrong with a country code, and which one may be meant; None for one that is right, in any case."""
    code = value.strip().upper()
    meant = f". Did you mean {_SLIPS[code]}?" if code in _SLIPS else ""
    return None if code in CODES else f"{value!r} is not a country code: give two letters of ISO 3166-1, such as DE{meant}"


def country_code(value: str, where: str) -> str:
    """The code in capitals. Raises OptionError, which names where it was written, for an unknown code."""
    fault = country_fault(value)
    if fault:
        raise OptionError(f"{where}: {fault}")
    return value.strip().upper()
