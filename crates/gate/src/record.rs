//! Recording refusals: singly up to a rate, then counted, so that one agent fills neither disk nor
//! queue and delays nobody else.
//!
//! INVARIANT: every refusal is either noted singly or in a count that will be noted.
//! Must not know why something is refused. Next: `respond`.

use crate::config::{Config, Rate};
use crate::gate::Inner;
use crate::live::lock;
use crate::respond::Outcome;
use backstop_model::control::Control;
use backstop_model::event::{Asked, Event, Fact};
use backstop_model::finding::FindingRecord;
use backstop_model::id::{HoldId, ReceiptId, SessionId};
use backstop_model::refusal::Refusal;
use backstop_model::standing::Subject;
use backstop_model::time::Timestamp;
use backstop_model::verdict::Verdict;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// LIMIT: sessions whose refusals are kept apart; those beyond share one lane.
const LANES: usize = 4_096;
/// LIMIT: events that wait here while the ledger's queue is full.
const OWED: usize = 16_384;

/// One refusal, before it has an id.
pub(crate) struct Refused {
    pub(crate) subject: Option<Subject>,
    pub(crate) asked: Asked,
    pub(crate) control: Control,
    pub(crate) reason: String,
    pub(crate) hold: Option<HoldId>,
    pub(crate) refines: Option<ReceiptId>,
    pub(crate) findings: Vec<FindingRecord>,
}

impl Refused {
    pub(crate) fn new(
        subject: Option<&Subject>,
        asked: Asked,
        control: Control,
        reason: String,
    ) -> Self {
        Self {
            subject: subject.cloned(),
            asked,
            control,
            reason,
            hold: None,
            refines: None,
            findings: Vec::new(),
        }
    }
}

/// Who may have a record of his own, and the counts of the rest.
#[derive(Debug)]
pub(crate) struct Recorder {
    books: Mutex<Books>,
    per_session: Rate,
}

#[derive(Debug)]
struct Books {
    all: Bucket,
    /// Peers without a valid credential, and sessions beyond [`LANES`].
    strangers: Lane,
    lanes: HashMap<SessionId, Lane>,
    owed: VecDeque<Event>,
}

#[derive(Debug)]
struct Lane {
    bucket: Bucket,
    subject: Option<Subject>,
    counts: BTreeMap<Control, Count>,
}

/// Refusals that were counted.
#[derive(Debug, Clone, Copy)]
struct Count {
    count: u64,
    since: Timestamp,
}

/// How a refusal is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Singly,
    Counted,
}

/// A count that is due to be written down.
struct Due {
    subject: Option<Subject>,
    control: Control,
    count: Count,
}

/// A token bucket, in millionths so that no fraction is lost.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    rate: Rate,
    millionths: u64,
    at: Timestamp,
}

impl Bucket {
    fn full(rate: Rate) -> Self {
        Self { rate, millionths: u64::from(rate.burst) * 1_000_000, at: Timestamp::default() }
    }
    fn fill(&mut self, now: Timestamp) {
        let micros = u64::try_from(now.since(self.at).as_micros()).unwrap_or(u64::MAX);
        let gained = micros.saturating_mul(u64::from(self.rate.per_second));
        let most = u64::from(self.rate.burst) * 1_000_000;
        self.millionths = self.millionths.saturating_add(gained).min(most);
        self.at = self.at.max(now);
    }
    fn is_full(&self) -> bool {
        self.millionths >= u64::from(self.rate.burst) * 1_000_000
    }
    fn take(&mut self, now: Timestamp) -> bool {
        self.fill(now);
        let left = self.millionths.checked_sub(1_000_000);
        if let Some(left) = left {
            self.millionths = left;
        }
        left.is_some()
    }
}

impl Lane {
    fn new(rate: Rate) -> Self {
        Self { bucket: Bucket::full(rate), subject: None, counts: BTreeMap::new() }
    }
    fn count(&mut self, control: Control, count: Count) {
        let known = self.counts.entry(control).or_insert(Count { count: 0, ..count });
        known.count = known.count.saturating_add(count.count);
        known.since = known.since.min(count.since);
    }
    fn drain(&mut self) -> impl Iterator<Item = Due> {
        let subject = self.subject.clone();
        std::mem::take(&mut self.counts).into_iter().map(move |(control, count)| Due {
            subject: subject.clone(),
            control,
            count,
        })
    }
}

