"""What is done before anything is trained: data read, models found and checked, rows and tokens stored."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

import torch

from alambique.artefacts.predictions import weight_bytes
from alambique.artefacts.splits import Split, Splits
from alambique.artefacts.tokens import MIXED, Tokens
from alambique.artefacts.unlabelled import Unlabelled
from alambique.data.class_names import check_class_names
from alambique.data.load import load_splits, locate
from alambique.data.unlabelled import locate_unlabelled
from alambique.data.unlabelled_train import check_unlabelled_train
from alambique.data.word_dropout import view_of
from alambique.distributed.launch import read_launch
from alambique.evaluation.task import Task
from alambique.evaluation.tasks import TASKS, task_of
from alambique.export.trial import try_export
from alambique.findings import Finding
from alambique.models.cut_vocabulary import CutVocabulary
from alambique.models.masked_lm import KEY as VIEWS_MODEL
from alambique.models.masked_lm import find_masked_lm
from alambique.models.pretrained import PretrainedFolder, load_config, recorded_pretrained
from alambique.models.student_form import BuildContext, StudentForm, Surroundings
from alambique.models.token_vectors import encode_vocabulary
from alambique.models.tokenizer import no_tokenizer_json
from alambique.progress import Reporter
from alambique.recipe.recipe import Recipe
from alambique.run.folder import RunFolder
from alambique.run.layout import DATA, STUDENT, TEACHER, VIEW_TEXTS
from alambique.run.manifest import Artefact
from alambique.stages import data
from alambique.stages.features import check_features
from alambique.stages.student import check_loss, resolve_student
from alambique.stages.teacher import TeacherInit, first_model
from alambique.stages.token_vectors import TokenVectorInputs, load_named_encoder
from alambique.stages.tokens import TokenInputs, tokenize_splits
from alambique.stages.unlabelled import MixedTokenInputs, store_unlabelled, tokenize_mixed
from alambique.stages.view_texts import ViewTextInputs, make_view_texts
from alambique.stages.vocabulary import VocabularyInputs, choose_vocabulary
from alambique.training.arguments import unused_devices

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

WHOLE = "whole"  # the tokens of a student's own tokenizer before its vocabulary is cut
_TRIED = 64  # rows that tokenizers are compared on
_TOKENS_TRIED = 8  # for first vectors
SMALL = 20_000_000  # bytes of weights, below which an export takes seconds


@dataclass(frozen=True)
class Job:
    """What all seeds of a run have in common.

    Attributes:
        recipe: what to do.
        splits: the rows.
        teachers: they label train together; the first is reported as the teacher.
        student: its form.
        tokens: of all splits, by whose tokenizer made them: a teacher's name, or ``student``.
        feature_layers: from the student's layers to the teacher's, for a feature loss; empty where there is none.
        unlabelled: further rows, which the teachers label; None where there are none.
        views: further versions of train, which the teachers label and the student reads too.
    """

    recipe: Recipe
    splits: Splits
    teachers: tuple[TeacherInit, ...]
    student: StudentForm
    tokens: Mapping[str, Mapping[str, Tokens]]
    feature_layers: Mapping[int, int]
    unlabelled: Unlabelled | None = None
    views: tuple[Split, ...] = ()

    @property
    def task(self) -> Task:
        """How the rows are decided and scored, and epochs chosen."""
        return task_of(self.splits, self.recipe.verdict, self.recipe.decide)

    @property
    def epoch_rows(self) -> int | None:
        """Rows of the student's epoch, and of the twin that makes as many steps; None without unlabelled text."""
        return None if self.unlabelled is None else epoch_rows(self.recipe, self.splits, len(self.unlabelled))

    def mixed_tokens(self, role: str) -> Mapping[str, Tokens]:
        """Tokens by the name of the split; as train, the unlabelled rows too, where there are any."""
        tokens = self.tokens[role]
        return {**tokens, "train": tokens[MIXED]} if MIXED in tokens else tokens

    def view_tokens(self, role: str, view: Split) -> Mapping[str, Tokens]:
        """Tokens by the name of the split, those of a view in the place of train; none where a run is only looked at."""
        tokens = self.tokens.get(role, {})  # a teacher that answers reads none
        return {**tokens, "train": tokens[view.name]} if view.name in tokens else tokens

    def vector_inputs(self, teacher: Artefact) -> TokenVectorInputs | None:
        """What the first vectors of a static student are made from; None for other forms."""
        source, cut = self.student.vector_source, self.student if isinstance(self.student, CutVocabulary) else None
        if source is None:
            return None
        return TokenVectorInputs(
            source=source, teacher=teacher if source.encoder is None else None, max_length=self.recipe.data.max_length,
            train=self.splits.train, unlabelled=self.unlabelled, vocabulary=None if cut is None else cut.digest,
            kept=None if cut is None else cut.kept, tokens=self.mixed_tokens(STUDENT),
        )  # fmt: skip


