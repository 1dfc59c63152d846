//! The figures of `/metrics`. Names are `backstop_…`, units are in the names.
//! Must not know how they are counted. Next: `client`.

use crate::counted::{Counted, Measure};
use crate::exposition::{CONTENT_TYPE, Exposition, Type, whole};
use crate::reply::Reply;
use crate::serve::House;
use backstop_detect::NameCounts;
use backstop_gate::{Latency, Stats};
use backstop_ledger::Health;
use std::sync::atomic::Ordering;

pub(crate) fn reply(house: &House) -> Reply {
    let mut out = Exposition::default();
    let policy = house.api.policy.borrow().clone();
    out.family("backstop_build_info", Type::Gauge, "The version of this build.").sample(
        "",
        &[("version", house.api.version)],
        1.0,
    );
    out.family("backstop_policy_info", Type::Gauge, "The digest of the policy in force.").sample(
        "",
        &[("digest", &policy.digest().to_string())],
        1.0,
    );
    let waiting = house.api.gate.readiness().waiting();
    out.single(
        "backstop_ready",
        Type::Gauge,
        "Whether every room is ready.",
        yes(waiting.is_empty()),
    );
    gate(&mut out, &house.api.gate.stats());
    names(&mut out, house.api.gate.name_counts());
    ledger(&mut out, &house.api.ledger.health());
    standing(&mut out, house);
    for counted in house.api.counts.iter().flat_map(|counts| counts.counted()) {
        others(&mut out, &counted);
    }
    api(&mut out, house);
    process(&mut out);
    Reply::Text(CONTENT_TYPE, out.into_text())
}

fn gate(out: &mut Exposition, stats: &Stats) {
    let mut answers = out.family(
        "backstop_answers_total",
        Type::Counter,
        "Answers to attempts, by plane, deciding control (empty when allowed) and verdict.",
    );
    for answered in &stats.answers {
        let control = answered.control.map_or("", backstop_model::control::Control::as_str);
        let labels = [
            ("plane", answered.plane.as_str()),
            ("control", control),
            ("verdict", answered.verdict.as_str()),
        ];
        answers.sample("", &labels, whole(answered.count));
    }
    out.single(
        "backstop_refusals_counted_total",
        Type::Counter,
        "Refusals that were counted on record instead of kept singly.",
        whole(stats.counted),
    );
    out.single(
        "backstop_live_flows",
        Type::Gauge,
        "Flows and permits that live now.",
        whole(stats.live),
    );
    out.single(
        "backstop_flows_cut_total",
        Type::Counter,
        "Flows that were cut since policy or standing permitted them no longer.",
        whole(stats.cut),
    );
    out.single(
        "backstop_sent_bytes_total",
        Type::Counter,
        "Bytes sent to upstreams.",
        whole(stats.sent),
    );
    out.single(
        "backstop_received_bytes_total",
        Type::Counter,
        "Bytes received from upstreams.",
        whole(stats.received),
    );
    latency(out, "backstop_ask_duration_seconds", "How long an answer took.", &stats.asked);
    latency(out, "backstop_dial_duration_seconds", "How long a dial took.", &stats.dialled);
    latency(
        out,
        "backstop_inspect_duration_seconds",
        "How long looking at a payload took, waiting for its turn included.",
        &stats.inspected,
    );
}

fn names(out: &mut Exposition, counts: NameCounts) {
    let mut passages = out.family(
        "backstop_name_passages_total",
        Type::Counter,
        "Passages that the model for names was asked about, by whether it had to look or remembered.",
    );
    passages.sample("", &[("answer", "looked")], whole(counts.looked));
    passages.sample("", &[("answer", "remembered")], whole(counts.remembered));
}

fn latency(out: &mut Exposition, name: &str, help: &str, latency: &Latency) {
    let bounded: Vec<(f64, u64)> = latency
        .buckets
        .iter()
        .filter_map(|(top, count)| top.map(|top| (seconds(top), *count)))
        .collect();
    let beyond = latency.buckets.iter().filter(|(top, _)| top.is_none()).map(|(_, n)| n).sum();
    out.family(name, Type::Histogram, help).histogram(
        &[],
        &bounded,
        beyond,
        seconds(latency.sum_micros),
    );
}