impl Recorder {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            books: Mutex::new(Books {
                all: Bucket::full(config.all_records),
                strangers: Lane::new(config.stranger_records),
                lanes: HashMap::new(),
                owed: VecDeque::new(),
            }),
            per_session: config.session_records,
        }
    }

    fn place(&self, refused: &Refused, now: Timestamp) -> Kept {
        let mut books = lock(&self.books);
        let Books { all, strangers, lanes, .. } = &mut *books;
        let lane = lane(lanes, strangers, refused.subject.as_ref(), self.per_session);
        if lane.bucket.take(now) && all.take(now) {
            return Kept::Singly;
        }
        lane.count(refused.control, Count { count: 1, since: now });
        Kept::Counted
    }

    fn count(&self, subject: Option<&Subject>, control: Control, count: Count) {
        let mut books = lock(&self.books);
        let Books { strangers, lanes, .. } = &mut *books;
        lane(lanes, strangers, subject, self.per_session).count(control, count);
    }

    fn due(&self, session: Option<&SessionId>, now: Timestamp) -> Vec<Due> {
        let mut books = lock(&self.books);
        match session {
            Some(session) => books
                .lanes
                .remove(session)
                .map(|mut lane| lane.drain().collect())
                .unwrap_or_default(),
            None => {
                let Books { strangers, lanes, .. } = &mut *books;
                let mut due: Vec<_> = strangers.drain().collect();
                due.extend(lanes.values_mut().flat_map(Lane::drain));
                lanes.retain(|_, lane| {
                    lane.bucket.fill(now);
                    !lane.bucket.is_full()
                });
                due
            }
        }
    }
}

fn lane<'a>(
    lanes: &'a mut HashMap<SessionId, Lane>,
    strangers: &'a mut Lane,
    subject: Option<&Subject>,
    rate: Rate,
) -> &'a mut Lane {
    let Some((subject, session)) = subject.and_then(|s| s.session.as_ref().map(|id| (s, id)))
    else {
        return strangers;
    };
    if lanes.len() >= LANES && !lanes.contains_key(session) {
        return strangers;
    }
    let lane = lanes.entry(session.clone()).or_insert_with(|| Lane::new(rate));
    if lane.subject.is_none() {
        lane.subject = Some(subject.clone());
    }
    lane
}

impl Inner {
    /// Answers a refusal at once; how it is recorded is decided here.
    pub(crate) fn refuse(&self, refused: Refused) -> Refusal {
        self.refuse_at(refused, self.now())
    }

    /// The same at a moment that was looked up just now.
    pub(crate) fn refuse_at(&self, refused: Refused, now: Timestamp) -> Refusal {
        let verdict = if refused.hold.is_some() { Verdict::Hold } else { Verdict::Deny };
        self.counters.answer(refused.asked.plane, Some(refused.control), verdict);
        let receipt = ReceiptId::draw(now, self.ten());
        let alert = self.alerts.see(&refused, Outcome::Refused, &receipt, now, || self.ten());
        if let Some(alert) = alert {
            self.owe(refused.subject.clone(), alert);
        }
        let kept = self.recorder.place(&refused, now);
        let Refused { subject, asked, control, reason, hold, refines, findings } = refused;
        let answer = |host: String, reason, hold| Refusal {
            receipt: receipt.clone(),
            control,
            host: (!host.is_empty()).then_some(host),
            reason,
            hold,
        };
        match kept {
            Kept::Singly => {
                let refusal = answer(asked.host.clone(), reason.clone(), hold.clone());
                let fact = Fact::AttemptRefused { asked, control, reason, hold, refines, findings };
                let event = Event {
                    receipt: receipt.clone(),
                    at: now,
                    policy: self.policy().digest(),
                    subject: subject.clone(),
                    fact,
                };
                if self.ledger.note(event).is_err() {
                    self.counters.counted.fetch_add(1, Ordering::Relaxed);
                    let count = Count { count: 1, since: now };
                    self.recorder.count(subject.as_ref(), control, count);
                }
                refusal
            }
            Kept::Counted => {
                self.counters.counted.fetch_add(1, Ordering::Relaxed);
                answer(asked.host, reason, hold)
            }
        }
    }

