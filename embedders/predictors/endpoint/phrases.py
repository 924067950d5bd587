"""In which forms does a sentence give an answer? Those that are known; any other gives none.

What stands before a word and what stands behind it are looked at apart: 'The label is' and 'because it praises'.
"""

import re
from enum import IntEnum

_LONGEST = 300  # letters before a word, of a form that is known
_NOUNS = (  # what an answer is called
    r"(?:answer|label|tag|sentiment|class|category|classification|verdict|response|result|output|choice|option|tone|"
    r"topic|emotion|rating|score|grade|intent|genre|language|prediction|decision|judge?ment|conclusion|type|polarity|"
    r"stance|subject|theme|mood|attitude|opinion|assessment|evaluation|toxicity|relation(?:ship)?|diagnosis|level|"
    r"antwort|stimmung|kategorie|klasse|bewertung|ergebnis|fazit|tonalität|einstufung|klassifi\w+|"
    r"réponse|catégorie|étiquette|classe|résultat|ton|thème|polarité|sujet|"
    r"respuesta|sentimiento|categoría|clase|etiqueta|resultado|tema|clasificación|polaridad|"
    r"risposta|categoria|etichetta|risultato|sentimento|polarità|classificazione|argomento|"
    r"resposta|rótulo|classificação|antwoord|categorie|gevoel|klasse|conclusie|onderwerp|"
    r"svar(?:et)?|kategori\w*|känsla\w*|etikett\w*|betyg\w*|følelse\w*|vastaus|luokka|tunne|sävy|"
    r"odpowiedź|kategoria|etykieta|wydźwięk|sentyment|klasa|nastrój|odpověď|"
    r"ответ|тональность|категория|класс|метка|настроение|оценка|вердикт|результат|тема|відповідь|"
    r"cevap|yan\u0131t|duygu|kategori|etiket|s\u0131n\u0131f|sonuç|konu|"
    r"الإجابة|الجواب|المشاعر|التصنيف|الفئة|النتيجة|"
    r"câu trả lời|trả lời|đáp án|nhãn|cảm xúc|kết quả|phân loại|उत्तर|भावना|श्रेणी|लेबल|"
    r"답변|정답|답|감정|라벨|분류|결과|카테고리|απάντηση|κατηγορία|συναίσθημα|תשובה|"
    r"答案|回答|情感|情绪|情緒|标签|標籤|类别|類別|分类|分類|结果|結果|结论|結論|判断|类型|情感倾向|"
    r"答え|感情|ラベル|カテゴリー?|判定|種類)"
)
_TEXTS = (  # what is asked about
    r"(?:review|text|film|movie|comment|message|e-?mail|mail|tweet|post|sentence|statement|passage|article|document|"
    r"input|content|snippet|paragraph|headline|title|book|product|story|sms|feedback|description|excerpt|piece|"
    r"question|request|query|customer|user|author|reviewer|writer|speaker|news|spam|"
    r"отзыв|текст|комментарий|письмо|сообщение)"
)
_DET = r"(?:(?:the|this|that|these|both|the two|my|your|its|a|an|one|two|both|given|provided|above|following)\s+)"
_MOD = (
    rf"(?:(?:final|short|expected|given|provided|predicted|overall|correct|best|right|most|likely|appropriate|suitable|fitting|accurate|probable|"
    rf"proper|main|primary|general|dominant|chosen|selected|assigned|detected|identified|single|analysis|sms|expressed|"
    rf"{_NOUNS}|{_TEXTS})(?:'s)?[\s_-]+)"
)
_TAIL = (
    r"(?:\s+(?:of|for|in|to|from|by|expressed|conveyed|behind|between|about|given|provided|above|here)"
    r"(?:\s+[\w'-]+){0,8}?|\s+that (?:best )?(?:fits|describes|matches|suits)(?:\s+[\w'-]+){1,6}?)"
)
_BE = (
    r"(?:(?:(?:is|are)(?: about| expressing| conveying)?|was|would be|should be|must be|seems(?: to be)?|"
    r"appears(?: to be)?|looks(?: like)?|sounds(?: like)?|"
    r"feels|reads as|expresses|conveys|has|shows|indicates|suggests|asks (?:for|about)|"
    r"contains|deserves|gets|merits|discusses|covers|reflects|describes|deals with|focuses on|can be|will be)(?!\w))"
)
_ADV = (
    r"(?:(?:very|clearly|mostly|generally|overall|definitely|probably|likely|quite|really|rather|strongly|mainly|"
    r"predominantly|overwhelmingly|primarily|certainly|obviously|simply|most|best|largely|extremely|highly|truly|"
    r"undoubtedly|somewhat|therefore|thus|just|indeed|also|all|very much)[\s,]+)"
)
_ART = r"(?:(?:an? (?:example|instance|case|kind|form|piece) of|a|an|the|of|as|in|under|into)\s+)"
_MARKED = (
    rf"(?:(?:{_NOUNS}\s+)?\(?(?:[A-Za-z]|\d{{1,2}})\s*[).:(\u2013-]+\s*|{_NOUNS}[\s:]+(?:of\s+)?)"  # '(B) ', 'option '
)
_OPEN = r"\W*(?:\(?(?:[A-Za-z]|\d{1,2})[).:]\s+)?\W*"  # a list's mark
_CONCLUDES = (
    r"(?:so|therefore|thus|hence|overall|finally|ultimately|accordingly|consequently|all in all|on the whole|"
    r"in (?:conclusion|summary|short|the end|total)|to (?:conclude|sum up|summari[sz]e))"
)
_INTRO = (  # before a sentence; clauses that begin so turn nothing round
    rf"(?:{_NOUNS}\s*[:=]\W*|"
    rf"(?:{_CONCLUDES}|in (?:my opinion|my view|this (?:case|context|text|review)|general)|however|still|yet|but|"
    r"nevertheless|and|then|yes|sure|ok(?:ay)?|well|right|as an ai(?: language model)?)[,:]?\s+|"
    r"(?:based on|given|since|because|as|considering|according to|looking at|after|from|due to|although|though|while|"
    rf"despite|even though|judging|reading|analy[sz]ing)\s[^,]*,\s+)"
)
_OPINION = (
    r"(?:(?:i(?: would|'d)? (?:think|believe|feel|say|guess|suppose|conclude|find)|we can (?:say|conclude|see)|"
    r"i(?: am|'m) (?:quite |fairly )?(?:confident|sure|certain)|(?:it is|it's) (?:clear|likely|evident|obvious)|"
    r"this (?:means|suggests|indicates)|it (?:seems|appears|looks like))(?: that)?\s+)"
)
_SUBJECT = rf"(?:it|this|that|{_DET}?{_MOD}*(?:{_TEXTS}|{_NOUNS})s?{_TAIL}?)"
_CALLED = (
    r"(?:classif(?:y|ied)|labell?(?:ed)?|categori[sz]ed?|rated?|described?|considered|consider|identif(?:y|ied)|"
    r"tag(?:ged)?|marked|mark|assigned|judged?|interpreted|perceived|seen|regarded|call|say|choose|pick|select|"
    r"answer|assign|give|go with|vote|flag(?:ged)?)"
)
_TO = r"(?:\s+(?:as|with|to be|to|under|into|in|for))?"
_END = r"[\W_]*"


