"""What a learner does with the controls of a cell, and what they see then."""

from lab import Notebook

SLIDER, BUTTONS = ".noUi-handle", ".widget-toggle-buttons"


def button(cell, name: str):
    """The button of a widget; Lab's own toolbars have others."""
    return cell.locator("button.widget-button", has_text=name)


def pictures(cell) -> list[str]:
    """The pictures in a cell's output, each as its bytes."""
    images = cell.locator(".jp-RenderedImage img")
    return images.evaluate_all("images => images.map(image => image.src)")


def says(cell) -> str:
    """All that a cell's output says."""
    return "\n".join(cell.locator(".jp-OutputArea-output").all_text_contents())


def cells_with(notebook: Notebook, control: str) -> list:
    """The cells with a control beside a picture; a prediction's sliders change none."""
    forms = notebook.page.locator("button.widget-button", has_text="Lock in")
    cells = notebook.page.locator(".jp-CodeCell", has=notebook.page.locator(control))
    return cells.filter(has_not=forms).all()


def nudge(handle, times: int = 1) -> None:
    """Move a slider by the keyboard: up, or down from its end."""
    handle.focus()
    value, end = (float(handle.get_attribute(name)) for name in ("aria-valuenow", "aria-valuemax"))
    for _ in range(times):
        handle.press("ArrowRight" if value < end else "ArrowLeft")


def move_slider(notebook: Notebook, cell, number: int) -> None:
    """Move a slider by one value and see the cell's picture change."""
    before = pictures(cell)
    nudge(cell.locator(SLIDER).nth(number))
    notebook.until(lambda: pictures(cell) != before, f"slider {number} to change\n{says(cell)}")


def press_other_button(notebook: Notebook, cell, number: int) -> None:
    """Press a button of a group that isn't pressed, and see the cell's picture change."""
    before = pictures(cell)
    cell.locator(BUTTONS).nth(number).locator("button:not(.mod-active)").first.click()
    notebook.until(lambda: pictures(cell) != before, f"buttons {number} to change\n{says(cell)}")


def choose(cell, option: str) -> None:
    """Choose one of several answers."""
    cell.locator(".widget-radio-box label").get_by_text(option, exact=True).click()


def answer(notebook: Notebook, cell, option: str, reply: str) -> None:
    """Check an answer of a quiz and see the reply."""
    choose(cell, option)
    button(cell, "Check").click()
    notebook.until(lambda: reply in says(cell), f"{reply!r} in\n{says(cell)}")


def lock_in(notebook: Notebook, cell) -> None:
    """Make a guess, lock it in, and see that the form takes no other."""
    for handle in cell.locator(SLIDER).all():
        nudge(handle, times=10)
    if cell.locator("input[type=radio]").count():
        cell.locator(".widget-radio-box label").first.click()
    button(cell, "Lock in").click()
    notebook.until(lambda: "Locked in" in says(cell), f"the guess to be locked in {says(cell)}")
    assert is_closed(cell)


def is_closed(cell) -> bool:
    """Whether a form takes no guess."""
    sliders, answers = cell.locator(".noUi-target"), cell.locator("input[type=radio]")
    fields = sliders.count() + answers.count()
    disabled = cell.locator(".noUi-target[disabled], input[type=radio]:disabled").count()
    return button(cell, "Lock in").is_disabled() and fields == disabled > 0
