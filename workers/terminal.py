"""A report for people at a terminal: root cause first, evidence, the change, what is not known."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, ConsoleRenderable, Group, RenderResult
from rich.padding import Padding
from rich.rule import Rule
from rich.segment import Segment
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from workers.diagnosis.model import (
    Certainty,
    Checked,
    Evidence,
    Finding,
    Fix,
    FixKind,
    Outcome,
    Report,
    Section,
    UnreadDocument,
)

# A mark and a word stand beside every colour: nothing is said by colour alone.
_OUTCOMES = {
    Outcome.CLEAR: ("✔", "clear", "bold green"),
    Outcome.BLOCKED: ("✖", "blocked", "bold red"),
    Outcome.UNKNOWN: ("?", "not known", "bold yellow"),
}
_NOTHING = ("–", "nothing", "dim")
_CERTAINTIES = {
    Certainty.PROVEN: ("✖", "red"),
    Certainty.LIKELY: ("✖", "yellow"),
    Certainty.UNKNOWN: ("?", "yellow"),
}
_KINDS = {
    FixKind.APPLY: "Change",
    FixKind.INSTRUCTIONS: "What to do",
    FixKind.RETRY: "What to do",
}
_STATEMENT_LINES = 24
_THEME = "ansi_dark"


def show(report: Report, console: Console) -> None:
    """Print the report to `console`, in its width."""
    console.print(render(report))


def render(report: Report) -> ConsoleRenderable:
    """The report as one renderable, for a console of any width."""
    return _Harmless(Group(*_parts(report)))


class _Harmless:
    """Text without the characters by which a name or message could steer the terminal."""

    def __init__(self, inner: ConsoleRenderable) -> None:
        self._inner = inner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self._inner, options):
            shown = segment.text.translate(_STEERING)
            yield segment if segment.control else Segment(shown, segment.style)


_STEERING = dict.fromkeys((*range(9), *range(11, 32), *range(127, 160)), "�")
"""Every control character but the tab and the end of a line."""


def _parts(report: Report) -> Iterator[ConsoleRenderable]:
    yield _title(report)
    yield Text()
    for number, finding in enumerate(report.findings, 1):
        yield _finding(number, finding)
        yield Text()
    if report.advice:
        yield _heading("Advice: access that is missing and does not stop the pipeline")
        for finding in report.advice:
            yield Padding(Text(f"· {finding.headline}", style="dim"), (0, 0, 0, 2), expand=False)
            if finding.fix is not None and finding.fix.instructions:
                told = Text(finding.fix.instructions, style="dim")
                yield Padding(told, (0, 0, 0, 4), expand=False)
        yield Text()
    if report.unreadable:
        yield _heading("Could not be read")
        yield _unreadable(report.unreadable)
        yield Text()
    if report.sections:
        yield _heading("Components")
        yield _sections(report.sections)


def _title(report: Report) -> ConsoleRenderable:
    mark, word, style = _OUTCOMES[report.outcome]
    title = Text.assemble((f"{mark} {word}", style), "  ", (report.name or "(no pipeline)", "bold"))
    account = f"{report.alias} ({report.account})" if report.alias else report.account
    place = " · ".join(part for part in (account, report.region) if part)
    return Group(
        title,
        Text(place, style="dim"),
        Text(_counts(report.checked), style="dim"),
    )


def _counts(checked: Checked) -> str:
    parts = [
        f"{checked.requirements} checks: {checked.allowed} allowed, {checked.denied} denied, "
        f"{checked.unknown} not known"
    ]
    if checked.aws_calls:
        parts.append(f"{checked.aws_calls} AWS calls")
    if checked.seconds:
        parts.append(f"{checked.seconds:.1f} s")
    return " · ".join(parts)


def _heading(title: str) -> ConsoleRenderable:
    return Rule(Text(title, style="bold"), align="left", style="dim")


def _finding(number: int, finding: Finding) -> ConsoleRenderable:
    mark, style = _CERTAINTIES[finding.certainty]
    if finding.fix is not None and finding.fix.kind is FixKind.RETRY:
        mark, style = "↻", "cyan"
    head = Text.assemble((f"{mark} ", f"bold {style}"), (f"{number}. ", "dim"))
    head.append(finding.headline, style="bold")
    body: list[ConsoleRenderable] = [_facts(finding)]
    if finding.stopped:
        body.append(Text(finding.stopped, style="bold red"))
    body.append(Text(finding.explanation))
    for evidence in finding.evidence:
        body.append(_evidence(evidence))
    if finding.fix is not None:
        body.append(_fix(finding.fix))
    if finding.documentation:
        body.append(Text(finding.documentation, style="dim underline", overflow="fold"))
    return Group(head, Padding(Group(*body), (0, 0, 0, 2), expand=False))


def _facts(finding: Finding) -> ConsoleRenderable:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    where = " / ".join(part for part in (finding.stage, finding.pipeline_action) if part)
    detail = f" ({finding.detail})" if finding.detail else ""
    rows = (
        ("who", finding.principal),
        ("action", ", ".join(finding.actions) or finding.action),
        ("on", finding.resource),
        ("where", where),
        ("component", f"{finding.component}{detail}"),
        ("certainty", f"{finding.certainty}, {finding.decision}"),
    )
    for label, value in rows:
        if value:
            table.add_row(label, value)
    return table


def _evidence(evidence: Evidence) -> ConsoleRenderable:
    line = Text("▸ ", style="dim")
    line.append(evidence.layer, style="bold")
    for part in (evidence.name or _short(evidence.policy), evidence.statement):
        if part:
            line.append(f" · {part}")
    if evidence.effect:
        line.append(f" · {evidence.effect}", style="red" if evidence.effect != "Allow" else "")
    if evidence.line is not None:
        line.append(f" · line {evidence.line}", style="dim")
    if evidence.note:
        line.append(f"\n  comes nearest, but {evidence.note}")
    if not evidence.text:
        return line
    return Group(line, Padding(_statement(evidence.text), (0, 0, 0, 2), expand=False))


def _short(policy: str) -> str:
    """The name of a policy without the ARN around it, which the lines above have already."""
    return policy.rsplit("/", 1)[-1] if policy.startswith("arn:") else policy


def _statement(text: str) -> ConsoleRenderable:
    lines = text.splitlines()
    shown = "\n".join(lines[:_STATEMENT_LINES])
    if len(lines) > _STATEMENT_LINES:
        shown += f"\n… {len(lines) - _STATEMENT_LINES} more lines"
    if not text.lstrip().startswith("{"):
        return Text(shown, style="italic")
    return Syntax(shown, "json", theme=_THEME, background_color="default", word_wrap=True)


def _fix(fix: Fix) -> ConsoleRenderable:
    parts: list[ConsoleRenderable] = []
    label = Text(f"{_KINDS[fix.kind]}: ", style="bold green")
    label.append(fix.access or fix.instructions, style="default")
    parts.append(label)
    if fix.access and fix.instructions:
        parts.append(Text(fix.instructions))
    for step in fix.steps:
        owner = f" (owned by {step.owned_by})" if step.owned_by else ""
        parts.append(Text(f"{step.target.kind}: {step.target.id}{owner}", style="dim"))
        parts.append(_diff(step.diff))
    if fix.steps:
        proof = "proven: allowed afterwards, and nothing else opens"
        if fix.proven:
            parts.append(Text(f"✔ {proof}", style="green"))
        elif not fix.instructions:
            parts.append(Text("? not proven by evaluating again", style="yellow"))
    parts.extend(Text(f"! {opened}", style="red") for opened in fix.opens)
    parts.extend(Text(remark, style="dim") for remark in fix.remarks)
    return Group(*parts)


def _diff(diff: str) -> ConsoleRenderable:
    text = Text(overflow="fold")
    for line in diff.splitlines():
        style = "dim"
        if line.startswith(("---", "+++")):
            style = "bold dim"
        elif line.startswith("@@"):
            style = "cyan"
        elif line.startswith("+"):
            style = "green"
        elif line.startswith("-"):
            style = "red"
        text.append(line + "\n", style=style)
    text.rstrip()
    return Padding(text, (0, 0, 0, 2), expand=False)


def _unreadable(documents: tuple[UnreadDocument, ...]) -> ConsoleRenderable:
    lines: list[ConsoleRenderable] = []
    for each in documents:
        head = Text("? ", style="bold yellow")
        head.append(each.what, style="bold")
        if each.why:
            head.append(f": {each.why}")
        lines.append(head)
        rest = " ".join(part for part in (each.would_change, each.grant) if part)
        if rest:
            lines.append(Padding(Text(rest, style="dim"), (0, 0, 0, 2), expand=False))
    return Group(*lines)


def _sections(sections: tuple[Section, ...]) -> ConsoleRenderable:
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    for section in sections:
        mark, word, style = _OUTCOMES[section.outcome] if section.applies else _NOTHING
        body = Text(section.summary)
        for detail in section.details:
            body.append(f"\n{detail}", style="dim")
        table.add_row(
            Text(section.component.replace("_", " "), style="bold"),
            Text(f"{mark} {word}", style=style),
            body,
        )
    return table
