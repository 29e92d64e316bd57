"""Does the ready answer that fits stand first? `python -m benchmarks.likeness`.

Questions as people write them, put down with only the names of the answers in sight and never tuned on. The lane is what
the machine itself makes of the text; beside it stand the lane alone and plain chance.
"""

from __future__ import annotations

from pathlib import Path

from crisis.playbooks.read import read_all
from crisis.settings import Language
from crisis.states import Lane
from crisis.triage.likeness import Candidate, suggest
from crisis.triage.understanding import Reader

# Playbook, language, what was asked, and the answers that a person would have given.
ASKED: tuple[tuple[str, Language, str, tuple[str, ...]], ...] = (
    ("mass-casualty", "nb", "Jeg får ikke tak i søsteren min, hun skulle ta toget fra Oslo S", ("next_of_kin",)),
    ("mass-casualty", "nb", "Har blodtype 0 negativ, trenger dere meg?", ("blood",)),
    ("mass-casualty", "nb", "VG her. Hvor mange er innlagt, og når holder dere pressekonferanse?", ("press",)),
    ("mass-casualty", "nb", "folk på jobb sier det var et terrorangrep, stemmer det?", ("rumour",)),
    ("mass-casualty", "nn", "Skal til kontroll i dag, er poliklinikken open?", ("question",)),
    ("mass-casualty", "en", "This is a disgrace, nobody answers the phone at your hospital", ("complaint",)),
    ("it-outage", "nb", "Skal opereres på torsdag, blir det noe av?", ("appointment",)),
    ("it-outage", "nb", "Er det russerne som har hacket dere?", ("rumour",)),
    ("it-outage", "en", "I work with cyber security and could help you restore the systems", ("offer",)),
    ("it-outage", "nn", "Far min ligg på intensiven, verkar maskinene hans?", ("worried",)),
    ("it-outage", "nb", "Aftenposten vil gjerne ha en kommentar om nedetiden", ("press",)),
    ("data-breach", "nb", "Hvordan får jeg vite om mine opplysninger er på avveie?", ("affected",)),
    ("data-breach", "nb", "Jeg har skjult adresse og er livredd for at han finner meg", ("secret_address",)),
    (
        "data-breach",
        "nb",
        "Fikk en mail som så ut til å være fra dere, der jeg skulle trykke på en lenke",
        ("contacted",),
    ),
    ("data-breach", "nn", "Skandale at de ikkje passar betre på journalane våre", ("complaint",)),
    ("data-breach", "en", "My mother is a patient and very anxious about this, what can I tell her?", ("worried",)),
    ("drinking-water", "nb", "Vi bor på Grorud, må vi koke vannet?", ("does_it_apply",)),
    ("drinking-water", "nb", "Noen har helt gift i vannet leser jeg på Facebook", ("rumour",)),
    ("drinking-water", "nb", "Ungen kaster opp og har blod i avføringen etter at hun drakk fra springen", ("ill",)),
    ("drinking-water", "nn", "Eg har tankbil og kan køyre ut vatn", ("offer",)),
    ("extreme-weather", "nb", "Strømmen har vært borte siden i går, når kommer den?", ("power",)),
    ("extreme-weather", "nb", "Blir det verre utover kvelden?", ("weather",)),
    ("extreme-weather", "en", "My son is driving over the mountain tonight, should I be worried?", ("worried",)),
    ("infectious-outbreak", "nb", "Satt på venteværelset deres på mandag, kan jeg være smittet?", ("exposed",)),
    ("infectious-outbreak", "nb", "Får vi lov til å besøke bestemor på avdelingen?", ("visits",)),
    ("visitor-restrictions", "nb", "Pappa er døende, slipper jeg inn til ham?", ("exception",)),
    ("visitor-restrictions", "nb", "Kan mannen min være med på ultralyd?", ("appointment", "exception")),
    ("missing-patient", "nb", "Hva heter han som er borte?", ("name",)),
    ("missing-patient", "nb", "Tror jeg så henne ved bussholdeplassen nå nettopp", ("seen",)),
    ("missing-patient", "nn", "Vi er ti stykk med hovudlykter, kvar skal vi leite?", ("offer",)),
    ("fire-evacuation", "nb", "Hvor er pasientene fra tredje etasje flyttet? Mamma lå der", ("next_of_kin",)),
    ("fire-evacuation", "en", "Is it safe to come to my appointment after the fire?", ("question",)),
    ("threat-on-site", "nb", "Er det sant at noen har skutt på sykehuset?", ("rumour",)),
    ("threat-on-site", "nb", "Har time klokka to, skal jeg komme?", ("appointment",)),
    (
        "water-power-failure",
        "nb",
        "Kona mi er koblet til pustemaskin hjemme og vi har ikke strøm",
        ("danger", "at_home"),
    ),
    ("pandemic-advice", "nb", "Må jeg holde meg hjemme hvis kollegaen min er syk?", ("question",)),
    ("chemical-contamination", "nb", "Jeg var i nærheten av utslippet, bør jeg dusje?", ("unsure",)),
    ("false-information", "nb", "Oi, jeg har delt den videre, hva gjør jeg nå?", ("shared",)),
)


def main() -> None:
    shelf = read_all(Path(__file__).parent.parent / "playbooks").playbooks
    reader, first, third, by_lane, chance, missed = Reader(), 0, 0, 0.0, 0.0, list[str]()
    for name, language, text, wanted in ASKED:
        answers = shelf[name].answers
        read = str(reader.understand(text).lane)
        lane = Lane.NEXT_OF_KIN if read == "kin" else Lane(read)  # as the queue names it
        found = [
            one.key for one in suggest(text, lane, [Candidate(k, a.lane, a.in_(language)) for k, a in answers.items()])
        ]
        same = [
            key for key, one in answers.items() if one.lane == ("danger_to_life" if lane is Lane.DANGER else str(lane))
        ]
        by_lane += len(set(same) & set(wanted)) / len(same) if same else 0
        chance += len(wanted) / len(answers)
        # Danger to life is answered by nobody: there the card is what should come, and no suggestion.
        card = lane is Lane.DANGER and any(answers[key].lane == "danger_to_life" for key in wanted)
        hit = card or (bool(found) and found[0] in wanted)
        first, third = first + hit, third + (card or bool(set(found[:3]) & set(wanted)))
        if not hit:
            missed.append(f"  {name}: {text!r} ({lane}): {', '.join(found[:3]) or 'none'} instead of {wanted[0]}")
    print("\n".join(missed))
    print(
        f"{len(ASKED)} questions: first {first}, among the first three {third}; lane alone {by_lane:.1f}, chance {chance:.1f}"
    )


if __name__ == "__main__":
    main()
