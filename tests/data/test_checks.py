import numpy as np
import pytest
from PIL import Image

from tfapp.data import choose_framing, open_dataset, open_multi_label
from tfapp.data.checks import NOTE, REFUSAL, WARNING, check_data
from tfapp.data.framing import small_image_remark


def checked(root):
    return check_data(open_dataset(f"folder:{root}"))


def test_facts_and_classes_are_counted(make_folder):
    root = make_folder(count=2)
    report = checked(root)
    raw = np.stack([np.array(Image.open(path)) for path in sorted((root / "masks").iterdir())])
    assert [row[2] for row in report.classes] == np.bincount(raw.ravel()).tolist()
    assert [row[4] for row in report.classes] == [2, 2, 2]
    assert report.facts["width x height"] == "48x32 (2)" and report.facts["formats"] == "PNG RGB (2)"
    assert report.facts["values of masks"].startswith("0 = class 0; 1 = class 1")
    assert not report.findings


def test_images_of_one_value_dark_ones_and_repeated_ones_are_warned_of(make_folder):
    root = make_folder(count=5)
    paths = sorted((root / "images").iterdir())
    Image.new("RGB", (48, 32), (9, 9, 9)).save(paths[0])
    Image.fromarray(np.array(Image.open(paths[1])) // 9).save(paths[1])
    Image.open(paths[2]).save(paths[3])
    report = checked(root)
    texts = [finding.text for finding in report.of_kind(WARNING)]
    assert [text.split(":")[-1].strip(" .") for text in texts if "throughout" in text] == ["cell 0"]
    assert any("nowhere exceed 0.2" in text and "cell 1" in text for text in texts)
    assert any("occur several times" in text and "cell 2 = cell 3" in text for text in texts)
    assert report.extremes["darkest"] in ("cell 0", "cell 1")


def test_orientation_is_a_note(make_folder):
    root = make_folder(count=3)
    path = root / "images" / "cell 0.png"
    exif = Image.Exif()
    exif[0x0112] = 3
    image = Image.open(path)
    path.unlink()
    image.save(path.with_suffix(".jpg"), exif=exif)
    (finding,) = checked(root).of_kind(NOTE)
    assert "orientation in EXIF" in finding.text and finding.pictures == ("cell 0",)


def test_all_unreadable_images_are_listed_and_not_the_first_alone(make_folder):
    root = make_folder(count=4)
    for number in (1, 3):
        path = root / "images" / f"cell {number}.png"
        path.write_bytes(path.read_bytes()[:200])
    report = checked(root)
    assert [finding.pictures for finding in report.of_kind(REFUSAL)] == [("cell 1",), ("cell 3",)]


def test_one_small_image_is_told_with_the_patch_that_would_fit_without_it(make_folder):
    root = make_folder(count=3, size=(300, 300))
    for name in ("images", "masks"):
        path = root / name / "cell 2.png"
        Image.open(path).crop((0, 0, 40, 40)).save(path)
    dataset = open_dataset(f"folder:{root}")
    framing = choose_framing(dataset, 16)
    assert framing.patch == 32
    remark = small_image_remark(dataset, 16, framing)
    assert "cell 2 is only 40x40" in remark and "patches of 32" in remark and "256 would fit" in remark
    assert remark in [finding.text for finding in check_data(dataset).of_kind(WARNING)]


def test_images_that_all_are_small_are_not_remarked_on(make_folder):
    dataset = open_dataset(f"folder:{make_folder(count=3, size=(40, 50))}")
    assert small_image_remark(dataset, 16, choose_framing(dataset, 16, patch=32)) is None


def test_separator_of_tags_and_classes_without_images_are_told(tmp_path):
    for name, value in (("a", 250), ("b", 200), ("c", 150)):
        Image.fromarray(np.full((4, 4, 3), value, np.uint8) - np.eye(4, dtype=np.uint8)[..., None]).save(
            tmp_path / f"{name}.png"
        )
    (tmp_path / "labels.csv").write_text(
        "image,labels,split\na.png,red green,train\nb.png,green,train\nc.png,red,test\n"
    )
    report = check_data(open_multi_label(f"labels:{tmp_path}"))
    assert report.of_kind(NOTE)[0].text.endswith("separated by a space.")
    missing, *always = [finding.text for finding in report.of_kind(WARNING)]
    assert missing == "No image for testing shows green."
    assert [text.split(",")[0] for text in always] == [
        "Every image for training shows green",
        "Every image for testing shows red",
    ]


@pytest.mark.parametrize("splits", [("train", "test"), ("train", "train")])
def test_same_picture_in_two_splits_is_a_warning_and_in_one_a_note(tmp_path, splits):
    Image.fromarray(np.eye(4, dtype=np.uint8) * 200).save(tmp_path / "a.png")
    Image.open(tmp_path / "a.png").save(tmp_path / "b.png")
    Image.fromarray(np.eye(5, dtype=np.uint8) * 200).save(tmp_path / "c.png")
    rows = zip("ab", splits, strict=True)
    lines = "".join(f"{name}.png,{split},1,1\n" for name, split in rows)
    (tmp_path / "labels.csv").write_text(f"image,split,x,y\n{lines}c.png,test,1,1\n")
    findings = check_data(open_multi_label(f"labels:{tmp_path}")).findings
    (finding,) = (one for one in findings if not one.text.startswith("Every image"))
    assert finding.kind == (WARNING if "test" in splits else NOTE) and "a.png = t" in finding.text


def test_findings_are_the_same_by_several_threads(make_folder, monkeypatch):
    root = make_folder(count=12)
    for number in (3, 7):
        path = root / "images" / f"cell {number}.png"
        path.write_bytes(path.read_bytes()[:200])
    Image.open(root / "images" / "cell 1.png").save(root / "images" / "cell 9.png")
    alone = checked(root)
    monkeypatch.setattr("tfapp.data.read_ahead._WORTH_SECONDS", 0)
    monkeypatch.setattr("tfapp.data.read_ahead.os.cpu_count", lambda: 4)
    together = checked(root)
    for name in ("facts", "classes", "findings", "extremes"):
        assert getattr(together, name) == getattr(alone, name)
    assert len(alone.of_kind(REFUSAL)) == 2
