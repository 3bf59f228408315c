"""Kill runs at random moments against a target that lies, go on until they are done, and count what was lost.

    python benchmarks/crash.py --kills 300 --seed 1

The target counts what it charges for, by request; `tests/campaign.py` says which lies it tells. Exit 1 if anything was
lost, bought twice, or otherwise wrong.
"""

import argparse
import asyncio
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from campaign import Plot, campaign


def main() -> None:
    asked = argparse.ArgumentParser(description="Kill runs at random moments and count what was lost.")
    asked.add_argument("--kills", type=int, default=300)
    asked.add_argument("--seed", type=int, default=1)
    options = asked.parse_args()
    began = time.monotonic()
    with TemporaryDirectory() as folder:
        found = asyncio.run(campaign(Plot(kills=options.kills, seed=options.seed), Path(folder)))
    print(f"kills             {found.kills}")
    print(f"resumes           {found.resumes}")
    print(f"cells             {found.cells}")
    print(f"  made            {found.made}")
    print(f"  unknown         {found.unknown}")
    print(f"    by targets that can be asked  {found.untold}")
    print(f"accepted          {found.accepted}")
    print(f"lost              {found.lost}")
    print(f"bought twice      {found.twice}")
    print(f"otherwise wrong   {len(found.wrong)}")
    print(f"minutes           {(time.monotonic() - began) / 60:.1f}")
    for line in found.wrong:
        print(line)
    sys.exit(1 if found.lost or found.twice or found.wrong else 0)


if __name__ == "__main__":
    main()
