"""The English words of number, measure and time that the guards compare. Data only; `facts.py` reads with it."""

from __future__ import annotations


def _list(words: str) -> list[str]:
    return words.split()


_SPELLED = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
)
_SPELLED += "eighteen nineteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
CARDINALS = {word: value for value, word in enumerate(_SPELLED.split())} | {
    word: 10 * value for value, word in enumerate(_TENS.split(), start=2)
}
SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000, "trillion": 10**12}
ORDINALS = {
    word: value
    for value, word in enumerate(_list("first second third fourth fifth sixth seventh eighth ninth tenth"), start=1)
}
FRACTIONS = {
    "half": "1/2",
    "halves": "1/2",
    "quarter": "1/4",
    "quarters": "1/4",
    "twice": "2x",
    "double": "2x",
    "triple": "3x",
}
NUMERALS = (
    {word: str(value) for word, value in CARDINALS.items()}
    | {word: f"{value}th" for word, value in ORDINALS.items()}
    | FRACTIONS
    | {word: word for word in SCALES}
)
"""Every word that counts -> what it counts alone."""
ROMAN = {word: value for value, word in enumerate(_list("II III IV"), start=2)} | {
    "VI": 6,
    "VII": 7,
    "VIII": 8,
    "IX": 9,
}

UNITS = {
    form: unit
    for unit, forms in {
        "usd": "$ usd dollar dollars buck bucks us$",
        "pound": "£ gbp pound pounds quid lb lbs",
        "eur": "€ eur euro euros",
        "jpy": "¥ jpy yen",
        "inr": "₹ inr rupee rupees rs",
        "cny": "cny rmb yuan",
        "chf": "chf francs",
        "cad": "cad",
        "aud": "aud",
        "cent": "¢ cent cents pence",
        "percent": "% percent percentage",
        "mm": "mm millimetre millimetres millimeter millimeters",
        "cm": "cm centimetre centimetres centimeter centimeters",
        "m": "metre metres meter meters",
        "km": "km kms kilometre kilometres kilometer kilometers",
        "mile": "mile miles mi",
        "foot": "ft foot feet",
        "inch": "inch inches",
        "g": "g gram grams gramme grammes",
        "mg": "mg milligram milligrams",
        "kg": "kg kgs kilo kilos kilogram kilograms",
        "oz": "oz ounce ounces",
        "tonne": "tonne tonnes ton tons",
        "ml": "ml millilitre millilitres milliliter milliliters",
        "l": "l litre litres liter liters",
        "second": "s sec secs seconds",
        "minute": "min mins minute minutes",
        "hour": "h hr hrs hour hours",
        "day": "day days",
        "night": "night nights",
        "week": "week weeks",
        "month": "month months",
        "year": "year years yr yrs",
        "k": "k",
        "kb": "kb kib kilobytes",
        "mb": "mb mib megabytes",
        "gb": "gb gib gigabytes gigs gig",
        "tb": "tb tib terabytes",
        "ms": "ms milliseconds",
        "celsius": "c celsius °c",
        "fahrenheit": "f fahrenheit °f",
        "degree": "° degree degrees",
        "kwh": "kwh",
        "watt": "w watt watts",
        "kw": "kw",
        "times": "x times",
        "am": "am",
        "pm": "pm",
        "oclock": "o'clock oclock",
    }.items()
    for form in forms.split()
}
"""A unit as written -> the one name it is compared by."""

ID_NOUNS = frozenset(
    _list(
        "order invoice ticket case account flight booking reservation reference ref tracking parcel room gate "
        "platform issue pr pull bug commit build version release port error code article section chapter page id "
        "number no nr #"
    )
)
"""What a number after them names, rather than counts."""

_DATES = {
    **{day: day for day in _list("monday tuesday wednesday thursday friday saturday sunday")},
    **{f"{day}s": day for day in _list("monday tuesday wednesday thursday friday saturday sunday")},
    **{month: month for month in _list("january february april june july august september october november december")},
    **{month[:3]: month for month in _list("january february april august october november december")},
    "mon": "monday",
    "tue": "tuesday",
    "tues": "tuesday",
    "wed": "wednesday",
    "thu": "thursday",
    "thurs": "thursday",
    "fri": "friday",
    "sept": "september",
    **{word: word for word in _list("today tonight tomorrow yesterday noon midday midnight morning afternoon")},
    **{word: word for word in _list("spring summer autumn winter christmas easter halloween ramadan thanksgiving")},
    "evening": "evening",
    "mornings": "morning",
    "afternoons": "afternoon",
    "evenings": "evening",
    "fall": "autumn",
    "weekend": "weekend",
    "weekends": "weekend",
    "weekday": "weekday",
    "weekdays": "weekday",
    "xmas": "christmas",
    "hourly": "hourly",
    "daily": "daily",
    "weekly": "weekly",
    "monthly": "monthly",
    "quarterly": "quarterly",
    "yearly": "yearly",
    "annual": "yearly",
    "annually": "yearly",
    "fortnight": "fortnight",
    "breakfast": "breakfast",
    "lunch": "lunch",
    "dinner": "dinner",
    "lunchtime": "lunch",
    "decade": "decade",
    "century": "century",
    "nowadays": "today",
    "currently": "today",
    "historically": "past",
    "formerly": "past",
    "previously": "past",
}
DATES = {word: name for word, name in _DATES.items() if word != "fall"}
PERIODS = frozenset(
    _list("week month year day night quarter season term semester decade century summer winter weekend")
)
RELATIVES = frozenset(_list("next last this previous past coming same"))