def _form(body: str) -> re.Pattern[str]:
    return re.compile(rf"{_OPEN}(?P<intro>{_INTRO}{{0,3}}){body}", re.IGNORECASE)


_LABEL = rf"(?P<named>(?:here(?: is|'s)\s+)?{_DET}?{_MOD}*)(?:{_NOUNS}|labels|topics|stars)(?:\s*\([^()]*\))?{_TAIL}?"
_LEADS = _form(
    rf"{_OPINION}?{_LABEL}(?:\s*(?:[:\uff1a=|\]]|[-=]>|\u2192)|\s+[-\u2013\u2014]+\s|\s+{_BE}\s*:?)\s*{_ADV}*{_ART}?"
    rf"{_MARKED}?{_END}"
)
_VERDICTS = _form(
    rf"{_OPINION}?(?:i(?:(?: would|'d| will|'ll| have|'ve| can)(?: \w+ly)?)? {_CALLED}(?:\s+{_SUBJECT})?{_TO}|"
    rf"{_SUBJECT}\s+(?:is|was|can be|should be|would be|has been|would likely be|could be)\s+(?:{_ADV}*)"
    rf"{_CALLED}{_TO}|{_SUBJECT}\s+(?:(?:would|should|could) )?(?:{_ADV}*)(?:falls?|belongs?|fits?)(?:\s+best)?"
    rf"\s+(?:under|into|in|to))\s*:?\s*"
    rf"{_ADV}*{_ART}?(?:{_NOUNS}(?:\s+of)?[\s:]+)?{_MARKED}?{_END}"
)
_SENTENCES = _form(
    rf"{_OPINION}?(?:(?:it|this|that)(?:'s|\s+{_BE})|{_SUBJECT}\s+{_BE})\s*:?\s*{_ADV}*{_ART}?(?:{_NOUNS}\s+)?{_MARKED}?"
    rf"{_END}"
)
_WORDS_ALONE = _form(rf"(?:{_ADV}+{_ART}?|{_ART}|{_DET}?{_NOUNS}\s+)?{_END}")  # 'clearly', 'a', 'option'
_HEADINGS = re.compile(r"\W*(?:[\w'/&-]+\s+){0,3}[\w'/&-]+\s*[:\uff1a=]\W*")
_LONE_KEY = re.compile(r"\W*\{\s*[\"']?[\w -]+[\"']?\s*:\s*\[?[\s\"']*")
_NO_HEADING = re.compile(
    r"(?<!\w)(?:text|input|example|e\.g|keywords?|options|choices|labels|categories|classes|excluded?|avoid|wrong|"
    r"incorrect|least|opposite|previous|alternative|alternatively|worst|false|other|unlikely|possible|candidates?|"
    r"instead|valid|answers|allowed|available|rejected|ruled out|reason\w*|explanation|notes?)(?!\w)",
    re.IGNORECASE,
)
_HYPOTHETIC = re.compile(  # after which nothing is said for certain
    r"(?<!\w)(?:if|unless|whether|were|would|could|might|may|had|suppos\w*|assum\w*|example|instance|false|wrong|untrue|"
    r"incorrect|nobody|no one|can't|cannot|don't|unable|hard|difficult|impossible|"
    r"unsure|unclear|not sure|claims?|says?|asks?|wonders?|doubts?)(?!\w)",
    re.IGNORECASE,
)
_OTHER_TONGUES = re.compile(  # '... is', with a subject of a few words
    r"\W*(?:[\w'-]+,?\s+){0,4}?(?:ist|sind|est|es|è|é|jest|je|är|er|это|là|είναι|adalah|"
    r"(?:arvostelu|teksti|viesti|sävy|tunne|se|tämä|luokka|vastaus)\s+on|(?:dit|het|(?:de|het|deze) \w+)\s+is|"
    r"c'est|bu (?:yorum|metin|mesaj|film|cümle)\w*(?: \w+)?|(?:этот\s+)?(?:отзыв|текст|комментарий)|هذا \w+|هذه \w+|"
    r"المراجعة|النص)[\s:\u2014-]+(?:(?:eine?|une?|una|uno|um|uma|en|et|ett|een|eher|sehr|très|muy|molto|muito|eindeutig|"
    r"reseña|opinión|crítica|critique|avis|recensione|resenha|avaliação|texto|texte|testo|commentaire|comentario|"
    r"klar|очень|çok)\s+)*\W*",
    re.IGNORECASE,
)
_CHINESE = re.compile(
    r"\W*(?:(?:我认为|我覺得|我觉得|因此|所以|综上(?:所述)?|总体(?:来说|而言|来看)?|最终|根据[^,\uff0c]*)[,\uff0c]?)*"
    r"(?:的|该|此|这|這|条|條|个|個|段|篇|句|封|文本|评论|評論|文章|内容|邮件|消息|短信|影评|句子|整体|情感|情绪|倾向|正确|"
    r"答案|标签|类别|分类|结果|结论)*"
    r"(?:应该)?(?:是|为|為|属于|屬於|表达了|[:\uff1a])\s*(?:一?[条个封篇种])?\W*"
)
_JAPANESE = re.compile(
    r"\W*(?:(?:この|その|本|これ|それ|全体的)?(?:レビュー|文章|文|テキスト|コメント|メール|メッセージ|映画|投稿|感情|答え|回答|"
    r"ラベル|分類|結果|カテゴリー?|評価|内容|に)?の?)*(?:は|[:\uff1a])?\W*"
)
_JAPANESE_ENDS = re.compile(
    r"\W*[なの]?(?:感情|レビュー|評価|メール|内容|もの)?"
    r"(?:です|だ|である|と(?:判断|分類)(?:します|されます|できます)|になります)\W*"
)
_CHINESE_ENDS = re.compile(r"\W*(?:的|评论|評論|情感|情绪|邮件|短信|内容|类)+(?=\W|$)")
DENIES = re.compile(  # in the clause before a word
    r"(?<!\w)(?:not|no|never|neither|nor|none|without|cannot|hardly|rather than|instead of|far from|anything but|"
    r"nobody|nothing|(?<!a )few|(?<!a )little|barely|scarcely|unlikely|lack(?:s|ing)?|other than|except|unable|"
    r"fails? to be|opposite of|reverse of|less than|least|if|whether|unless|nicht|kein\w*|weder|niemand|pas|ne|jamais|"
    r"aucune?|ob|wenn|s'il|si|ni|non|nessun\w*|nunca|nadie|ningun\w*|não|nem|niet|geen|nie|nikt|czy|inte|"
    r"ingen|ikke|ei|eivät|om|hvis|не|нет|ни|никто|если|değil|hiç|ليس|ليست|لا|غير|không|chẳng|nem|δεν|לא|नहीं|"
    r"bukan|tidak)(?!\w)|n't(?!\w)|[不非没沒無无]",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"[\"'*`)\]\u201d]*(?:\s*[:?=]\W*(?:(?:not|no|false|incorrect|wrong|hardly|barely|never|unlikely)(?!\w)|0(?![\w.]))|"
    r"(?:\s+\w+)?\s+(?:is|was|seems|would be)\s+(?:not|false|incorrect|wrong|inaccurate|mistaken)(?!\w)|"
    r"\s*(?:değil|ではな|ではありま|じゃな))",
    re.IGNORECASE,
)  # behind it
_SIGNS = re.compile(
    r"[\u2248\u2264\u2265\u00b1\u2260\u00ac\u2717\u2718\u274c\u2716\U0001f6ab\u2297]|!=|\[\s+\]"
)  # that deny
_VALUES = re.compile(  # that a heading may have, and are no reason
    r"(?<!\w)(?:not?|none|nope|nil|null|nothing|never|false|zero|absent|unlikely|incorrect|wrong|low|hardly|barely|"
    r"doubtful|doubt|rejected|unknown|unclear|undetected|undecided|n/?a|nein|non|nej|nee|нет|否|いいえ|hay\u0131r)(?!\w)",
    re.IGNORECASE,
)
_TOWARDS = re.compile(
    r"\s+(?:towards?|of|about|regarding|from)\s(?!.*\b(?:but|though|although|however|while)\b)", re.IGNORECASE
)
_ABSENT = re.compile(
    r"\W*[:=-]\W*negative\W*|\s*[:=|]\s*[-\u2013\u2014]+\s*", re.IGNORECASE
)  # as a test is; behind a number it is a name
_AFFIRMED = re.compile(
    r"\W*(?:[:=|]|[-\u2013\u2014]\s)\W*(?:yes|true|correct|y|t|[\u2713\u2714\u2705])\W*", re.IGNORECASE
)
_DOUBTED = re.compile(
    r"\W*(?:(?:i|we)\s|if|unless|or|perhaps|maybe|probably not|provided|assuming|were|which is (?:not|un)|right\W*$|"
    r"whatever)",
    re.IGNORECASE,
)
_NOT_SO = re.compile(  # a reason that denies
    r"\W*i (?:don't|do not|doubt|can't|cannot|wouldn't|am not|'m not)(?!\w)|"
    r"(?:(?<!\w)(?:not|no)|n't)(?!\w).{0,25}(?<!\w)"
    r"(?:the case|so|apply|applicable|signs?|evidence|indication|detected|present|found)(?!\w)",
    re.IGNORECASE,
)
_UNSURE = re.compile(  # how sure, where it is not
    r"(?:confidence|probability|certainty|likelihood|score)\W*(?:is|of|level)?\W*"
    r"(?:(?:very )?low|none|0*[.,][0-4]\d*|0(?![.,\d])|[0-4]?\d(?:[.,]\d+)?\s*%)",
    re.IGNORECASE,
)
_SURE = re.compile(r"\s*\(\W*(?:confidence\W*)?(?:[5-9]\d|100)(?:[.,]\d+)?\s*%(?:\s*\w+)?\s*\)\W*", re.IGNORECASE)
_EXPLAINED = re.compile(r"\s*\(not?[\s-](?!correct|right|likely|true|sure)[\w -]+\)", re.IGNORECASE)  # '0 (not toxic)'
_NOUN_AFTER_FIRST = re.compile(
    r"['\")\]]*\s+(?:sentiment|tone|review|message|text|e?mail|language|tweet|news|category|class|label|emotion|opinion|"
    r"attitude|polarity|relationship|stars?|in (?:tone|nature|sentiment)|overall|here)(?!\w)",
    re.IGNORECASE,
)
_NOUN_AFTER = re.compile(
    rf"['\")\]]*\s+(?:(?:{_NOUNS}|{_TEXTS}|star|one)s?|in (?:tone|nature|sentiment)|overall|here)(?!\w)", re.IGNORECASE
)
_REASON = re.compile(
    r"['\")\]}]*\s*(?:[,\uff0c\u3001]|\s(?:because|since|as (?:the|it|this|there|they|he|she|a)|due to|given|based on|"
    r"weil|parce que|porque|perché|omdat|потому)(?!\w)|\s+(?:explanation|reason(?:ing)?|rationale|confidence)\s*[:=])",
    re.IGNORECASE,
)
_HEAD = re.compile(r"[)\]]\s+\w|['\")\]}]*\s*(?:[\u2014\u2013:\uff1a(\uff08]|-\s)")
_IS_RIGHT = re.compile(
    rf"\W*\s(?:is|seems|would be)\s+(?:correct|right|(?:the|my)\s+{_MOD}*{_NOUNS}(?:\s+here)?|the best(?: one)?)"
    r"(?:\W*|(?:,|\s+(?:because|since|as))\s.*)",
    re.IGNORECASE,
)


