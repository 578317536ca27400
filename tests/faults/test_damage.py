"""Every file of a finished run, damaged in turn: made good and nothing else; named, and never used, by what reads it."""

import json
import shutil
import signal
import time

import pytest
from campaign import STAGES, distill, reported
from processes import Slice
from sameness import PAGES, differences

from alambique.run.manifest import MANIFEST

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("drawn_figures")]
DAMAGES = ("empty", "half", "one byte less", "a bit", "a link", "gone")
TRUNCATED = {"empty": lambda size: 0, "half": lambda size: size // 2, "one byte less": lambda size: size - 1}
TEXT = "a claim to classify"
# what each command reads, by the beginning of the name; the pages are written anew and read by nobody
READS = {
    "predict": ("recipe.yaml", "onnx/model_int8.onnx", "onnx/tokenizer.json", "onnx/export.json", "onnx/manifest.json"),
    "predict --model onnx": ("onnx/model.onnx",),
    "predict --model torch": ("recipe.yaml", "student/"),
    "evaluate": ("recipe.yaml", "data/", "teacher/", "student/", "undistilled/"),
    "report": ("recipe.yaml", "data/", "benchmark/", "teacher/", "soft_labels/", "student/", "undistilled/", "predictions/",
               "onnx/", "seeds/"),
    "export": ("recipe.yaml", "data/", "student/", "predictions/student/"),
}  # fmt: skip


def arguments(command, run):
    name, *options = command.split()
    return [
        name,
        run,
        *([TEXT] if name == "predict" else []),
        *(["--to", "onnx"] if name == "export" else []),
        *options,
    ]


def do(path, damage, chance, elsewhere):
    """Damage a file; True if nothing could tell it from what was written, by its name and content."""
    content = bytearray(path.read_bytes())
    if damage in TRUNCATED:
        path.write_bytes(content[: TRUNCATED[damage](len(content))])
        return not content
    if damage == "a link":
        path.rename(elsewhere)
        path.symlink_to(elsewhere)
        return path.name == "recipe.yaml"
    if damage == "gone":
        path.unlink()
        return False
    place = chance.randrange(len(content))
    whole = bytes(content)
    content[place] ^= 1 << chance.randrange(8)
    path.write_bytes(content)
    if path.name == "recipe.yaml":  # in the words before the hash it is a comment, which says nothing
        return whole.partition(b"\n")[2] == bytes(content).partition(b"\n")[2] and not content.startswith(whole[:27])
    return path.name == MANIFEST and _but_environment(whole) == _but_environment(content)


def _but_environment(raw):
    """A manifest without the versions, which are for the record and which nothing reads."""
    try:
        content = json.loads(raw)
    except ValueError:
        return None
    if isinstance(content, dict) and "environment" in content:
        del content["environment"]
    return content


def snapshot(folder):
    return {
        path.relative_to(folder).as_posix(): path.readlink() if path.is_symlink() else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def written(run):
    return {path.parent.relative_to(run).as_posix(): path.stat().st_mtime_ns for path in run.rglob(MANIFEST)}


def cases(campaign):
    """Every file of a run with exports; of one with seeds, those that one with a single seed has not, or has as copies."""
    for recipe in ("exported", "seeds"):
        run = campaign.reference(recipe)
        for name in sorted(snapshot(run)):
            if recipe == "exported" or not name.startswith(("data", "tokens", "benchmark", *PAGES)):
                yield from ((recipe, name, damage) for damage in DAMAGES)


def copy_of(campaign, recipe):
    run = campaign.folder / "damaged" / recipe
    if not run.exists():
        shutil.copytree(campaign.reference(recipe), run)
    return run


def test_distill_makes_good_what_is_damaged_and_nothing_else(campaign, run, tmp_path, request):
    with reported(request, "damage, made good") as figures:
        for number, (recipe, name, damage) in enumerate(campaign.some(cases(campaign), 0.06, "made good")):
            figures["files damaged"] = number + 1
            folder, elsewhere = copy_of(campaign, recipe), tmp_path / "elsewhere"
            original, before = (folder / name).read_bytes(), written(folder)
            unseen = do(folder / name, damage, campaign.chance((recipe, name, damage)), elsewhere)
            case = f"{recipe}: {name}, {damage}"
            status, _, err = run(*distill(recipe, folder))
            assert status == 0, f"{case}: {err}"
            assert differences(folder, campaign.reference(recipe), rewrite=True) == [], case
            if damage == "a link":
                assert elsewhere.read_bytes() == original, case
                elsewhere.unlink()
            stage = next((one for one in before if name.startswith(f"{one}/")), None)
            after = written(folder)
            made = {one for one in after if one not in before or after[one] != before[one]}
            if unseen or stage is None:
                assert made == set(), case
                continue
            assert made == {stage} if recipe == "exported" else made <= {stage}, case
            assert f"{folder / stage}" in err, f"{case}: {err}"
            assert "it is damaged, is not used, and is made again" in err, f"{case}: {err}"


def test_what_reads_names_the_damaged_file_and_writes_nothing(campaign, run, tmp_path, request):
    with reported(request, "damage, read") as figures:
        figures |= {"files damaged": 0, "commands that named them": 0}
        for recipe, name, damage in campaign.some(cases(campaign), 0.04, "read"):
            if name in PAGES:
                continue
            folder, elsewhere = copy_of(campaign, recipe), tmp_path / "elsewhere"
            original = (folder / name).read_bytes()
            unseen = do(folder / name, damage, campaign.chance((recipe, name, damage)), elsewhere)
            before = snapshot(folder)
            readers = [one for one, names in READS.items() if name.startswith(names) and not unseen]
            readers = [one for one in readers if recipe == "exported" or "--model onnx" not in one]
            for command in readers:
                case = f"{command}: {recipe}: {name}, {damage}"
                status, out, err = run(*arguments(command, folder))
                assert (status, out) == (2, ""), f"{case}: {err}"
                (message,) = [line for line in err.splitlines() if line.startswith("alambique: ")]
                assert is_named(message, folder, name, damage), f"{case}: {message}"
                assert snapshot(folder) == before, case
                figures["commands that named them"] += 1
            (folder / name).unlink(missing_ok=True)
            elsewhere.unlink(missing_ok=True)
            (folder / name).write_bytes(original)
            figures["files damaged"] += 1


def is_named(message, folder, name, damage):
    """The file itself; or its manifest, which a stage is known by; or the run that has no recipe any more."""
    place = folder / name
    if place.name == MANIFEST and damage == "gone":
        stage = place.parent.relative_to(folder).as_posix()
        return (
            str(place) in message or f"has no {stage.removeprefix('seeds/0/').removeprefix('seeds/1/')} yet" in message
        )
    if name == "recipe.yaml" and "it has no recipe.yaml with a run id" in message:
        return str(folder) in message
    by_manifest = f"{place.parent / MANIFEST} names {name.split('/')[-1]}" in message
    return str(place) in message or by_manifest or (f"{MANIFEST} names" in message and name.split("/")[-1] in message)


def test_what_an_interrupted_training_left_may_be_damaged(campaign, run, tmp_path, request):
    """A run killed in its student's second epoch, and then each file of the attempt damaged: passed over."""
    reference, begun = campaign.reference("plain"), tmp_path / "begun"
    shutil.copytree(reference, begun)
    order = STAGES["plain"]
    for stage in order[order.index("student") :]:
        shutil.rmtree(begun / stage)
    one = Slice(distill("plain", begun), tmp_path / "said", forked=True)
    checkpoints = begun / ".work" / "student" / "scratch" / "checkpoints"
    while len(list(checkpoints.glob("*/sealed.json"))) < 2:
        assert one.status is None, one.err()
        time.sleep(0.002)
    one.send(signal.SIGKILL)
    one.wait()
    names = [name for name in sorted(snapshot(begun)) if name.startswith(".work/student/")]
    assert len(names) > 15
    found = [(name, damage) for name in names for damage in DAMAGES]
    with reported(request, "damage, interrupted") as figures:
        for number, (name, damage) in enumerate(campaign.some(found, 0.03, "interrupted")):
            folder, elsewhere = tmp_path / "damaged", tmp_path / "elsewhere"
            shutil.copytree(begun, folder)
            original = (folder / name).read_bytes()
            do(folder / name, damage, campaign.chance((name, damage)), elsewhere)
            status, _, err = run(*distill("plain", folder))
            assert status == 0, f"{name}, {damage}: {err}"
            assert differences(folder, reference) == [], f"{name}, {damage}"
            assert damage != "a link" or elsewhere.read_bytes() == original, f"{name}, {damage}"
            elsewhere.unlink(missing_ok=True)
            shutil.rmtree(folder)
            figures["files damaged"] = number + 1
