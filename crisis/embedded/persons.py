"""Names for the demo's people, mixed by turns so that the same number always gives the same person."""

from __future__ import annotations

GIVEN_NAMES = (
    *("Ingrid", "Olav", "Sunniva", "Lars", "Aisha", "Magnus", "Ragnhild", "Erik", "Fatima", "Jonas", "Marit", "Håkon"),
    *("Elin", "Amir", "Solveig", "Torstein", "Nora", "Øyvind", "Mari", "Anders", "Leila", "Bjørn", "Astrid", "Piotr"),
    *("Kari", "Ánte", "Guro", "Henrik", "Ida", "Yusuf", "Tone", "Sindre", "Silje", "Åse"),
)
FAMILY_NAMES = (
    *("Hansen", "Nilsen", "Bakken", "Moen", "Haugen", "Dahl", "Lie", "Solberg", "Ahmed", "Strand", "Vik", "Sæther"),
    *("Nygård", "Eide", "Myhre", "Kowalski", "Lund", "Berge", "Aas", "Tangen", "Nguyen", "Ruud", "Sara", "Fossum"),
    *("Hegge", "Brekke", "Ødegård", "Sivertsen", "Ali"),
)
LANGUAGE_TURN = ("nb", "nb", "nn", "nb", "en", "nb", "nb", "nn")
SKILL_TURN = ("nurse", "surgeon", "anaesthesia", "it", "security", "porter", "nurse", "communication")
PRESS = (
    ("Nyhetsdesk Hovedstadsavisen", "desk@hovedstadsavisen.example"),
    ("Vaktsjef Radio Fjord", "vakt@radiofjord.example"),
    ("Nettredaksjonen Østposten", "nett@ostposten.example"),
    ("Foreign correspondent", "desk@worldwire.example"),
)
