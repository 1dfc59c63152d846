//! The external analyzer asked from threads that wait for it. Next: `place`.

use crate::config::Config;
use anyhow::Result;
use backstop_detect::{Detectors, Outcome, Report};
use backstop_gate::analyzer::Analyzer;
use backstop_gate::{OsRandom, OwnListeners, Random as _, TcpWire};
use backstop_model::id::SessionId;
use backstop_model::time::Timestamp;
use std::sync::Arc;
use tokio::runtime::Runtime;

/// Asks the analyzer of the configuration.
#[derive(Debug, Clone)]
pub(crate) struct Asker {
    runtime: Arc<Runtime>,
    analyzer: Arc<Analyzer>,
    who: SessionId,
}

impl Asker {
    /// Who asks, where the configuration names an analyzer.
    ///
    /// # Errors
    /// Where the trusted roots cannot be read.
    pub(crate) fn of(config: &Config) -> Result<Option<Self>> {
        let Some(analyzer) = config.analyzer.clone() else { return Ok(None) };
        let network = crate::run::network_config(config);
        let (wire, listeners) = (Arc::new(TcpWire::default()), OwnListeners::default());
        let analyzer = Analyzer::new(analyzer, &network, wire, listeners, &OsRandom)?;
        let mut entropy = [0; 10];
        OsRandom.fill(&mut entropy)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        Ok(Some(Self {
            runtime: Arc::new(runtime),
            analyzer: Arc::new(analyzer),
            who: SessionId::draw(Timestamp::from_unix_micros(0), entropy),
        }))
    }

    /// Adds what it finds in what was kept for it. Without an answer the report is not complete.
    pub(super) fn add_to(&self, report: &mut Report, detectors: &Detectors) {
        let mut questions = self.analyzer.questions();
        questions.add(&self.analyzer, None, std::mem::take(&mut report.passages));
        match self.runtime.block_on(self.analyzer.ask(&self.who, questions, detectors)) {
            Ok(found) => {
                for (_, found) in found {
                    let again = report.found.iter().any(|known| {
                        known.pointer == found.pointer
                            && known.chain == found.chain
                            && known.hit.entity == found.hit.entity
                            && known.hit.acts == found.hit.acts
                            && known.hit.span.start < found.hit.span.end
                            && found.hit.span.start < known.hit.span.end
                    });
                    if !again {
                        report.found.push(found);
                    }
                }
            }
            Err(fault) => {
                eprintln!("backstop: {fault}");
                if report.outcome == Outcome::Complete {
                    report.outcome = Outcome::OverLimit("analyzer");
                }
            }
        }
    }
}
