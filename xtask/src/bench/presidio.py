"""Presidio's analyzer on documents, for `cargo xtask bench dlp`.

Reads JSON lines {"set", "text"} from the file named first, writes JSON lines
{"micros", "hits": [[entity, start, end, score]]} in the same order, then one line
{"rss_kb", "start_micros"}. Offsets are code points. One thread.
"""
import json
import logging
import sys
import time
import warnings

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)
began = time.perf_counter()
from presidio_analyzer import AnalyzerEngine  # noqa: E402
from presidio_analyzer.nlp_engine import NlpEngineProvider  # noqa: E402

nlp = {"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": sys.argv[2]}]}
engine = AnalyzerEngine(nlp_engine=NlpEngineProvider(nlp_configuration=nlp).create_engine())
engine.analyze("warm up, John Smith of London", "en")
started = time.perf_counter()
with open(sys.argv[1], encoding="utf-8") as lines:
    for line in lines:
        text = json.loads(line)["text"]
        before = time.perf_counter()
        found = engine.analyze(text, "en")
        micros = (time.perf_counter() - before) * 1e6
        hits = [[hit.entity_type, hit.start, hit.end, round(hit.score, 3)] for hit in found]
        print(json.dumps({"micros": round(micros, 1), "hits": hits}))
with open("/proc/self/status", encoding="ascii") as status:
    rss = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
print(json.dumps({"rss_kb": rss, "start_micros": round((started - began) * 1e6)}))
