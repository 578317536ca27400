"""Names of what lies in a run folder, in one place."""

RECIPE, WORK, KEY, SCRATCH = "recipe.yaml", ".work", "key.json", "scratch"
DATA, TEACHER, SOFT_LABELS, STUDENT, UNDISTILLED = "data", "teacher", "soft_labels", "student", "undistilled"
TOKENS, PREDICTIONS, BENCHMARK, SEEDS, ONNX, WEB = "tokens", "predictions", "benchmark", "seeds", "onnx", "web"
UNLABELLED = "unlabelled"  # new rows of text without labels
MIXED_LABELS = "mixed_labels"  # soft labels of train and, behind it, of the unlabelled rows
UNDISTILLED_ONCE = "undistilled_once"  # a twin beside unlabelled text: as many epochs, each over its labelled rows once
FEATURES = "features"  # what a feature loss reads of the teacher
TEACHERS = "teachers"  # further teachers, each in a folder of its name
ENSEMBLE = "ensemble"  # the predictions of all teachers that labelled train, combined as their soft labels are
IN_SAMPLE = "in_sample_labels"  # of the teacher that was trained on these rows, to compare with labels out of fold
CONTRADICTED = "contradicted"  # rows whose label the out-of-fold teachers contradict
VIEWS = "views"  # the soft labels of further versions of train, each in a folder of its number, from 1
VIEW_TEXTS = "view_texts"  # the texts of such versions, where a model replaced words, in folders of the same numbers
TOKEN_VECTORS = "token_vectors"  # noqa: S105 - what the vectors of a static student begin with
VOCABULARY = "vocabulary"  # which tokens a student keeps, where its vocabulary is cut
VOCABULARY_PARITY = "vocabulary_parity"  # what the smaller vocabulary costs a student on valid
VOCABULARY_FACTS = "vocabulary.json"
STUDENTS = "students"  # further students and twins of the same teacher, each pair in a folder of its number, from 2
ASKED = "asked"  # answers of a service, kept as they come; not an artefact, and never removed
TRACKING = "tracking"  # what trackers write; not an artefact
EXPORT_FACTS = "export.json"
ONNX_FILES = {"onnx": "model.onnx", "int8": "model_int8.onnx"}  # by format
REPORT_JSON, REPORT_HTML, MODEL_CARD = "report.json", "report.html", "README.md"
MODELS = (TEACHER, STUDENT, UNDISTILLED)
SEED_STAGES = (TEACHER, SOFT_LABELS, STUDENT, UNDISTILLED, *(f"{PREDICTIONS}/{name}" for name in MODELS))
LINT, SPLITS = "lint.json", "splits.json"
COST = "cost.json"
MAJORITY, TFIDF = "majority", "tfidf"
HISTORY = "history.json"


def teacher_folder(number: int) -> str:
    """The folder of a teacher of the recipe's list, by its number from 0: ``teacher``, then ``teachers/1`` and so on."""
    return f"{TEACHERS}/{number}" if number else TEACHER