class Form(IntEnum):
    """How a sentence gives a word as its answer, the surest last."""

    NONE = 0
    SENTENCE = 1  # 'This text is X'
    HEADING = 2  # 'X: it praises the film'
    ALONE = 3  # 'X', 'X, because it praises the film'
    LED = 4  # 'Label: X', 'I would classify it as X'
    FINAL = 5  # 'Final answer: X', 'So the answer is X'


class _Rest(IntEnum):
    """What stands behind a word."""

    OTHER = 0
    NOTHING = 1
    REASON = 2
    HEAD = 3  # a colon, a dash or a bracket with a reason behind it
    AFFIRMED = 4


def form_of(before: str, word: str, after: str) -> Form:
    """Return the form in which a sentence gives a word as its answer, by what stands before and behind it."""
    explained = _EXPLAINED.match(after) if len(word) <= 2 else None
    after = after[explained.end() :] if explained else after
    if _SIGNS.search(before) or before.endswith(("!", "~", "?")):
        return Form.NONE
    if re.fullmatch(_OPEN, before):
        return _first(word, after)
    if _IS_RIGHT.fullmatch(after) and _WORDS_ALONE.fullmatch(before):
        return Form.ALONE  # 'Option B is correct'
    rest = _rest(after, _NOUN_AFTER)
    if rest is _Rest.OTHER:
        return Form.NONE
    if _JAPANESE_ENDS.fullmatch(after) and _JAPANESE.fullmatch(before):
        return Form.SENTENCE
    return _behind(before) if rest is not _Rest.AFFIRMED else Form.NONE