fn ledger(out: &mut Exposition, health: &Health) {
    let rows = [
        ("backstop_ledger_writable", "Whether permits can be recorded.", yes(health.writable)),
        ("backstop_ledger_rows", "Rows kept.", whole(health.rows)),
        ("backstop_ledger_last_row", "The number of the newest row.", whole(health.last)),
        ("backstop_ledger_bytes", "Bytes of the database in use.", whole(health.bytes.0)),
        (
            "backstop_ledger_nearly_full",
            "Whether more than 80 % of the retention's size is in use.",
            yes(health.nearly_full),
        ),
        (
            "backstop_ledger_queue",
            "Events that wait to be written.",
            whole(u64::try_from(health.queued).unwrap_or(u64::MAX)),
        ),
        (
            "backstop_ledger_lost",
            "Refusals, ends of flows and alerts that could not be recorded since the start.",
            whole(health.lost),
        ),
        (
            "backstop_ledger_faulty",
            "Whether something went wrong that still stands.",
            yes(health.last_error.is_some()),
        ),
    ];
    for (name, help, value) in rows {
        out.single(name, Type::Gauge, help, value);
    }
}

fn standing(out: &mut Exposition, house: &House) {
    let views = house.api.ledger.views();
    let now = house.api.gate.now();
    let open = views.sessions().iter().filter(|s| s.closed.is_none()).count();
    let binding = views.quarantines().iter().filter(|q| q.released.is_none()).count();
    let holds = views.holds().iter().filter(|h| crate::show::is_open(h, now)).count();
    let grants = views.grants().iter().filter(|g| crate::show::holds(g, now)).count();
    for (name, help, count) in [
        ("backstop_open_sessions", "Sessions that are not closed.", open),
        ("backstop_quarantines", "Quarantines that bind.", binding),
        ("backstop_open_holds", "Holds that wait for a person.", holds),
        ("backstop_grants", "Grants that hold.", grants),
    ] {
        out.single(name, Type::Gauge, help, whole(u64::try_from(count).unwrap_or(u64::MAX)));
    }
}

fn others(out: &mut Exposition, counted: &Counted) {
    let kind = match counted.measure {
        Measure::Total => Type::Counter,
        Measure::Now => Type::Gauge,
    };
    let mut family = out.family(counted.name, kind, counted.help);
    for (labels, count) in &counted.samples {
        let labels: Vec<(&str, &str)> =
            labels.iter().map(|(label, text)| (*label, text.as_str())).collect();
        family.sample("", &labels, whole(*count));
    }
}

fn api(out: &mut Exposition, house: &House) {
    let figures = &house.figures;
    for (name, help, count) in [
        ("backstop_api_requests_total", "Requests to the API.", &figures.requests),
        ("backstop_api_problems_total", "Requests answered with a problem.", &figures.problems),
        (
            "backstop_api_unauthenticated_total",
            "Requests without a valid token.",
            &figures.unauthenticated,
        ),
    ] {
        out.single(name, Type::Counter, help, whole(count.load(Ordering::Relaxed)));
    }
    let streams = house.api.config.streams.saturating_sub(house.streams.available_permits());
    out.single(
        "backstop_api_streams",
        Type::Gauge,
        "Event streams that are open.",
        whole(u64::try_from(streams).unwrap_or(u64::MAX)),
    );
}

/// What Linux says of this process (proc(5)); left out where it says nothing.
fn process(out: &mut Exposition) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.trim().strip_suffix("kB"))
        .and_then(|kilobytes| kilobytes.trim().parse::<u64>().ok());
    if let Some(kilobytes) = resident {
        out.single(
            "process_resident_memory_bytes",
            Type::Gauge,
            "Resident memory size in bytes.",
            whole(kilobytes.saturating_mul(1_024)),
        );
    }
    if let Ok(entries) = std::fs::read_dir("/proc/self/fd") {
        let open = u64::try_from(entries.count()).unwrap_or(u64::MAX);
        out.single(
            "process_open_fds",
            Type::Gauge,
            "Number of open file descriptors.",
            whole(open),
        );
    }
}

fn seconds(micros: u64) -> f64 {
    whole(micros) / 1_000_000.0
}

const fn yes(value: bool) -> f64 {
    if value { 1.0 } else { 0.0 }
}
