"""The folder of a sweep: ours, locked, of one recipe and one space."""

import pytest

from alambique import Recipe
from alambique.errors import RecipeError, RunFolderError
from alambique.sweep.folder import MARK, sweep_folder, trial_folder, trial_folders

OVER = ("student.epochs=2,4",)


@pytest.fixture
def base():
    return Recipe.load("quickstart")


def refusal(path, base, over=OVER):
    with pytest.raises(RunFolderError) as refused, sweep_folder(path, base, over, bool):
        pass
    return str(refused.value)


def test_a_folder_of_the_same_sweep_is_gone_on_with(tmp_path, base):
    for _ in range(2):
        with sweep_folder(tmp_path / "new" / "s", base, OVER, bool) as folder:
            assert folder == tmp_path / "new" / "s"
            assert trial_folder(folder, 12) == folder / "trials" / "12"
            for number in (10, 9):
                trial_folder(folder, number).mkdir(parents=True, exist_ok=True)
            assert [path.name for path in trial_folders(folder)] == ["9", "10"]
    assert sorted(path.name for path in folder.iterdir()) == [MARK, "trials"]


def test_another_sweep_and_other_files_are_refused(tmp_path, base):
    with sweep_folder(tmp_path / "s", base, OVER, bool):
        assert refusal(tmp_path / "s", base).startswith(f"{tmp_path / 's'} is in use by process ")
    before = (tmp_path / "s" / MARK).read_bytes()
    assert refusal(tmp_path / "s", base, ("student.epochs=2,8",)) == (
        f"{tmp_path / 's'} holds a sweep of other values: --over student.epochs=2,4. Give these to go on with it, or choose "
        "another folder with --out."
    )
    assert refusal(tmp_path / "s", Recipe.load("quickstart", ("seeds=[1]",))) == (
        f"{tmp_path / 's'} holds a sweep of another recipe, whose trials cannot be compared with this one's. Choose another "
        "folder with --out."
    )
    assert (tmp_path / "s" / MARK).read_bytes() == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    assert refusal(tmp_path / "mine", base) == (
        f"{tmp_path / 'mine'} holds other files and no {MARK} of a sweep, so nothing is written there. Choose another "
        "folder with --out."
    )
    (tmp_path / "mine" / MARK).write_text("- a list")
    assert refusal(tmp_path / "mine", base).startswith(f"{tmp_path / 'mine'} holds other files")
    assert refusal(tmp_path / "mine" / "notes.txt", base) == (
        f"{tmp_path / 'mine' / 'notes.txt'} is a file; --out must name a folder."
    )


def test_a_link_is_not_written_through(tmp_path, base):
    with sweep_folder(tmp_path / "s", base, OVER, bool):
        pass
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "s" / "trials").symlink_to(tmp_path / "elsewhere")
    assert refusal(tmp_path / "s", base) == (
        f"{tmp_path / 's' / 'trials'} is a link: writing through it could change files elsewhere. Remove it."
    )


def test_nothing_is_left_of_a_new_folder_whose_sweep_is_refused(tmp_path, base):
    def check():
        raise RecipeError("no")

    with pytest.raises(RecipeError, match="^no$"), sweep_folder(tmp_path / "new" / "s", base, OVER, check):
        pass
    assert list(tmp_path.iterdir()) == []
