//! What the resolver counts, as `/metrics` tells it. Labels are bounded: zones by the configuration, all
//! else by closed lists. Next: `run`.

use crate::feeds::State;
use backstop_api::{Counted, Counts, Measure};
use backstop_dns::rpz::Filter;
use backstop_dns::server::{Counter, Stats};
use backstop_dns::tap::Tap;
use std::sync::Arc;

/// Whatever of the resolver runs.
#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) filter: Option<Arc<Filter>>,
    /// Zones that come from primaries.
    pub(crate) followed: Vec<Arc<State>>,
    pub(crate) stats: Option<Arc<Stats>>,
    pub(crate) tap: Option<Arc<Tap>>,
}

impl Counts for Figures {
    fn counted(&self) -> Vec<Counted> {
        let mut all = Vec::new();
        if let Some(filter) = &self.filter {
            all.push(zones(filter));
            all.push(serials(filter));
        }
        if !self.followed.is_empty() {
            all.extend(transfers(&self.followed));
        }
        if let Some(stats) = &self.stats {
            all.extend(listeners(stats));
        }
        if let Some(tap) = &self.tap {
            let outcome =
                |name: &str, count: &Counter| (vec![("outcome", name.to_owned())], count.read());
            all.push(Counted {
                name: "backstop_dnstap_messages_total",
                measure: Measure::Total,
                help: "Messages of dnstap, by whether they were written or found no room.",
                samples: vec![outcome("written", &tap.written), outcome("dropped", &tap.dropped)],
            });
        }
        all
    }
}

fn zones(filter: &Filter) -> Counted {
    let sample = |figure: backstop_dns::rpz::Figure| {
        let mode = if figure.counts { "enforced" } else { "disabled" };
        let labels = vec![
            ("zone", figure.zone.to_string()),
            ("action", figure.action.to_owned()),
            ("mode", mode.to_owned()),
        ];
        (labels, figure.count)
    };
    Counted {
        name: "backstop_rpz_hits_total",
        measure: Measure::Total,
        help: "Questions and answers for which a rule of a response policy zone stood, by zone, action and whether the zone is disabled.",
        samples: filter.figures().into_iter().map(sample).collect(),
    }
}

fn serials(filter: &Filter) -> Counted {
    let rules = filter.rules();
    let sample = |zone: &Arc<backstop_dns::rpz::Zone>| {
        (vec![("zone", zone.name().to_string())], u64::from(zone.serial()))
    };
    Counted {
        name: "backstop_rpz_serial",
        measure: Measure::Now,
        help: "The serial of each response policy zone in force.",
        samples: rules.zones().iter().map(sample).collect(),
    }
}

fn transfers(followed: &[Arc<State>]) -> [Counted; 4] {
    let zone = |state: &State| ("zone", state.zone.to_string());
    let now = |name, help, of: fn(&State) -> u64| Counted {
        name,
        measure: Measure::Now,
        help,
        samples: followed.iter().map(|state| (vec![zone(state)], of(state))).collect(),
    };
    let outcomes = |state: &Arc<State>| {
        let zone = zone(state);
        state
            .outcomes()
            .map(|(outcome, count)| (vec![zone.clone(), ("outcome", outcome.to_owned())], count))
    };
    [
        now(
            "backstop_rpz_transfer_age_seconds",
            "Since a primary last gave the zone, or said that what is here is the newest.",
            State::age,
        ),
        now(
            "backstop_rpz_expired",
            "1 where no primary confirmed the zone for as long as its SOA allows; it stays in force.",
            State::expired,
        ),
        now(
            "backstop_rpz_transfer_failing",
            "1 where no primary answered the last time in a way that counts.",
            State::failing,
        ),
        Counted {
            name: "backstop_rpz_transfers_total",
            measure: Measure::Total,
            help: "What came of asking the primaries of a zone: nothing newer, what changed, all of it, or nothing that counts.",
            samples: followed.iter().flat_map(outcomes).collect(),
        },
    ]
}

fn listeners(stats: &Stats) -> Vec<Counted> {
    let by = |label: &'static str, rows: &[(&str, &Counter)]| {
        let sample =
            |(name, count): &(&str, &Counter)| (vec![(label, (*name).to_owned())], count.read());
        rows.iter().map(sample).collect()
    };
    vec![
        Counted {
            name: "backstop_dns_messages_total",
            measure: Measure::Total,
            help: "Messages that the resolver read, by datagram or on a connection.",
            samples: by("by", &[("datagram", &stats.datagrams), ("stream", &stats.streamed)]),
        },
        Counted {
            name: "backstop_dns_unserved_total",
            measure: Measure::Total,
            help: "Messages that were not answered as questions of a client: no question, of a stranger, too many waiting, or an answer that could not be sent.",
            samples: by(
                "why",
                &[
                    ("unfit", &stats.unfit),
                    ("stranger", &stats.strangers),
                    ("turned_away", &stats.turned_away),
                    ("unsent", &stats.unsent),
                ],
            ),
        },
        Counted {
            name: "backstop_dns_identities_total",
            measure: Measure::Total,
            help: "Words about who asks that were not followed: of peers that are not trusted (forged), or of trusted ones and not to be made out (unfollowed).",
            samples: by("outcome", &[("forged", &stats.forged), ("unfollowed", &stats.unfollowed)]),
        },
        Counted {
            name: "backstop_dns_connections_total",
            measure: Measure::Total,
            help: "Connections to the resolver: taken, closed at once since their source had too many, closed to make room.",
            samples: by(
                "outcome",
                &[
                    ("taken", &stats.connections),
                    ("crowded", &stats.crowded),
                    ("hurried", &stats.hurried),
                    ("displaced", &stats.displaced),
                ],
            ),
        },
    ]
}
