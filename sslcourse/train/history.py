"""What happened during a training: one record a step, and the collapse dashboard."""

from dataclasses import dataclass, field

from torch import Tensor


@dataclass
class History:
    """Columns of numbers, one entry a step: `history["loss"]`, `history["learning_rate"]`, …

    Attributes:
        columns: "step", "seconds", "learning_rate", "loss" and each diagnostic of the method.
        collapse: "step", "feature_std" and "effective_rank" of the encoder's features of the
            first training images, un-augmented, measured now and then.
        batch_size: images a step.
        precision: "float32" or "bfloat16".
        interrupted: whether the training was stopped before its end.
        unsaved: why the last checkpoint could not be written, or None.
    """

    batch_size: int
    precision: str
    columns: dict[str, list[float]] = field(default_factory=dict)
    collapse: dict[str, list[float]] = field(default_factory=dict)
    interrupted: bool = False
    unsaved: str | None = None
    pending: list[dict[str, Tensor | float]] = field(default_factory=list, repr=False)

    def __getitem__(self, name: str) -> list[float]:
        self.collect()
        return self.columns[name]

    def __len__(self) -> int:
        """Steps taken."""
        return len(self.columns.get("step", ())) + len(self.pending)

    def __repr__(self) -> str:
        if not len(self):
            return "History(no step yet)"
        end = "interrupted" if self.interrupted else "finished"
        loss = self["loss"]
        return (
            f"History({len(self):,} steps of {self.batch_size} images in "
            f"{self['seconds'][-1]:.0f} s, {self.precision}, "
            f"loss {loss[0]:.3f} -> {loss[-1]:.3f}, {end})"
        )

    @property
    def images_per_second(self) -> float:
        """Mean over the whole training, watching included."""
        return len(self) * self.batch_size / max(self["seconds"][-1], 1e-9)

    def append(self, record: dict[str, Tensor | float]) -> None:
        """Note one step. Scalars on a GPU stay there: reading each would make the GPU wait."""
        self.pending.append(record)
        if record["loss"].device.type == "cpu" or len(self.pending) >= 50:
            self.collect()

    def collect(self) -> None:
        """Turn pending records into plain numbers."""
        for record in self.pending:
            for name, value in record.items():
                number = value.item() if isinstance(value, Tensor) else float(value)
                self.columns.setdefault(name, []).append(number)
        self.pending.clear()

    def note_collapse(self, step: int, feature_std: float, effective_rank: float) -> None:
        """Add one row to the collapse dashboard."""
        row = {"step": step, "feature_std": feature_std, "effective_rank": effective_rank}
        for name, value in row.items():
            self.collapse.setdefault(name, []).append(float(value))

    def state(self) -> dict:
        """Plain numbers, for a checkpoint."""
        self.collect()
        return {"columns": self.columns, "collapse": self.collapse}
