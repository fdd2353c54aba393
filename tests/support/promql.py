"""PromQL as far as a dashboard needs it: queries are parsed, and followed down to the labels that their results have.

A query is wrong here if it names a metric, a label, or the value of a label that nothing exposes, or groups by what is not there any more.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

Exposed = Mapping[str, Sequence[Mapping[str, str]]]
"""Every series there is: the labels of each, by name."""

TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<duration>\[[^\]]*\])|(?P<number>\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.]))|(?P<string>"(?:[^"\\]|\\.)*")"""
    r"""|(?P<name>[A-Za-z_:][\w:]*)|(?P<operator>=~|!~|!=|==|>=|<=|[-+*/%^<>=(){},])"""
)
AGGREGATIONS = {"sum", "min", "max", "avg", "count", "group", "stddev", "topk", "bottomk", "quantile"}
WITH_PARAMETER = {"topk", "bottomk", "quantile"}
OVER_RANGE = {
    "rate",
    "irate",
    "increase",
    "delta",
    "deriv",
    "max_over_time",
    "min_over_time",
    "avg_over_time",
    "changes",
}
PLAIN = {"abs", "ceil", "floor", "clamp_min", "clamp_max", "round", "absent", "time", "vector"}
PRECEDENCE = (("or",), ("and", "unless"), ("==", "!=", "<", ">", "<=", ">="), ("+", "-"), ("*", "/", "%"), ("^",))


class QueryError(Exception):
    """A query that would show nothing, or cannot be understood; the message says why."""


@dataclass(frozen=True)
class Result:
    """What a query comes to: the labels its series may have (None = a scalar), and whether it is over a range of time."""

    labels: frozenset[str] | None
    is_range: bool = False


def checked(query: str, exposed: Exposed) -> frozenset[str]:
    """Return the labels that the query's results may have. Raises QueryError."""
    parser = _Parser(_tokens(query), exposed)
    result = parser.expression(0)
    if parser.peek():
        raise QueryError(f"{query}: {parser.peek()!r} is left over")
    if result.is_range:
        raise QueryError(f"{query}: a range cannot be drawn")
    return result.labels or frozenset()


def _tokens(query: str) -> list[str]:
    found, place = [], 0
    while place < len(query):
        token = TOKEN.match(query, place)
        if token is None:
            raise QueryError(f"{query}: cannot be read from {query[place:]!r}")
        if token.lastgroup != "space":
            found.append(token[0])
        place = token.end()
    return found


