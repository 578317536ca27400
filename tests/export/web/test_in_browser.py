"""The exported folder in a real browser that reaches nothing but a static host of that folder."""

import json
import os
import random
import re
import shutil

import numpy as np
import pytest
from web_host import CLOSED, hosted

from alambique.commands import export
from alambique.export.web import bundle as web
from alambique.export.web.npm import NpmError, cache_folder, fetch
from alambique.inference.classifier import open_classifier
from browser import CHROMIUM, TOO_WIDE, Browser
from conftest import rows

ODD = (
    "", " ", "a", "superb", "SUPERB Lámp DOOR", "superb\tlamp\n\nkettle", "中文 and العربية, हिन्दी", "👩‍👩‍👧 lamp 🇧🇷",
    "[SEP] superb [CLS] lamp [MASK]", "<script>alert(1)</script>", "naïve Å ÅÅ ﬁ ½", "\u200bzero\u200bwidth\ufeff lamp",
    "don't... (superb)—lamp!?", "x" * 150, "superb lamp " * 200, "awful door, " * 9, "\x00\x07 lamp \x90",
)  # fmt: skip


@pytest.fixture(scope="module")
def offline_browser(tmp_path_factory):
    if CHROMIUM is None:
        pytest.skip("no chromium")
    opened = Browser(tmp_path_factory.mktemp("chromium"), *CLOSED)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def exported_web(exported, tmp_path_factory):
    """A run with ``web/`` as it ships, the packages out of the user's own cache or from the registry."""
    try:
        for package in web.LIBRARY:
            fetch(package)
    except NpmError as error:
        pytest.skip(f"the packages cannot be had: {error}")
    folder = tmp_path_factory.mktemp("shipped") / "run"
    shutil.copytree(exported[0], folder)
    export(folder, ["web"])
    return folder


@pytest.fixture(scope="module")
def host(exported_web):
    with hosted(exported_web / "web") as address:
        yield address


def statements():
    return [row["text"] for row in rows(100, 9)]


def in_page(browser, texts):
    """The answers of the page's own module."""
    code = f"""import("./web.js").then(({{ started }}) => started).then(async ({{ classify }}) => {{
        const answers = [];
        for (const text of {json.dumps(texts)}) answers.push(await classify(text, ""));
        return answers; }})"""
    return browser.value(code)


def in_python(folder, texts):
    """Answers of the same int8 file, one text a batch."""
    model = open_classifier(folder, "int8")
    return [model.answer(model.probabilities([(text,)])[0]) for text in texts]


def requests(browser):
    seen = {event["request"]["url"] for event in browser.seen("Network.requestWillBeSent")}
    return {url for url in seen if not url.startswith("data:")}


def complaints(browser):
    return browser.seen("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")


def ready(browser):
    browser.wait("!document.getElementById('send').hasAttribute('aria-disabled')")


def test_the_page_answers_as_python_does_and_asks_nobody_else(offline_browser, exported_web, host):
    offline_browser.open(host, 1440)
    ready(offline_browser)
    texts = [*statements(), *ODD]
    here, there = in_python(exported_web, texts), in_page(offline_browser, texts)
    assert [one["label"] for one in there] == [one["label"] for one in here]
    assert {one["label"] for one in here} == {"bad", "fair", "good"}
    scores = [[list(one["scores"].values()) for one in side] for side in (there, here)]
    np.testing.assert_allclose(*scores, atol=2e-3)  # where a float lies between two integers, it is rounded either way
    assert np.abs(np.subtract(*scores)).mean() < 1e-5
    assert list(there[0]["scores"]) == list(here[0]["scores"])
    files = ("", "style.css", "web.js", "bars.js", "cut.js", "decide.js", "student.js", "lib/transformers.min.js",
             "lib/ort-wasm-simd-threaded.js", "lib/ort-wasm-simd-threaded.wasm", "model/facts.json", "model/config.json",
             "model/tokenizer.json", "model/tokenizer_config.json", "model/onnx/model_quantized.onnx")  # fmt: skip
    assert requests(offline_browser) == {f"{host}{name}" for name in files}
    assert complaints(offline_browser) == []


