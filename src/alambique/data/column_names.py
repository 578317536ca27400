"""What columns are called, in several languages: text, pairs of texts, labels, and what is neither."""

import re
import unicodedata

_TEXT = """
text texts sentence sentences review reviews content contents comment comments tweet tweets message messages body document
documents doc post posts question questions query queries utterance utterances claim claims statement statements description
abstract headline title titles article passage paragraph premise hypothesis snippet transcript email complaint feedback sms
input
texto textos frase frases comentario comentarios mensagem mensagens resenha resenhas avaliacao conteudo descricao titulo
titulos pergunta perguntas noticia noticias sentenca sentencas enunciado opiniao manchete reclamacao premissa hipotese
resena mensaje contenido descripcion pregunta opinion parrafo oracion texte textes phrase phrases commentaire avis contenu
titre satz satze kommentar nachricht inhalt titel beschreibung testo frase commento recensione tekst opinia zdanie
文本 内容 评论 句子 文章 标题 テキスト 本文 文 レビュー 텍스트 문장 текст отзыв комментарий предложение نص متن
"""
_LABEL = """
label labels class classes category categories target targets sentiment sentiments intent intents topic topics rating ratings
stars star score polarity emotion emotions stance verdict tag tags y gold answer toxic toxicity spam is_spam hate department
label_text label_name class_name category_name gold_label genre
rotulo rotulos classe classes categoria categorias sentimento sentimentos polaridade intencao topico assunto etiqueta nota
alvo emocao veredito classificacao clase sentimiento polaridad intencion tema etiquette categorie etichetta klasse kategorie
bewertung stimmung thema kategoria klasa ocena
标签 类别 分类 情感 ラベル 分類 クラス カテゴリ 라벨 레이블 метка класс категория тональность تصنيف
"""
_NEITHER = """
id ids idx index uid uuid guid key number no row row_names line date time datetime timestamp created_at created updated year
month day user username user_id userid author name speaker url uri link href lang language locale country city state region
split fold source file filename path hash flag confidence likes retweets count length version
data hora dia mes ano usuario autor nome idioma lingua fonte arquivo indice codigo pais cidade estado fecha nombre fuente
datum nutzer sprache quelle utilisateur auteur langue nom
"""
_PAIRS = (
    ("premise", "hypothesis"), ("premissa", "hipotese"), ("question", "sentence"), ("question", "passage"),
    ("question", "answer_text"), ("query", "document"), ("query", "passage"), ("sentence", "context"), ("text", "text_pair"),
)  # fmt: skip
_NUMBERED = re.compile(r"(.*?)[ _.-]*(1|2|a|b)")
_OTHER = {"1": "2", "2": "1", "a": "b", "b": "a"}
_EXACT = 2
UNNAMED = "column"  # with a number: columns that have no names of their own


def _plain(name: str) -> str:
    """In lower case and without accents: ``Rótulo`` is ``rotulo``."""
    decomposed = unicodedata.normalize("NFKD", name.strip())
    return "".join(c for c in decomposed if not "\u0300" <= c <= "\u036f").casefold()


_TEXTS, _LABELS, _OTHERS = (frozenset(map(_plain, names.split())) for names in (_TEXT, _LABEL, _NEITHER))


def _fits(name: str, known: frozenset[str]) -> int:
    """2 for a name of the list, 1 for one with a word of it (``review.text``, ``clean_text``, ``reviewText``), else 0."""
    if _plain(name) in known:
        return _EXACT
    words = re.split(r"[\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name))
    return int(any(_plain(word) in known for word in words if word))


def text_name(name: str) -> int:
    """How much a column's name speaks of text: 2, 1 or 0; less than 0 where it speaks of something else."""
    exact, other = _fits(name, _TEXTS), _fits(name, _OTHERS | _LABELS)
    return exact if exact == _EXACT or (exact and other != _EXACT) else -other


def label_name(name: str) -> int:
    """How much a column's name speaks of labels: 2, 1 or 0; less than 0 where it speaks of something else."""
    return _fits(name, _LABELS) or -_fits(name, _OTHERS)


def is_known(name: str) -> bool:
    """Whether it is a usual name of a column, so that a row of such names is a header."""
    own = _plain(name)
    numbered = _NUMBERED.fullmatch(own)
    pair = numbered is not None and own.isidentifier() and (numbered[1] in _TEXTS or len(numbered[1]) <= 1)
    return own in _TEXTS | _LABELS | _OTHERS or pair


def partner(name: str, names: tuple[str, ...]) -> str | None:
    """The column that forms a pair of texts with this one, if any: ``q1`` and ``q2``, ``premise`` and ``hypothesis``.

    Args:
        name: of a column of text.
        names: of all columns.
    """
    by_name = {_plain(other): other for other in names if other != name}
    own = _plain(name)
    pairs = [*_PAIRS, *(tuple(reversed(pair)) for pair in _PAIRS)]
    wanted = [second for first, second in pairs if first == own]
    numbered = _NUMBERED.fullmatch(own)
    if numbered and numbered[1] != UNNAMED:
        wanted.append(own[: numbered.start(2)] + _OTHER[numbered[2]])
    return next((by_name[second] for second in wanted if second in by_name), None)
