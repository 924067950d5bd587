"""Functions as people write them, to be registered as models: some do what a task of the public data does."""

import re


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z']+", text.lower()))


GOOD = words(
    "good great love loved best excellent nice happy wonderful amazing fun enjoy enjoyed beautiful fantastic perfect "
    "thanks thank well works easy recommend superb brilliant delightful charming moving funny friendly delicious fresh "
    "helpful pleased glad like liked strong solid worth favorite sweet warm clever fine better joy hope proud"
)
BAD = words(
    "bad worst worse hate hated terrible awful poor boring sad horrible broken waste disappointing disappointed dull "
    "useless wrong slow stupid annoying fail failed never problem angry mess lacks rude late lost refund ugly cheap "
    "weak noisy regret avoid tired bland flat silly painful afraid hurt lonely upset disgusting pathetic junk"
)
TOPICS = {
    "sports": words("game team player match season win coach league football score goal race cup"),
    "business": words("market company stock bank price money sales profit trade shares business pay account"),
    "technology": words("computer software phone internet app network data web device battery screen online"),
    "world": words("government president minister war election country police city state law people nation"),
}
LANGUAGES = {
    "English": words("the and of to is in that it"),
    "French": words("le la les et des est une que"),
    "German": words("der die das und ist nicht ein zu"),
    "Spanish": words("el los las y es una que por"),
}
RUDE = words("damn hell shit fuck crap bastard")


def sentiment(texts: list[str]) -> list[str]:
    return [_feeling(text, ("positive", "negative", "neutral")) for text in texts]


def short_sentiment(texts: list[str]) -> list[str]:
    return [_feeling(text, ("pos", "neg", "neu")) for text in texts]


def news_topic(texts: list[str]) -> list[str]:
    return [_most(text, TOPICS, "world") for text in texts]


def language(texts: list[str]) -> list[str]:
    return [_most(text, LANGUAGES, "English") for text in texts]


def profanity(texts: list[str]) -> list[str]:
    return ["profane" if words(text) & RUDE else "clean" for text in texts]


def _feeling(text: str, answers: tuple[str, str, str]) -> str:
    found = re.findall(r"[a-z']+", text.lower())
    total = sum((word in GOOD) - (word in BAD) for word in found)
    return answers[0] if total > 0 else answers[1] if total < 0 else answers[2]


def _most(text: str, lists: dict[str, set[str]], usual: str) -> str:
    counts = {name: len(words(text) & listed) for name, listed in lists.items()}
    return max(counts, key=lambda name: (counts[name], name == usual))
