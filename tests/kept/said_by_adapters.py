"""Every sentence an adapter can say about a send, an account or a receipt, read from its source.

A sentence is what reaches one of `SAY` as its words, directly or through names, tables and small functions of the same
module. A fact inside it becomes `%()`. What a provider says is no sentence here: it is not in the source.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

CHANNELS = Path(__file__).parents[2] / "crisis" / "channels"
SAY = {"Rejected", "Busy", "Unreachable", "Misconfigured", "Uncertain", "Health", "Receipt", "Budget", "rights"}
WORDS_IN = {"say", "details", "what", "wanted"}  # keywords that carry words; `code` and ids are for counting
_LETTERS = re.compile(r"\b[a-zæøå]{2,}\b")


def sentences() -> Mapping[str, str]:
    """Each sentence with the file it stands in."""
    return {
        said: str(file.relative_to(CHANNELS))
        for file in sorted(CHANNELS.rglob("*.py"))
        for said in _said_in(ast.parse(file.read_text(encoding="utf-8")))
        if " " in said.strip() and len(_LETTERS.findall(said.replace("%()", ""))) > 1
    }


@dataclass(frozen=True)
class _Scope:
    """What names stand for in one function; several values where a name is written more than once."""

    names: Mapping[str, list[ast.expr]]
    above: _Scope | None = None
    seen: set[str] = field(default_factory=set)

    def values(self, name: str) -> list[ast.expr]:
        found = self.names.get(name)
        return found if found is not None else self.above.values(name) if self.above else []


def _said_in(tree: ast.Module) -> Iterator[str]:
    module = _Scope(_written(tree.body))
    functions = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
    calls = [one for one in ast.walk(tree) if isinstance(one, ast.Call)]
    for function in functions:
        scope = _Scope({**_handed_over(function, calls), **_written(ast.walk(function))}, module)
        for call in ast.walk(function):
            if isinstance(call, ast.Call) and _name(call.func) in SAY:
                words = [*call.args, *(one.value for one in call.keywords if one.arg in WORDS_IN)]
                for one in words:
                    yield from _words(one, scope)


def _written(nodes: Iterator[ast.AST] | list[ast.stmt]) -> dict[str, list[ast.expr]]:
    """What is assigned, appended or put into a table, by the name of the variable."""
    found: dict[str, list[ast.expr]] = {}
    for node in nodes:
        pairs: list[tuple[ast.expr, ast.expr | None]] = []
        if isinstance(node, ast.Assign):
            for target in node.targets:
                both = isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple)
                pairs += zip(target.elts, node.value.elts, strict=True) if both else [(target, node.value)]  # type: ignore[attr-defined]
        elif isinstance(node, ast.AnnAssign):
            pairs.append((node.target, node.value))
        elif isinstance(node, ast.Call) and _name(node.func) == "append" and isinstance(node.func, ast.Attribute):
            pairs += [(node.func.value, one) for one in node.args]
        for target, value in pairs:
            name = target.value if isinstance(target, ast.Subscript) else target
            if isinstance(name, ast.Name) and value is not None:
                found.setdefault(name.id, []).append(value)
    return found


def _handed_over(function: ast.FunctionDef | ast.AsyncFunctionDef, calls: list[ast.Call]) -> dict[str, list[ast.expr]]:
    """What this module hands to each parameter of one of its functions."""
    names = [one.arg for one in function.args.args if one.arg != "self"]
    found: dict[str, list[ast.expr]] = {}
    for call in calls:
        if _name(call.func) == function.name:
            for name, value in zip(names, call.args, strict=False):
                found.setdefault(name, []).append(value)
            for one in call.keywords:
                found.setdefault(one.arg or "", []).append(one.value)
    return found


def _name(function: ast.expr) -> str:
    return str(getattr(function, "id", "") or getattr(function, "attr", ""))


def _words(value: ast.AST, scope: _Scope) -> Iterator[str]:
    match value:
        case ast.Constant(value=str(said)):
            yield said
        case ast.JoinedStr(values=parts):
            yield "".join(str(one.value) if isinstance(one, ast.Constant) else "%()" for one in parts)
            for one in parts:
                if isinstance(one, ast.FormattedValue):
                    yield from _words(one.value, scope)
        case ast.Name(id=name) if name not in scope.seen:
            scope.seen.add(name)
            for one in scope.values(name):
                yield from _words(one, scope)
            scope.seen.discard(name)
        case ast.IfExp(body=one, orelse=other):
            yield from _words(one, scope)
            yield from _words(other, scope)
        case ast.Dict(values=parts) | ast.BoolOp(values=parts) | ast.List(elts=parts) | ast.Tuple(elts=parts):
            for one in parts:
                yield from _words(one, scope)
        case ast.DictComp(value=one) | ast.GeneratorExp(elt=one) | ast.ListComp(elt=one) | ast.Subscript(value=one):
            yield from _words(one, scope)
        case ast.BinOp(left=one, right=other):
            yield from _words(one, scope)
            yield from _words(other, scope)
        case ast.Call(func=function, args=parts):
            if isinstance(function, ast.Attribute):  # TABLE.get(code, "else"), "; ".join(several)
                yield from _words(function.value, scope)
            for one in parts:
                yield from _words(one, scope)
        case _:
            pass