def _first(word: str, after: str) -> Form:
    """Return the form of a sentence that a word begins; 'no' may deny the noun behind it."""
    if _IS_RIGHT.fullmatch(after) or _JAPANESE_ENDS.fullmatch(after):
        return Form.ALONE
    if len(word) > 2 and _ABSENT.fullmatch(after):
        return Form.NONE
    rest = _rest(after, None if DENIES.fullmatch(word) else _NOUN_AFTER_FIRST)
    return {
        _Rest.NOTHING: Form.ALONE,
        _Rest.REASON: Form.ALONE,
        _Rest.HEAD: Form.HEADING,
        _Rest.AFFIRMED: Form.SENTENCE,
    }.get(rest, Form.NONE)


def _behind(before: str) -> Form:
    """Return the form of a sentence by what leads to its word."""
    head, _, last = before.rpartition(", ")  # 'it has flaws, but the sentiment is'
    if head and not _HYPOTHETIC.search(head) and _behind(last) >= Form.LED:
        return _behind(last)
    plain = before.replace("_", " ")
    if len(plain) > _LONGEST:
        return Form.NONE
    for form, pattern in ((Form.LED, _LEADS), (Form.LED, _VERDICTS), (Form.SENTENCE, _SENTENCES)):
        found = pattern.fullmatch(plain)
        if found is None or DENIES.search(plain[found.end("intro") :]):
            continue
        concludes = re.search(rf"(?<!\w){_CONCLUDES}(?!\w)", found["intro"], re.IGNORECASE) is not None
        is_final = concludes or "final" in found.groupdict().get("named", "").lower()
        return Form.FINAL if is_final else form
    if _CHINESE.fullmatch(before):
        return Form.LED
    short = (_WORDS_ALONE, _OTHER_TONGUES, _HEADINGS, _LONE_KEY)
    is_known = any(pattern.fullmatch(plain) for pattern in short)
    return Form.SENTENCE if is_known and not DENIES.search(plain) and not _NO_HEADING.search(plain) else Form.NONE


