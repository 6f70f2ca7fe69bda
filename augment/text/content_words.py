"""Tell the content words of texts from function words, numbers, units and names."""

from __future__ import annotations

import re
from functools import cache

from augment.word_lists import entries
from augment.words import SENTENCE_START, Span
from augment.writing_systems import is_spaceless

# fmt: off
FUNCTION_WORDS = frozenset((
    # articles and other determiners
    "a", "an", "the", "this", "that", "these", "those", "each", "every", "either", "some", "any", "all", "both", "half",
    "such", "another", "other", "others", "same", "own", "much", "many", "more", "most", "few", "fewer", "less",
    "least", "several", "enough",
    # pronouns
    "i", "me", "my", "mine", "myself", "you", "your", "yours", "yourself", "yourselves", "he", "him", "his", "himself",
    "she", "her", "hers", "herself", "it", "its", "itself", "we", "us", "our", "ours", "ourselves", "they", "them",
    "their", "theirs", "themselves", "one", "ones", "oneself", "someone", "somebody", "something", "anyone", "anybody",
    "anything", "everyone", "everybody", "everything", "who", "whom", "whose", "which", "what", "whoever", "whatever",
    # prepositions and particles
    "about", "above", "across", "after", "against", "along", "among", "around", "as", "at", "away", "back", "before",
    "behind", "below", "beneath", "beside", "besides", "between", "beyond", "by", "despite", "down", "during", "except",
    "for", "from", "in", "inside", "into", "like", "near", "of", "off", "on", "onto", "out", "outside", "over", "per",
    "past", "since", "than", "through", "throughout", "till", "to", "toward", "towards", "under", "until", "up", "upon",
    "via", "with", "within",
    # conjunctions
    "and", "but", "or", "so", "yet", "if", "unless", "though", "although", "because", "while", "whereas", "whether",
    "when", "whenever", "where", "wherever", "why", "how", "however", "once",
    # auxiliaries and modals
    "am", "is", "are", "was", "were", "be", "been", "being", "do", "does", "did", "done", "doing", "have", "has", "had",
    "having", "can", "could", "may", "might", "must", "shall", "should", "will", "would", "ought", "let", "lets",
    "gonna", "wanna", "gotta",
    # verbs that mean little without what follows them ("get rid of", "take a seat", "want to")
    "get", "gets", "got", "gotten", "getting", "make", "makes", "made", "making", "take", "takes", "took", "taken",
    "taking", "give", "gives", "gave", "given", "giving", "go", "goes", "went", "gone", "going", "come", "comes",
    "came", "coming", "put", "puts", "putting", "keep", "keeps", "kept", "keeping", "want", "wants", "wanted",
    "wanting", "need", "needs", "needed", "needing",
    # adverbs that hold a sentence together
    "also", "too", "very", "just", "only", "even", "still", "then", "there", "here", "now", "again", "ever", "already",
    "almost", "quite", "rather", "else", "instead", "otherwise", "thus", "therefore", "yes", "please", "long", "far",
    "soon", "often",
))
NUMBERS = frozenset((
    "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen",
    "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty", "thirty", "forty", "fifty", "sixty", "seventy",
    "eighty", "ninety", "hundred", "hundreds", "thousand", "thousands", "million", "millions", "billion", "billions",
    "dozen", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "twice",
))
UNITS = frozenset((
    # of time, and the parts of a day
    "seconds", "sec", "secs", "minute", "minutes", "min", "mins", "hour", "hours", "hr", "hrs", "day", "days", "week",
    "weeks", "weekend", "weekends", "month", "months", "year", "years", "decade", "decades", "century", "centuries",
    "morning", "mornings", "noon", "afternoon", "afternoons", "evening", "evenings", "night", "nights", "midnight",
    "yesterday", "today", "tonight", "tomorrow", "time", "times",
    # of length, volume, weight, heat and money
    "inch", "inches", "foot", "feet", "yard", "yards", "mile", "miles", "meter", "meters", "metre", "metres", "km",
    "kilometer", "kilometers", "kilometre", "kilometres", "cm", "centimeters", "centimetres", "ounce", "ounces", "oz",
    "lb", "lbs", "kg", "kilo", "kilos", "gram", "grams", "ton", "tons", "liter", "liters", "litre", "litres", "gallon",
    "gallons", "degree", "degrees", "percent", "dollar", "dollars", "cent", "cents", "euro", "euros", "pound", "pounds",
    "buck", "bucks", "quid",
))
# fmt: on

_AFTER_HOW = re.compile(r"\bhow\s+$", re.IGNORECASE)
LOOK_BACK = 8
"""Characters before a word in which "how" is looked for."""


@cache
def other_words(language: str = "en") -> frozenset[str]:
    """Return the function words, the numbers and the units of a language, in lower case.

    Parameters
    ----------
    language : str, default="en"
        One of `augment.word_lists.LANGUAGES`.

    Returns
    -------
    frozenset of str
        Outside of English the common words of the language; empty where no spaces stand between words.

    Examples
    --------
    >>> sorted({"und", "haus"} & other_words("de"))
    ['und']
    """
    return FUNCTION_WORDS | NUMBERS | UNITS if language == "en" else frozenset(entries(language, "common"))


def is_content(text: str, span: Span, language: str = "en") -> bool:
    """Return whether a word of a text is no function word, number, unit or name.

    Parameters
    ----------
    text : str
        Any text.
    span : Span
        One of its words.
    language : str, default="en"
        One of `augment.word_lists.LANGUAGES`.

    Returns
    -------
    bool
        A word with a capital is a name, unless it begins a sentence or the language is German. So is a word in
        capitals, unless most of the text is. Where no spaces stand between words, those of a letter are function words.
        In English neither is the word after "how" ("how old"), since hardly another one fits there.

    Examples
    --------
    >>> from augment import words
    >>> text = "Then Bob sold two old bikes from the USA to a shop."
    >>> [text[start:end] for start, end in words.word_spans(text) if is_content(text, Span(start, end))]
    ['sold', 'old', 'bikes', 'shop']
    """
    word = text[slice(*span)]
    if word.casefold() in other_words(language) or (len(word) == 1 and is_spaceless(word)):
        return False
    if language == "en" and _AFTER_HOW.search(text, max(0, span.start - LOOK_BACK), span.start):
        return False
    if word.isupper() and len(word) > 1:
        return 2 * sum(map(str.isupper, text)) > sum(map(str.isalpha, text))
    return language == "de" or not word[0].isupper() or SENTENCE_START.search(text, 0, span.start) is not None