def epoch_rows(recipe: Recipe, splits: Splits, unlabelled: int) -> int:
    """Rows of an epoch, where there are so many unlabelled ones."""
    ratio, train = recipe.distillation.unlabelled_ratio, len(splits.train)
    return train + (unlabelled if ratio == "all" else max(1, round(ratio * train)))


def prepare(
    run: RunFolder,
    recipe: Recipe,
    teachers: Callable[[Recipe, Splits], tuple[TeacherInit, ...]],
    reporter: Reporter,
    *,
    with_test: bool = True,
) -> Job:
    """Read the data, find and check the models, and store rows and tokens; nothing is trained."""
    whole = load_splits(recipe.data, locate(recipe.data), recorded=run.recorded_key(DATA).get("inputs"))
    splits = whole if with_test else whole.without_test()
    source = locate_unlabelled(recipe.data)
    check_against_data(recipe, splits)
    inits = teachers(recipe, splits)
    student = resolve_student(recipe.student, surroundings(recipe, splits, inits[0]))
    check_vectors(splits, inits[0], student, seed=recipe.seeds[0])
    layers = feature_layers(recipe, splits, inits[0], student)
    replacer = views_model(recipe)
    run.write_recipe(recipe)
    for finding in unexportable(run, recipe, splits, inits[0], student):
        reporter.say(f"{finding.message} {finding.advice}")
    idle, processes = unused_devices(), read_launch().processes
    if processes > 1:
        reporter.say(f"{processes} processes train together")
    if idle:
        reporter.say(f"{idle} more GPUs are here, which training does not use")
    # a text of test is left out where test is not looked at too: a trial of a sweep and the run of its recipe are the same
    unlabelled = None if source is None else store_unlabelled(run, source, whole, reporter)
    views = views_of(run, recipe, splits, replacer, reporter)
    tokens = tokenize(run, recipe, splits, inits, student, reporter, views=views, unlabelled=unlabelled)
    if recipe.student.vocabulary is not None:
        student, tokens = cut(run, recipe, splits, inits, student, tokens, reporter, views=views, unlabelled=unlabelled)
    job = Job(recipe, splits, inits, student, tokens, layers, unlabelled, views)
    store_data(run, job, reporter)
    return job


def check_against_data(recipe: Recipe, splits: Splits) -> None:
    """Refuse a recipe whose keys do not fit the rows and labels that there are.

    Raises:
        DataError: train has no labels, and the teacher needs them.
        RecipeError: the message names the key.
    """
    check_unlabelled_train(recipe, splits)
    check_class_names(recipe, splits)
    check_loss(recipe.distillation, recipe.student, splits)


def views_model(recipe: Recipe) -> PretrainedFolder | None:
    """The masked language model that replaces words of further versions of train, tried out; None without one.

    Raises:
        ModelError: it cannot be had or loaded, or is not a masked language model.
        MisfitError: it does not fit its tokenizer, or cannot be run.
    """
    name = recipe.soft_labels.views.model
    return None if name is None or recipe.views == 1 else find_masked_lm(name, recipe.data.max_length)


def recorded_views_model(run: RunFolder, recipe: Recipe) -> PretrainedFolder | None:
    """The same of a finished run; one that is not here any more counts as the one that the run recorded."""
    name = recipe.soft_labels.views.model
    if name is None or recipe.views == 1:
        return None
    first = f"{VIEW_TEXTS}/1"
    recorded = run.recorded_key(first).get("inputs", {}).get("checkpoint")
    return recorded_pretrained(name, recorded, run.path / first, key=VIEWS_MODEL)