def _rest(after: str, nouns: re.Pattern[str] | None) -> _Rest:
    """Return what stands behind a word and the noun that it belongs to: 'a positive review, because ...'."""
    if _SIGNS.search(after[:8]) or _UNSURE.search(after) or _DENIED.match(after):
        return _Rest.OTHER
    if _AFFIRMED.fullmatch(after):
        return _Rest.AFFIRMED
    found = (nouns.match(after) if nouns else None) or _CHINESE_ENDS.match(after)
    after = after[found.end() :] if found else after
    if found and _TOWARDS.match(after):
        return _Rest.NOTHING
    is_end = _SURE.fullmatch(after) or not re.search(r"\w", after) or _JAPANESE_ENDS.fullmatch(after)
    return _Rest.NOTHING if is_end else _reason(after)


def _reason(after: str) -> _Rest:
    """Return whether what stands behind a word gives a reason for it, and how it does."""
    reason, head = _REASON.match(after), _HEAD.match(after)
    if reason is not None:
        ends = after[reason.end() :]
        return _Rest.OTHER if _DOUBTED.match(ends) or _is_value(ends, few=2) else _Rest.REASON
    if head is None:
        return _Rest.OTHER
    behind = after[head.end() - head[0][-1].isalnum() :]
    is_option = head[0][-1].isalnum() and behind.strip(" .").isdigit()  # '(C) 100'
    return _Rest.HEAD if is_option or not (_is_value(behind, few=4) or _NOT_SO.search(behind)) else _Rest.OTHER


def _is_value(text: str, *, few: int) -> bool:
    """Say whether what follows is no reason: a number, a denial first, or one among a few words."""
    words = re.findall(r"[\w'/]+", text)
    if not words or re.match(r"\W*[\d.,]*\d\s*%?(?:\W|$)", text) or words[0].lower() in ("n", "f"):
        return True
    denied = _VALUES.search(text)
    return denied is not None and (len(words) <= few or (few > 2 and not text[: denied.start()].strip(" '\"(:-")))


def is_denied(before: str, after: str) -> bool:
    """Say whether a denial stands before a word in its sentence, or answers it: 'biased: no'."""
    return DENIES.search(before) is not None or _DENIED.match(after) is not None
