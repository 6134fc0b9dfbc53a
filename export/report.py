"""What a verification found."""

from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class SignatureParity:
    """How one signature compares with the reference.

    Attributes:
        signature: Its name.
        requests: Number of requests run.
        max_difference: Largest absolute difference of the numbers it gives; None where it has none, or where
            no reference was stored.
        equal_labels: Share of equal labels in [0, 1]; None likewise.
        largest_gap: Largest duality gap per pixel that it gave; None where it gives none.
    """

    signature: str
    requests: int
    max_difference: float | None = None
    equal_labels: float | None = None
    largest_gap: float | None = None


@dataclass(frozen=True)
class VerificationReport:
    """Result of `verify`.

    Attributes:
        directory: Folder of the SavedModel that was checked.
        tolerance: Largest accepted difference of a number; None without a stored reference.
        signatures: One `SignatureParity` per signature that was run.
        warmup_records: Number of warm-up records replayed without error.
        files_checked: Number of files whose sha256 was compared.
        failures: Sentences, empty where all is well.
        notes: Sentences on what could not be checked here.
    """

    directory: Path
    tolerance: float | None
    signatures: tuple[SignatureParity, ...]
    warmup_records: int = 0
    files_checked: int = 0
    failures: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def passed(self):
        """Whether nothing failed."""
        return not self.failures

    def as_dict(self):
        """Plain values for JSON."""
        return {**asdict(self), "directory": str(self.directory), "passed": self.passed}