def views_of(
    run: RunFolder, recipe: Recipe, splits: Splits, replacer: PretrainedFolder | None, reporter: Reporter
) -> tuple[Split, ...]:
    """Further versions of train: where there is a model, it replaces words; then words are left out."""
    views, seed, made = recipe.soft_labels.views, recipe.data.split_seed, []
    for number in range(1, recipe.views):
        rows = splits.train
        if replacer is not None:
            inputs = ViewTextInputs(replacer, rows, number, views.replace, seed, recipe.data.max_length)
            rows = make_view_texts(run, inputs, reporter)
        made.append(view_of(rows, number, views.dropout, seed))
    return tuple(made)


def surroundings(recipe: Recipe, splits: Splits, teacher: TeacherInit) -> Surroundings:
    """What the form of student is checked against."""
    pairs = splits.train.second_segments() is not None
    texts = None if teacher.answers is None else splits.train
    return Surroundings(splits.label_names, recipe.data.max_length, teacher.config, pairs=pairs, train=texts)


def check_vectors(splits: Splits, teacher: TeacherInit, form: StudentForm, *, seed: int) -> None:
    """Take the first vectors of a static student from a few tokens; nothing is done for other forms.

    Raises:
        ModelError: the encoder cannot be loaded, or gives no output for each token.
    """
    source = form.vector_source
    if source is None:
        return
    with torch.random.fork_rng():
        if source.encoder is None:
            model, tokenizer = first_model(teacher, splits.label_names, seed=seed), teacher.tokenizer
        else:
            model, tokenizer = load_named_encoder(source), source.tokenizer
        encode_vocabulary(model, cast("PreTrainedTokenizerBase", tokenizer), size=_TOKENS_TRIED)


def feature_layers(recipe: Recipe, splits: Splits, teacher: TeacherInit, form: StudentForm) -> dict[int, int]:
    """The layers of the feature loss, which is tried on the untrained models; empty without such a loss.

    Raises:
        RecipeError: it cannot be computed.
    """
    if recipe.distillation.features is None:
        return {}
    tokenizer = cast("PreTrainedTokenizerBase", teacher.tokenizer)
    with torch.random.fork_rng():
        model = first_model(teacher, splits.label_names, seed=recipe.seeds[0])
        student, own = untrained(recipe, splits, teacher, form, lambda: model)
        rows = splits.train.take(range(min(_TRIED, len(splits.train)))).segments()
        term = check_features(recipe.distillation, recipe.compute, (model, student), (tokenizer, own), rows)
    return {} if term is None else term.layers


def recorded_layers(run: RunFolder, recipe: Recipe) -> dict[int, int]:
    """The layers of the feature loss of a finished run, by the models in it."""
    loss = recipe.distillation.features
    if loss is None or loss.layers is not None:
        return {} if loss is None or loss.layers is None else loss.layers
    depths = [load_config(run.require(name), key=name).num_hidden_layers for name in (STUDENT, TEACHER)]
    return loss.default_layers(*depths)


def unexportable(
    run: RunFolder, recipe: Recipe, splits: Splits, teacher: TeacherInit, form: StudentForm
) -> list[Finding]:
    """What the export of the student will not do, before hours of training; what takes longer to find is left to the doctor.

    A small checkpoint's export is tried out; BERT and DistilBERT, which students from scratch are, are known to work.
    """
    if not recipe.export.formats:
        return []
    lacking = no_tokenizer_json(read_with(form, teacher), where="student")
    if lacking is not None:
        return [lacking]
    source = form.weights or (teacher.checkpoint.folder if teacher.checkpoint is not None else None)
    small = source is not None and 0 < weight_bytes(source) <= SMALL
    trained = bool(run.seeds_of(recipe)[recipe.seeds[0]].recorded_key(STUDENT))
    if recipe.student.from_scratch is not None or not small or trained:
        return []
    with torch.random.fork_rng():
        seed, names = recipe.seeds[0], splits.label_names
        model, tokenizer = untrained(recipe, splits, teacher, form, lambda: first_model(teacher, names, seed=seed))
        task, max_length = TASKS[splits.task], recipe.data.max_length
        refused = try_export(model, tokenizer, splits.valid, recipe.export, task, max_length=max_length)
    return [] if refused is None else [refused]