    /// Notes a fact; while the ledger's queue is full it waits here.
    pub(crate) fn owe(&self, subject: Option<Subject>, fact: Fact) {
        let event = self.event(self.policy().digest(), subject, fact);
        if self.ledger.note(event.clone()).is_err() {
            let mut books = lock(&self.recorder.books);
            if books.owed.len() < OWED {
                books.owed.push_back(event);
            }
        }
    }

    /// Writes counts down: of one session that is closed, or of all.
    pub(crate) fn flush(&self, session: Option<&SessionId>) {
        let now = self.now();
        loop {
            let event = lock(&self.recorder.books).owed.pop_front();
            let Some(event) = event else { break };
            if self.ledger.note(event.clone()).is_err() {
                lock(&self.recorder.books).owed.push_front(event);
                break;
            }
        }
        for due in self.recorder.due(session, now) {
            let Due { subject, control, count } = due;
            let fact = Fact::RefusalsCounted { control, count: count.count, since: count.since };
            let event = self.event(self.policy().digest(), subject.clone(), fact);
            if self.ledger.note(event).is_err() {
                self.recorder.count(subject.as_ref(), control, count);
            }
        }
    }

    /// Writes down everything that was only counted, alerts included.
    pub(crate) fn flush_all(&self) {
        for (subject, fact) in self.alerts.due(self.now(), Duration::ZERO) {
            self.owe(subject, fact);
        }
        self.retire_names(Timestamp::from_unix_micros(i64::MAX));
        self.flush(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_unix_micros(1_000_000_000_000 + millis * 1_000)
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let mut bucket = Bucket::full(Rate { burst: 3, per_second: 2 });
        let taken = |bucket: &mut Bucket, at| (0..10).filter(|_| bucket.take(at)).count();
        assert_eq!(taken(&mut bucket, at(0)), 3);
        assert_eq!(taken(&mut bucket, at(499)), 0);
        assert_eq!(taken(&mut bucket, at(500)), 1);
        assert_eq!(taken(&mut bucket, at(400)), 0);
        assert_eq!(taken(&mut bucket, at(60_000)), 3);
    }

    fn refused(session: Option<u8>) -> Refused {
        let session = session.map(|n| SessionId::draw(at(0), [n; 10]));
        let subject = session.map(|session| Subject {
            session: Some(session),
            tenant: backstop_model::id::TenantName::parse("research").unwrap(),
            role: None,
            skill: None,
            ceiling: None,
        });
        let asked = Asked {
            plane: backstop_model::attempt::Plane::Proxy,
            host: "evil.example".to_owned(),
            port: 443,
            act: "connect".to_owned(),
            path: String::new(),
        };
        Refused::new(subject.as_ref(), asked, Control::EgressTenant, String::new())
    }

    #[test]
    fn each_session_has_its_own_rate_and_counts_lose_nothing() {
        let config = Config {
            session_records: Rate { burst: 2, per_second: 1 },
            stranger_records: Rate { burst: 1, per_second: 1 },
            ..Config::default()
        };
        let recorder = Recorder::new(&config);
        let singly = |who: Option<u8>| {
            (0..100).filter(|_| recorder.place(&refused(who), at(0)) == Kept::Singly).count()
        };
        assert_eq!((singly(Some(1)), singly(Some(2)), singly(None)), (2, 2, 1));
        let mut counts: Vec<_> = recorder.due(None, at(1)).iter().map(|d| d.count.count).collect();
        counts.sort_unstable();
        assert_eq!(counts, [98, 98, 99]);
        assert!(recorder.due(None, at(100_000)).is_empty());
        assert!(lock(&recorder.books).lanes.is_empty(), "idle lanes are forgotten");
    }
}
