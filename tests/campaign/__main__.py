"""The campaign: kill, hinder and fuzz the commands for some minutes; exit 1 if anything was lost or went wrong."""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

from campaign.fuzz import BATCH, OPTIONS, THINGS, Fuzz
from campaign.kills import Rounds
from campaign.processes import HOW, ProcessRounds
from campaign.reviews import ReviewRounds
from campaign.surroundings import FullDisk, Pipes
from campaign.tally import Tally
from campaign.targets import TARGETS
from campaign.warm import ROOT, Warm
from campaign.works import WORKS, Workshop

SHARES = {"kills": 0.4, "faults": 0.15, "disk": 0.07, "pipe": 0.02, "processes": 0.06, "fuzz": 0.3}
"""Of the time, by kind."""
Round = Callable[[int], object]


def rounds(warm: Warm, shop: Workshop, tally: Tally) -> dict[str, Round]:
    """Return what carries out a round of a number, by kind and name."""
    found: dict[str, Round] = {}
    for work in WORKS:
        of_work = Rounds(warm, shop, work, tally)
        found[f"kills:{work.name}"] = of_work.kill
        found[f"faults:{work.name}"] = of_work.fault
        found[f"disk:{work.name}"] = FullDisk(of_work).round
    found[ReviewRounds.kind] = ReviewRounds(warm, shop, tally).round
    found[Pipes.kind] = Pipes(warm, shop, tally).round
    for name in HOW:
        found[f"processes:{name}"] = ProcessRounds(warm, shop, tally, name).round
    for name in (OPTIONS, THINGS, *(target.name for target in TARGETS)):
        found[f"fuzz:{name}"] = Fuzz(warm, shop, name, tally).batch
    return found


def campaign(minutes: float, tally: Tally, all_rounds: dict[str, Round]) -> None:
    """Carry out rounds until the time is over, each kind for its share, the names of a kind in turn."""
    kinds = {name.partition(":")[0] for name in all_rounds}
    total = sum(SHARES[kind] for kind in kinds)
    for kind in sorted(kinds):
        end = time.monotonic() + 60 * minutes * SHARES[kind] / total
        names = [name for name in all_rounds if name.startswith(f"{kind}:")]
        random.Random(tally.seed).shuffle(names)
        spent, numbers = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0)
        while time.monotonic() < end:
            name = min(names, key=lambda name: (numbers[name] > 0, spent[name]))
            start = time.monotonic()
            all_rounds[name](numbers[name])
            spent[name] += time.monotonic() - start if numbers[name] else 0.001
            numbers[name] += 1


def main(arguments: list[str] | None = None) -> int:
    """Run the campaign. Return 1 if it has found something."""
    parser = argparse.ArgumentParser(prog="campaign", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20, help="time to spend, without making the inputs")
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn; the same seed gives the same rounds")
    parser.add_argument("--only", default="", help="kinds or names of rounds, e.g. kills,fuzz:csv")
    parser.add_argument("--round", default="", metavar="NAME:NUMBER", help="carry out this round alone")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "campaign", help="where it works")
    given = parser.parse_args(arguments)
    warm = Warm()
    shop = Workshop(warm, given.folder / f"work-{given.seed}")
    tally = Tally(given.seed, given.folder / "found")
    start = time.monotonic()
    try:
        all_rounds = rounds(warm, shop, tally)
        if given.round:
            name, _, number = given.round.rpartition(":")
            if name.startswith("fuzz:"):
                all_rounds[name](int(number) // BATCH, int(number) % BATCH)
            else:
                all_rounds[name](int(number))
        else:
            parts = [part for part in given.only.split(",") if part]
            chosen = {name: one for name, one in all_rounds.items() if not parts or name.startswith(tuple(parts))}
            campaign(given.minutes, tally, chosen)
    except KeyboardInterrupt:
        print("Interrupted.")
    finally:
        shop.close()
        print(tally.table())
        minutes = (time.monotonic() - start) / 60
        print(
            f"{tally.total('kills'):,} kills in {tally.total('rounds', 'kills:'):,} rounds,"
            f" {tally.total('rounds', 'faults:'):,} faults, {tally.total('rounds', 'disk:'):,} full disks,"
            f" {tally.total('rounds', 'fuzz:'):,} fuzzed inputs in {minutes:.1f} minutes with seed {given.seed}:"
            f" {'nothing was found' if tally.clean else 'see what was found'}."
        )
    return 0 if tally.clean else 1


if __name__ == "__main__":
    sys.exit(main())