def untrained(
    recipe: Recipe,
    splits: Splits,
    teacher: TeacherInit,
    form: StudentForm,
    load_teacher: "Callable[[], PreTrainedModel]",
) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
    """The student as it would be made from a teacher that is not trained yet."""
    tokenizer = read_with(form, teacher)
    return form.build(BuildContext(load_teacher, tokenizer, splits.label_names, recipe.seeds[0]))


def read_with(student: StudentForm, teacher: TeacherInit) -> "PreTrainedTokenizerBase":
    """The student's tokenizer: its own, or its teacher's."""
    return student.tokenizer or cast("PreTrainedTokenizerBase", teacher.tokenizer)


def tokenize(
    run: RunFolder, recipe: Recipe, splits: Splits, teachers: tuple[TeacherInit, ...], student: StudentForm,
    reporter: Reporter, *, views: tuple[Split, ...] = (), unlabelled: Unlabelled | None = None,
) -> dict[str, Mapping[str, Tokens]]:  # fmt: skip
    """Token ids of all splits and views, once per tokenizer; a student without one of its own reads its teacher's."""
    tokenizers = {init.name: init.tokenizer for init in teachers} | {STUDENT: student.tokenizer}
    uncut = recipe.student.vocabulary is not None and not isinstance(student, CutVocabulary)
    made: dict[str, Mapping[str, Tokens]] = {}
    for role, tokenizer in tokenizers.items():
        same = next((other for other in made if tokenizers[other] is tokenizer), None)
        if same is not None:  # a fold reads what the teacher of all rows reads
            made[role] = made[same]
        elif tokenizer is not None:
            inputs = TokenInputs(tokenizer, recipe.data.max_length, splits, views)
            role_there = WHOLE if role == STUDENT and uncut else role
            made[role] = tokenize_splits(run, inputs, reporter, role=role_there)
            if unlabelled is not None:
                mixed = MixedTokenInputs(tokenizer, recipe.data.max_length, splits.train, unlabelled)
                made[role] = {**made[role], **tokenize_mixed(run, mixed, reporter, role=role_there)}
    return made if STUDENT in made else {**made, STUDENT: made[TEACHER]}


def cut(
    run: RunFolder, recipe: Recipe, splits: Splits, teachers: tuple[TeacherInit, ...], form: StudentForm,
    tokens: Mapping[str, Mapping[str, Tokens]], reporter: Reporter, *, views: tuple[Split, ...],
    unlabelled: Unlabelled | None,
) -> tuple[StudentForm, dict[str, Mapping[str, Tokens]]]:  # fmt: skip
    """The form of student with the vocabulary that the recipe asks for, and the tokens that it reads; it is tried out.

    Raises:
        ModelError: the vocabulary of its tokenizer or its model cannot be cut.
    """
    tokenizer, size = read_with(form, teachers[0]), recipe.student.vocabulary
    inputs = VocabularyInputs(
        tokenizer=tokenizer, size=cast("Literal['auto'] | int", size), max_length=recipe.data.max_length,
        train=splits.train, valid=splits.valid, views=views, unlabelled=unlabelled, tokens=tokens[STUDENT],
    )  # fmt: skip
    kept = choose_vocabulary(run, inputs, reporter)
    if len(kept.ids) == kept.whole:
        return form, dict(tokens)
    made = CutVocabulary(form, kept.digest, kept, tokenizer)
    first = teachers[0]
    if first.answers is None:
        with torch.random.fork_rng():
            untrained(recipe, splits, first, made, lambda: first_model(first, splits.label_names, seed=recipe.seeds[0]))
    own = tokenize(run, recipe, splits, (), made, reporter, views=views, unlabelled=unlabelled)
    return made, {**tokens, **own}


def store_data(run: RunFolder, job: Job, reporter: Reporter) -> None:
    """The rows, and the findings about them: by the teacher's tokens or, where it reads none, the student's."""
    section, first = job.recipe.data, job.teachers[0]
    reads = TEACHER if first.answers is None else STUDENT
    tokenizer = first.tokenizer or read_with(job.student, first)
    inputs = data.DataInputs(job.splits, tokenizer, section.max_length, section.metadata, job.tokens[reads])
    data.STAGE.run(run, inputs, reporter)
