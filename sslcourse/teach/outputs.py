"""Outputs that read well in every view: live, stored, without a kernel, in plain text."""

import html
from collections.abc import Mapping


class Text:
    """A sentence, in HTML and as plain text.

    The plain text is what the notebook tests compare, so it holds nothing that changes from
    machine to machine or from learner to learner.

    Args:
        plain: the sentence.
        markup: HTML that is shown after it, or instead of it where `alone`.
    """

    def __init__(self, plain: str, markup: str = "", *, alone: bool = False) -> None:
        self.plain = plain
        self.markup = markup if alone else f"{html.escape(plain)} {markup}".strip()

    def __repr__(self) -> str:
        return self.plain

    def _repr_html_(self) -> str:
        return f"<p>{self.markup}</p>"


def number_table(
    rows: Mapping[str, Mapping[str, float]],
    description: str,
    *,
    form: str = ".2f",
    corner: str = "",
) -> Text:
    """A small table of measured numbers, where a picture would say no more.

    Args:
        rows: {row: {column: number}}; a column that a row doesn't have becomes a dash. Columns
            stand in the order of the row that has the most.
        description: the sentence that stands for it; it holds no measured number.
        form: how to write a number: ".2f", or ".0%" for shares.
        corner: what all rows have in common, for the corner above their names.

    Returns:
        The table. `class="measured"` tells the notebook tests that a number may differ elsewhere.
    """
    fullest_first = sorted(rows.values(), key=len, reverse=True)
    columns = list(dict.fromkeys(column for row in fullest_first for column in row))

    def cell(number: float | None) -> str:
        return f'<td class="measured">{"–" if number is None else format(number, form)}</td>'

    head = "".join(f"<th>{html.escape(name)}</th>" for name in (corner, *columns))
    body = "".join(
        f"<tr><th>{html.escape(name)}</th>"
        + "".join(cell(row.get(column)) for column in columns)
        + "</tr>"
        for name, row in rows.items()
    )
    return Text(description, f"<table><tr>{head}</tr>{body}</table>", alone=True)
