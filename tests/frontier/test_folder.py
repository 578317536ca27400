"""The folder of a frontier: ours, and of one recipe."""

import pytest

from alambique import Recipe
from alambique.errors import RunFolderError
from alambique.frontier.folder import MARK, form_folder, form_folders, frontier_folder
from alambique.frontier.forms import Form


@pytest.fixture
def base():
    return Recipe.load("quickstart")


def refusal(path, base):
    with pytest.raises(RunFolderError) as refused, frontier_folder(path, base, bool):
        pass
    return str(refused.value)


def test_a_folder_of_the_same_recipe_is_gone_on_with(tmp_path, base):
    for _ in range(2):
        with frontier_folder(tmp_path / "f", base, bool) as folder:
            run = form_folder(folder, Form(layers=3, pruned=True))
            assert run == folder / "forms" / "3-layers-pruned"
            run.mkdir(parents=True, exist_ok=True)
            (run / "recipe.yaml").write_text("run_id: 1")
            (folder / "forms" / "begun").mkdir(exist_ok=True)
            assert form_folders(folder) == (run,)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("recipe.yaml", "a run of alambique distill"),
        ("sweep.yaml", "a sweep"),
        ("notes.txt", "other files"),
        (MARK, "other files"),
    ],
)
def test_what_another_command_made_is_refused(tmp_path, base, file, content):
    (tmp_path / file).write_text("- mine")
    assert refusal(tmp_path, base) == (
        f"{tmp_path} holds {content} and no {MARK} of a frontier, so nothing is written there. Choose another folder "
        "with --out."
    )
    assert [path.name for path in tmp_path.iterdir()] == [file]


def test_another_recipe_and_links_are_refused(tmp_path, base):
    with frontier_folder(tmp_path / "f", base, bool):
        pass
    assert refusal(tmp_path / "f", Recipe.load("quickstart", ("data.max_rows=100",))) == (
        f"{tmp_path / 'f'} holds a frontier of another recipe, whose students cannot be compared with this one's. Give its "
        "recipe, --set and --rows to go on with it, or choose another folder with --out."
    )
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "f" / "forms").symlink_to(tmp_path / "elsewhere")
    assert refusal(tmp_path / "f", base) == (
        f"{tmp_path / 'f' / 'forms'} is a link: writing through it could change files elsewhere. Remove it."
    )
