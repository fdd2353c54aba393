"""Write the table of supported operations into the README, from the registry; with --check, fail if it is not what stands there."""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
BEGIN = "<!-- support table: scripts/support_table.py -->\n"
END = "<!-- end of support table -->"


def table() -> str:
    """Return the table as Markdown: a row per service and state, operations in alphabetical order."""
    from router.operations.model import ServiceModel
    from router.operations.registry import Support, support_table

    rows = support_table(ServiceModel.load())
    lines = ["| service | | operations |", "|---|---|---|"]
    for service in dict.fromkeys(row.service for row in rows):
        for support in Support:
            names = [row.operation for row in rows if row.service == service and row.support is support]
            if names:
                lines.append(f"| `{service}` | {support.value} ({len(names)}) | {', '.join(names)} |")
    lines += [
        "",
        "Every operation of AWS's model is there. What is not available yet has its input checked as on AWS, and then answers",
        "`UnsupportedOperationException` (HTTP 400, which no SDK retries) with a text that names it.",
        "",
    ]
    return "\n".join(lines)


def main() -> int:
    """Write or check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if the table is not up to date")
    arguments = parser.parse_args()
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    fresh = f"{before}{BEGIN}{table()}{END}{after}"
    if arguments.check:
        if fresh != text:
            print("the README's support table is stale; run: python scripts/support_table.py")
        return int(fresh != text)
    README.write_text(fresh, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
