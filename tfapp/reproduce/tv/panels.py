"""What the figures of Jia, Liu and Tai show, by their captions.

Imports nothing slow: the command line describes the figures without TensorFlow.
"""

from dataclasses import dataclass

from tfapp.reproduce.tv.tables import SUBJECTS, Subject

LEVELS = {
    "gaussian": {"small": 0.03, "medium": 0.05, "large": 0.09},
    **dict.fromkeys(("salt", "pepper", "salt-and-pepper"), {"small": 0.01, "medium": 0.03, "large": 0.05}),
}
ASSUMED = (
    "Assumed: what the captions call a small, medium and large level, σ of 0.03, 0.05 and 0.09 of Gaussian noise and "
    "1, 3 and 5 % of the pixels. The images are evenly spaced over the test list, one for each input, not chosen by "
    "result."
)


@dataclass(frozen=True)
class CurveFigure:
    """Figure 2, 4 or 6: mIoU of the plain and the regularised network of both models against sigma.

    Attributes:
        number: Its number.
        subject: `Subject`.
        models: Numbers of the models that it shows.
    """

    number: int
    subject: Subject
    models: tuple[int, ...] = (1, 2)

    @property
    def heading(self):
        plain = self.subject.plain
        return (
            f"Figure {self.number}: mIoU of {plain} and R{plain} on {self.subject.data}, trained on the clean set (1) "
            "and on the noisy one (2), under Gaussian noise of σ = 0.01 to 0.1"
        )

    @property
    def assumed(self):
        return ()


@dataclass(frozen=True)
class ExampleFigure:
    """Figure 1, 3, 5 or 7: inputs and the answers of the plain network, that with TV behind it, the regularised one.

    Attributes:
        number: Its number.
        subject: `Subject`.
        models: The number of the model that it shows, alone.
        panels: (kind, level) of the noise of each input, None for a clean one.
        one_image: Whether all inputs are one image; otherwise each is another.
        remark: Sentence on what the text leaves open or says twice, or "".
    """

    number: int
    subject: Subject
    models: tuple[int, ...]
    panels: tuple[tuple[str, str] | None, ...]
    one_image: bool = False
    remark: str = ""

    @property
    def heading(self):
        plain = self.subject.plain
        training = "clean" if self.models == (1,) else "noisy"
        inputs = ", ".join("clean" if panel is None else f"{panel[1]} {panel[0]}" for panel in self.panels)
        return (
            f"Figure {self.number}: {plain}, {plain}+TV and R{plain} on {self.subject.data}, trained on the {training} "
            f"set; inputs: {inputs}"
        )

    @property
    def assumed(self):
        return tuple(filter(None, (ASSUMED, self.remark)))


_WBC, _CAMVID, _SUN = SUBJECTS
FIGURES = {
    1: ExampleFigure(
        *(1, _WBC, (1,), (None, ("gaussian", "medium")), True),
        "Figure 1 shows a clean image (a to d) and that image with noise (e to h): input, Unet, Unet+TV, RUnet. Which "
        "training, and which noise, the text does not say; the clean set and Gaussian noise are assumed.",
    ),
    2: CurveFigure(2, _WBC),
    3: ExampleFigure(
        *(3, _WBC, (2,)),
        (
            ("salt-and-pepper", "small"),
            ("salt-and-pepper", "large"),
            ("gaussian", "small"),
            ("gaussian", "medium"),
        ),
    ),
    4: CurveFigure(4, _CAMVID),
    5: ExampleFigure(
        *(5, _CAMVID, (2,)),
        (None, ("pepper", "medium"), ("gaussian", "medium"), ("gaussian", "large")),
        remark="The caption of figure 5 says that the networks were trained on the noisy set; section 4.2 speaks of it "
        "where the clean one is discussed. The caption is followed.",
    ),
    6: CurveFigure(6, _SUN),
    7: ExampleFigure(
        *(7, _SUN, (1,)),
        (None, ("gaussian", "medium"), ("gaussian", "medium"), ("salt", "small")),
    ),
}