class _Parser:
    """A parser by recursive descent that answers with results instead of trees."""

    def __init__(self, tokens: Sequence[str], exposed: Exposed) -> None:
        self._tokens = tokens
        self._place = 0
        self._exposed = exposed

    def peek(self) -> str:
        return self._tokens[self._place] if self._place < len(self._tokens) else ""

    def next(self) -> str:
        token = self.peek()
        self._place += 1
        return token

    def take(self, wanted: str) -> None:
        if (found := self.next()) != wanted:
            raise QueryError(f"expected {wanted!r}, found {found!r} in {' '.join(self._tokens)}")

    def expression(self, level: int) -> Result:
        if level == len(PRECEDENCE):
            return self.operand()
        left = self.expression(level + 1)
        while self.peek() in PRECEDENCE[level]:
            operator = self.next()
            if self.peek() == "bool":
                self.next()
            on = self.matching()
            left = _joined(operator, left, self.expression(level + 1), on)
        return left

    def matching(self) -> tuple[str, frozenset[str]] | None:
        if self.peek() not in {"on", "ignoring"}:
            return None
        kind = self.next()
        labels = frozenset(self.names())
        if self.peek() in {"group_left", "group_right"}:
            raise QueryError("group_left and group_right are not understood here")
        return kind, labels

    def operand(self) -> Result:
        token = self.peek()
        if token == "-":
            self.next()
            return self.operand()
        if token == "(":
            self.next()
            inner = self.expression(0)
            self.take(")")
            return inner
        if re.fullmatch(r"\d.*|\".*\"", token):
            self.next()
            return Result(None)
        if token in AGGREGATIONS:
            return self.aggregation()
        if re.fullmatch(r"[A-Za-z_:][\w:]*", token):
            self.next()
            return self.call(token) if self.peek() == "(" else self.selector(token)
        raise QueryError(f"{token!r} begins nothing in {' '.join(self._tokens)}")

    def aggregation(self) -> Result:
        function = self.next()
        clause = self.clause()
        arguments = self.arguments()
        clause = clause or self.clause()
        wanted = 2 if function in WITH_PARAMETER else 1
        if len(arguments) != wanted or arguments[-1].labels is None or arguments[-1].is_range:
            raise QueryError(f"{function} takes {wanted} arguments, the last of them a vector")
        inner = arguments[-1].labels
        if clause is None:
            return Result(inner if function in {"topk", "bottomk"} else frozenset())
        kind, labels = clause
        if missing := labels - inner:
            raise QueryError(
                f"{function} {kind} ({', '.join(sorted(missing))}): what it aggregates has {sorted(inner)}"
            )
        return Result(labels if kind == "by" else inner - labels)

    def clause(self) -> tuple[str, frozenset[str]] | None:
        return (self.next(), frozenset(self.names())) if self.peek() in {"by", "without"} else None

    def names(self) -> Iterator[str]:
        self.take("(")
        while self.peek() != ")":
            yield self.next()
            if self.peek() == ",":
                self.next()
        self.take(")")

    def arguments(self) -> list[Result]:
        self.take("(")
        found = []
        while self.peek() != ")":
            found.append(self.expression(0))
            if self.peek() == ",":
                self.next()
        self.take(")")
        return found

    def call(self, function: str) -> Result:
        arguments = self.arguments()
        if function == "histogram_quantile":
            inner = arguments[1].labels
            if inner is None or "le" not in inner:
                raise QueryError("histogram_quantile needs buckets: the label le was aggregated away")
            return Result(inner - {"le"})
        if function in OVER_RANGE:
            if len(arguments) != 1 or not arguments[0].is_range:
                raise QueryError(f"{function} needs a range, as in [5m]")
            return Result(arguments[0].labels)
        if function in PLAIN:
            return Result(arguments[0].labels if arguments and function not in {"vector", "time"} else frozenset())
        raise QueryError(f"the function {function} is not known")

    def selector(self, name: str) -> Result:
        series = self._exposed.get(name)
        if not series:
            raise QueryError(f"no process exposes {name}")
        if self.peek() == "{":
            self.matchers(name, series)
        is_range = self.peek().startswith("[")
        if is_range:
            self.next()
        return Result(frozenset().union(*series), is_range)

    def matchers(self, name: str, series: Sequence[Mapping[str, str]]) -> None:
        self.take("{")
        while self.peek() != "}":
            label, operator, value = self.next(), self.next(), self.next().strip('"')
            if not any(label in each for each in series):
                raise QueryError(f"no series of {name} has the label {label}")
            if operator == "=" and not any(each.get(label) == value for each in series):
                raise QueryError(f"no series of {name} has {label}={value!r}")
            if self.peek() == ",":
                self.next()
        self.take("}")


def _joined(operator: str, left: Result, right: Result, on: tuple[str, frozenset[str]] | None) -> Result:
    """Return what an operation between two results comes to; series meet by the labels that both must have."""
    if left.is_range or right.is_range:
        raise QueryError(f"{operator} between ranges")
    if left.labels is None or right.labels is None:
        return left if right.labels is None else right
    if operator == "or":
        return Result(left.labels | right.labels)
    if on is None:
        if operator not in {"and", "unless"} and left.labels != right.labels:
            raise QueryError(
                f"{operator} between series with {sorted(left.labels)} and {sorted(right.labels)}: they never meet"
            )
        return left
    kind, labels = on
    if kind == "on" and (missing := labels - left.labels | labels - right.labels):
        raise QueryError(f"{operator} on ({', '.join(sorted(missing))}), which not both sides have")
    return left