def test_token_ids_are_pythons_up_to_the_cut(offline_browser, exported_web, host):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(exported_web / "web" / "model" / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(24)
    offline_browser.open(host, 1440)
    texts = [*statements(), *ODD]
    code = f"""import("./web.js").then(({{ started }}) => started).then(({{ encode }}) =>
        {json.dumps(texts)}.map(text => encode(text).input_ids))"""
    there = offline_browser.value(code)
    assert there == [tokenizer.encode(text).ids for text in texts]
    assert max(map(len, there)) == 24


def test_a_pair_is_cut_as_python_cuts_it(offline_browser, exported_web, host):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(exported_web / "web" / "model" / "tokenizer.json"))
    tokenizer.no_padding()
    maker, cases, expected = random.Random(0), [], []
    for first, second, most in [(0, 30, 8), (30, 0, 8), (9, 9, 13), (9, 9, 12), *(
        (maker.randint(0, 12), maker.randint(0, 12), maker.randint(5, 20)) for _ in range(200)
    )]:  # fmt: skip
        words = ["lamp door " * (size // 2) + "lamp" * (size % 2) for size in (first, second)]
        tokenizer.no_truncation()
        whole = tokenizer.encode(*words)
        alone = [tokenizer.encode(text, add_special_tokens=False).ids for text in words]
        cases.append([{"input_ids": whole.ids, "token_type_ids": whole.type_ids}, alone, most])
        tokenizer.enable_truncation(most)
        kept = tokenizer.encode(*words)
        expected.append({"input_ids": kept.ids, "token_type_ids": kept.type_ids})
    offline_browser.open(host, 1440)
    code = f'import("./cut.js").then(({{ cut }}) => {json.dumps(cases)}.map(one => cut(...one)))'
    assert offline_browser.value(code) == expected
    assert sum(len(case[0]["input_ids"]) > case[2] for case in cases) > 50


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (390, "dark"), (1440, "light"), (1440, "dark")])
def test_a_visitor_types_and_sees_the_probabilities(offline_browser, exported_web, host, width, scheme):
    browser = offline_browser
    browser.open(host, width, scheme)
    ready(browser)
    size = (exported_web / "onnx" / "model_int8.onnx").stat().st_size / 1e6
    about = browser.value("document.getElementById('about').textContent")
    assert re.fullmatch(rf"The student, {size:.1f} MB in 8 bits, was loaded in \d+\.\d s\. 3 labels\.", about)
    browser.value("document.getElementById('first').focus()")
    browser.ask("Input.insertText", text="superb lamp <b>door</b>")
    browser.key("Enter", modifiers=2)
    browser.wait("!document.getElementById('result').hidden")
    (expected,) = in_python(exported_web, ["superb lamp <b>door</b>"])
    shown = browser.value("""[...document.querySelectorAll("tbody tr")].map(row =>
        [row.querySelector("th").textContent, row.querySelector("td").textContent])""")
    assert dict(shown) == {name: f"{100 * score:.1f}%" for name, score in expected["scores"].items()}
    assert browser.value("document.getElementById('said').innerText.trim()") == (
        f"{expected['label']}, {100 * expected['probability']:.1f}%"
    )
    assert browser.value("document.querySelector('#times dd').textContent").endswith(" ms in your browser")
    assert browser.value("document.documentElement.scrollWidth") <= width
    assert browser.value(TOO_WIDE) == []
    assert complaints(browser) == []
    if "ALAMBIQUE_PICTURES" in os.environ:
        from pathlib import Path

        browser.picture(Path(os.environ["ALAMBIQUE_PICTURES"]) / f"web-{width}-{scheme}.png")


def test_names_and_texts_that_would_be_markup_are_shown_as_they_are(offline_browser, exported_web, tmp_path):
    folder = tmp_path / "web"
    shutil.copytree(exported_web / "web", folder)
    hostile = ["<img src=x onerror=alert(1)>", "__proto__", "a" * 90 + '"</td><script>document.title="in"</script>']
    facts = folder / "model" / "facts.json"
    facts.write_text(json.dumps(json.loads(facts.read_text()) | {"label_names": hostile}))
    with hosted(folder) as host:
        offline_browser.open(host, 390)
        ready(offline_browser)
        offline_browser.value("""document.getElementById("first").value = '<script>document.title="in"</script>'""")
        offline_browser.value("document.getElementById('form').requestSubmit()")
        offline_browser.wait("!document.getElementById('result').hidden")
        names = offline_browser.value("[...document.querySelectorAll('tbody th')].map(cell => cell.textContent)")
        assert names == hostile
        assert offline_browser.value("document.querySelectorAll('img, script:not([src])').length") == 0
        assert offline_browser.value("document.title") == "Try the student in your browser: Alambique"
        assert offline_browser.value(TOO_WIDE) == []
        assert complaints(offline_browser) == []


def test_the_page_may_ask_no_other_host_even_one_that_answers(offline_browser, exported_web, host, tmp_path):
    (tmp_path / "secret").write_text("x")
    with hosted(tmp_path) as other:
        offline_browser.open(host, 1440)
        ready(offline_browser)
        for code in (
            f"fetch('{other}secret').then(() => 'sent', () => 'refused')",
            f"import('{other}secret').then(() => 'sent', () => 'refused')",
            f"""new Promise(done => {{ const one = new Image(); one.onload = () => done("sent");
                one.onerror = () => done("refused"); one.src = "{other}secret"; }})""",
        ):
            assert offline_browser.value(code) == "refused"
        code = "(() => { try { eval('1'); return 'run'; } catch { return 'refused'; } })()"
        told = offline_browser.ask("Runtime.evaluate", expression=code, allowUnsafeEvalBlockedByCSP=False)
        assert told["result"]["value"] == "refused"
    assert {url for url in requests(offline_browser) if url.startswith(other)} - {f"{other}secret"} == set()
    violations = [event["entry"]["text"] for event in offline_browser.seen("Log.entryAdded")]
    assert len([text for text in violations if "Content Security Policy" in text]) >= 3


def test_a_folder_that_is_not_whole_says_so(offline_browser, exported_web, tmp_path):
    folder = tmp_path / "web"
    shutil.copytree(exported_web / "web", folder)
    (folder / "model" / "facts.json").unlink()
    with hosted(folder) as host:
        offline_browser.open(host, 390)
        offline_browser.wait("!document.getElementById('problem').hidden")
        assert offline_browser.value("document.getElementById('problem').textContent") == (
            "The model cannot be loaded: model/facts.json is missing: the folder is not whole. Copy it again."
        )


def test_the_packages_are_kept_in_the_users_cache(exported_web):
    assert {package.tarball for package in web.LIBRARY} <= {path.name for path in cache_folder().iterdir()}
