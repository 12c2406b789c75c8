"""What a check says: a short text, and HTML with hints that unfold one by one."""

import html

from IPython.display import display


class CheckReport:
    """The outcome of one check. Shows itself as the last expression of a cell.

    Attributes:
        key: the check's id, such as "03.1".
        passed: whether every case was passed.
        attempted: False while the function raises NotImplementedError, as the stubs do.
        stage: where the first failure was, one of `STAGES`; None where nothing failed.
        mistake: the id of the recognised mistake, or None.
        problem: what came and what was expected, or the error and the learner's own line.
        diagnosis: of the recognised mistake.
        hints: three for a recognised mistake, from gentle to explicit.
    """

    def __init__(
        self,
        key: str,
        title: str,
        *,
        passed: bool = False,
        attempted: bool = True,
        stage: str | None = None,
        mistake: str | None = None,
        problem: str = "",
        diagnosis: str = "",
        hints: tuple[str, ...] = (),
    ) -> None:
        self.key, self.title, self.passed, self.attempted = key, title, passed, attempted
        self.stage, self.mistake, self.problem = stage, mistake, problem
        self.diagnosis, self.hints = diagnosis, hints

    def require(self) -> None:
        """Stop here unless the check was passed: how a grader learns of it.

        Raises:
            AssertionError: not passed; the text is the report's.
        """
        if not self.passed:
            raise AssertionError(repr(self))

    @property
    def headline(self) -> str:
        """One line: passed, not attempted yet, or the stage that failed."""
        if self.passed:
            return f"Check {self.key} passed: {self.title}."
        if not self.attempted:
            return (
                f"Check {self.key} not attempted yet: {self.title} (it raises NotImplementedError)."
            )
        return f"Check {self.key} not passed yet ({self.stage}): {self.title}."

    def __repr__(self) -> str:
        lines = [self.headline, *filter(None, [self.diagnosis, self.problem])]
        if self.mistake:
            lines.insert(1, f"Recognised: {self.mistake}")
            lines.append("Three hints wait in .hints, from gentle to explicit.")
        return "\n".join(lines)

    def _ipython_display_(self) -> None:
        """Shown as an output of its own: nbgrader would read a cell's *value* as its points."""
        display({"text/plain": repr(self), "text/html": self._repr_html_()}, raw=True)

    def _repr_html_(self) -> str:
        mark = "✔" if self.passed else "✘" if self.attempted else "…"
        parts = [f"<p><b>{mark} {html.escape(self.headline)}</b></p>"]
        if self.diagnosis:
            name = f"<code>{html.escape(self.mistake or '')}</code>"
            parts.append(f"<p>{html.escape(self.diagnosis)} {name}</p>")
        if self.problem:
            parts.append(f"<pre>{html.escape(self.problem)}</pre>")
        for number, hint in enumerate(self.hints, 1):
            summary = f"<summary>Hint {number} of {len(self.hints)}</summary>"
            parts.append(f"<details>{summary}<p>{html.escape(hint)}</p></details>")
        return f'<div class="check">{"".join(parts)}</div>'
