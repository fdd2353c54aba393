"""Compute the parse tables beside each grammar of router/expressions/grammars; with --check, fail if what is checked in differs.

Lark reads the grammars and analyses them; what a router loads is the tables alone, without Lark.
"""

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

from lark import Lark
from lark.grammar import Rule
from lark.lexer import TerminalDef

from router.expressions.lalr import END

ROOT = Path(__file__).resolve().parent.parent
GRAMMARS = ROOT / "router" / "expressions" / "grammars"
SHARED = "document"  # what every other grammar goes on from
REDUCE = 1  # as Lark writes it; a shift is 0


def languages() -> list[str]:
    """Return the names of all languages."""
    return sorted(path.stem for path in GRAMMARS.glob("*.lark") if path.stem != SHARED)


def analysed(language: str, transformer: object = None) -> Lark:
    """Return Lark's own parser of a language."""
    grammar = "\n".join((GRAMMARS / f"{name}.lark").read_text("utf-8") for name in (SHARED, language))
    return Lark(grammar, parser="lalr", lexer="basic", transformer=transformer)


def tables_text(language: str) -> str:
    """Return the file of a language's tables."""
    lark = analysed(language)
    data, memo = lark.memo_serialize([TerminalDef, Rule])
    table = data["parser"]["parser"]
    (start,), (end,) = table["start_states"].values(), table["end_states"].values()
    numbers = {rule["@"]: number for number, rule in enumerate(data["rules"])}
    states = {
        number: {table["tokens"][token]: _action(action, numbers) for token, action in state.items()}
        for number, state in table["states"].items()
    }
    states[end] = {END: end}  # a text has been accepted when its end is shifted
    rules = [_rule(memo[rule["@"]]) for rule in data["rules"]]
    return _laid_out({"tokens": _tokens(lark), "rules": rules, "states": _renumbered(states, start)})


def _action(action: tuple[int, Any], numbers: dict[int, int]) -> int:
    kind, argument = action
    return ~numbers[argument["@"]] if kind == REDUCE else int(argument)


def _renumbered(states: dict[int, dict[str, int]], start: int) -> list[dict[str, int]]:
    """Return states in the order in which they are reached from `start`: Lark's own numbers differ from run to run."""
    # Only one symbol leads into a state, so no state follows another one twice.
    order = [start]
    for state in order:
        order += [action for _, action in sorted(states[state].items()) if action >= 0 and action not in order]
    numbers = {state: number for number, state in enumerate(order)}
    return [
        {token: numbers[action] if action >= 0 else action for token, action in sorted(states[state].items())}
        for state in order
    ]


def _rule(rule: dict[str, Any]) -> dict[str, Any]:
    symbol = rule["origin"]["name"]
    kept = [index for index, part in enumerate(rule["expansion"]) if not part.get("filter_out")]
    assert kept, f"a rule of {symbol} is punctuation only: what is around it could not count on a child"
    found = {"symbol": symbol, "length": len(rule["expansion"]), "kept": kept}
    # Lark's conventions: a _rule is a part of those around it, and a ?rule without an alias stands for an only child.
    is_single = rule["options"]["expand1"] and rule["alias"] is None and len(kept) == 1
    if not symbol.startswith("_") and not is_single:
        found["build"] = rule["alias"] or symbol
    return found


def _tokens(lark: Lark) -> str:
    """Return one pattern for all tokens, in the order in which Lark tries them."""
    ordered = sorted(
        lark.terminals,
        key=lambda each: (-each.priority, -each.pattern.max_width, -len(each.pattern.value), each.name),
    )
    patterns = ((each.name, each.pattern.to_regexp()) for each in ordered)
    text = "|".join(
        f"(?:{pattern})" if name in lark.ignore_tokens else f"(?P<{name}>{pattern})" for name, pattern in patterns
    )
    re.compile(text)
    return text


def _laid_out(tables: dict[str, Any]) -> str:
    """Return JSON with one rule or state per line, so that a change of a grammar can be read."""
    members = []
    for name, value in tables.items():
        text = json.dumps(value)
        if isinstance(value, list):
            text = "[\n" + ",\n".join(f"    {json.dumps(each)}" for each in value) + "\n  ]"
        members.append(f"  {json.dumps(name)}: {text}")
    return "{\n" + ",\n".join(members) + "\n}\n"


def stale() -> list[str]:
    """Return the names of table files that differ from their grammar's, are missing, or have no grammar any more."""
    wanted = {f"{language}.json": tables_text(language) for language in languages()}
    present = {path.name: path.read_text("utf-8") for path in GRAMMARS.glob("*.json")}
    return sorted(name for name in {*wanted, *present} if wanted.get(name) != present.get(name))


def main() -> int:
    """Generate, or check with --check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="change nothing; exit 1 if the checked-in tables are stale"
    )
    if not parser.parse_args().check:
        for language in languages():
            (GRAMMARS / f"{language}.json").write_text(tables_text(language), encoding="utf-8")
        return 0
    found = stale()
    if found:
        print(f"parse tables are stale: {', '.join(found)}; run: python scripts/generate_parsers.py")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
