//! Look-ups of the other planes, by the same upstreams, cache and readings: `gate::Resolve`.
//!
//! Whoever resolves here holds the gate's permit for that very host already: [`Resolve`] is called
//! by the gate's one dialer alone, and that takes nothing but a permit (`gate/exit`). So the name is
//! not asked for again, and every address is judged there, by the rules of the row, before one of
//! them is dialled. What the client behind the session was told when it asked this resolver itself is its
//! answer as long as that holds (`gate::names::Told`); for who never asked, what its session was
//! given stays until the pin ends: a name that flips between two questions flips for nobody who is
//! in the middle of something.
//! Must not know policy. Next: `wire`.

use crate::answer::{Answers, Way};
use crate::cache::Age;
use crate::forward::{Asker, Failure, Key, Reach};
use crate::rpz::{Chosen, Declared, Effect, Filter, Look, Seen};
use backstop_gate::names::{Hold, Told};
use backstop_gate::{BoxFuture, Resolve, ResolveFault};
use backstop_model::host::HostName;
use backstop_model::id::SessionId;
use backstop_model::name::{CLASS_IN, QueryName, QueryType};
use backstop_model::standing::Subject;
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a session's answer for a name stays.
#[derive(Debug, Clone)]
pub struct PinConfig {
    /// At least that long, whatever the answer says.
    pub floor: Duration,
    /// At most that long.
    pub ceiling: Duration,
    /// And for so long after that, if no upstream answers.
    pub grace: Duration,
}

impl Default for PinConfig {
    fn default() -> Self {
        Self {
            floor: Duration::from_secs(10),
            ceiling: Duration::from_secs(3_600),
            grace: Duration::from_secs(300),
        }
    }
}

/// Resolves for the other planes.
pub struct Resolver {
    answers: Arc<Answers>,
    config: PinConfig,
    pins: Mutex<Pins>,
    filter: Option<Arc<Filter>>,
}

impl Resolver {
    /// Over these answers.
    pub fn new(answers: Arc<Answers>, config: PinConfig) -> Self {
        Self { answers, config, pins: Mutex::default(), filter: None }
    }

    /// With response policy zones: what they refuse to a client's question is refused here too, or a
    /// proxy would be the way round them. The built-in zone is not asked: whoever connects has
    /// declared the very host.
    #[must_use]
    pub fn filtered(self, filter: Option<Arc<Filter>>) -> Self {
        Self { filter, ..self }
    }

    /// What a zone says before anything is asked.
    fn screen(&self, name: &HostName) -> Screened {
        let Some(filter) = &self.filter else { return Screened::Pass };
        let asked = QueryName::of_host(name);
        let told =
            filter.question((None, Look::First), &asked, Declared::ByName, &mut |_| {}, |hit| {
                match &hit.effect {
                    // Nobody asks over UDP here.
                    Effect::Passthru | Effect::TcpOnly => Screened::Pass,
                    Effect::Nxdomain | Effect::Nodata | Effect::Drop | Effect::Alias(_) => {
                        Screened::Refused(hit.evidence())
                    }
                    Effect::Local(local) => {
                        let mut addresses = Chosen::of(local, QueryType::AAAA).addresses;
                        addresses.extend(Chosen::of(local, QueryType::A).addresses);
                        match addresses.is_empty() {
                            true => Screened::Refused(hit.evidence()),
                            // Judged by whoever dials, as any others.
                            false => Screened::Instead(addresses),
                        }
                    }
                }
            });
        told.unwrap_or(Screened::Look)
    }

    /// What a zone says of addresses that were found; the evidence of a refusal.
    fn screen_answer(&self, name: &HostName, seen: Seen<'_>) -> Option<String> {
        let filter = self.filter.as_ref()?;
        let asked = QueryName::of_host(name);
        let about = (&asked, Declared::ByName, Look::First);
        filter.answer(about, seen, &mut |_| {}, |hit| match hit.effect {
            Effect::Passthru | Effect::TcpOnly => None,
            Effect::Nxdomain
            | Effect::Nodata
            | Effect::Drop
            | Effect::Local(_)
            | Effect::Alias(_) => Some(hit.evidence()),
        })?
    }

    async fn look_up(
        &self,
        name: &HostName,
        who: &Subject,
        told: Option<Told>,
    ) -> Result<Vec<IpAddr>, ResolveFault> {
        let looks = match self.screen(name) {
            Screened::Pass => false,
            Screened::Look => true,
            Screened::Instead(addresses) => return Ok(addresses),
            Screened::Refused(why) => return Err(ResolveFault::Filtered(name.clone(), why)),
        };
        let refused = |seen: Seen<'_>| {
            let why = looks.then(|| self.screen_answer(name, seen))??;
            Some(ResolveFault::Filtered(name.clone(), why))
        };
        // What the client itself was told comes before what its session was given.
        if let Some(Told { addresses, hold: Hold::Stands }) = &told {
            let seen = Seen { addresses, ..Seen::default() };
            return refused(seen).map_or_else(|| Ok(addresses.clone()), Err);
        }
        let pin = (who.session.clone(), name.clone());
        let before = self.lock().find(&pin);
        let now = Instant::now();
        if let Some(pinned) = &before
            && now < pinned.until
        {
            let seen = Seen { addresses: &pinned.addresses, ..Seen::default() };
            if let Some(fault) = refused(seen) {
                return Err(fault);
            }
            return Ok(pinned.addresses.to_vec());
        }
        let way = match &self.filter {
            Some(filter) if looks => Way::watched(filter, Declared::ByName),
            Some(_) | None => Way::FREE,
        };
        let ask = |qtype| {
            let key = Key { name: QueryName::of_host(name), qtype, class: CLASS_IN };
            self.answers.look_up(key, Reach::Any, Asker::Session(who.session.clone()), way)
        };
        let (six, four) = tokio::join!(ask(QueryType::AAAA), ask(QueryType::A));
        let (mut sixes, mut fours) = (Vec::new(), Vec::new());
        let mut left = self.config.ceiling;
        let mut failed = None;
        for (found, addresses) in [(six, &mut sixes), (four, &mut fours)] {
            match found {
                Ok((entry, age)) => {
                    if let Some(fault) = refused(entry.content().seen()) {
                        return Err(fault);
                    }
                    // A pin must not outlive the answer that it was made of, but for the floor.
                    if !entry.content().addresses().is_empty() {
                        left = left.min(match age {
                            Age::Fresh(left) => left,
                            Age::Stale | Age::Gone => self.config.floor,
                        });
                    }
                    addresses.extend_from_slice(entry.content().addresses());
                }
                Err(failure) => failed = Some(failure),
            }
        }
        let addresses = together(&sixes, &fours);
        if failed.is_some() {
            // Half an answer is no reason to do without the other half for long.
            left = Duration::ZERO;
        }
        match (addresses.is_empty(), failed, before) {
            (false, _, _) => {
                let until = now + left.max(self.config.floor);
                let addresses: Arc<[IpAddr]> = addresses.into();
                self.lock().pin(pin, Pinned { addresses: Arc::clone(&addresses), until });
                Ok(addresses.to_vec())
            }
            (true, None, _) => Err(ResolveFault::NoAddress(name.clone())),
            (true, Some(_), Some(old)) if now < old.until + self.config.grace => {
                Ok(old.addresses.to_vec())
            }
            (true, Some(failure), _) => match told {
                Some(Told { addresses, .. }) => {
                    let seen = Seen { addresses: &addresses, ..Seen::default() };
                    refused(seen).map_or(Ok(addresses), Err)
                }
                None => Err(fault(name, failure)),
            },
        }
    }

    /// INVARIANT: under this lock nothing can panic half-way but for want of memory.
    fn lock(&self) -> MutexGuard<'_, Pins> {
        self.pins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Resolve for Resolver {
    fn resolve<'a>(
        &'a self,
        name: &'a HostName,
        who: &'a Subject,
    ) -> BoxFuture<'a, Result<Vec<IpAddr>, ResolveFault>> {
        Box::pin(self.look_up(name, who, None))
    }

    fn resolve_told<'a>(
        &'a self,
        name: &'a HostName,
        who: &'a Subject,
        told: Told,
    ) -> BoxFuture<'a, Result<Vec<IpAddr>, ResolveFault>> {
        Box::pin(self.look_up(name, who, Some(told)))
    }
}

/// What response policy zones say of a look-up.
enum Screened {
    Pass,
    Look,
    Instead(Vec<IpAddr>),
    Refused(String),
}

/// At most [`ADDRESSES`], half of them of each family if there are so many. What is left out is not
/// dialled, so it need not be judged.
fn together(sixes: &[IpAddr], fours: &[IpAddr]) -> Vec<IpAddr> {
    let half = ADDRESSES / 2;
    let six = sixes.len().min(ADDRESSES - fours.len().min(half));
    let four = fours.len().min(ADDRESSES - six);
    sixes.iter().take(six).chain(fours.iter().take(four)).copied().collect()
}

fn fault(name: &HostName, failure: Failure) -> ResolveFault {
    match failure {
        Failure::TimedOut => ResolveFault::TimedOut(name.clone()),
        Failure::NoUpstream
        | Failure::Unreachable
        | Failure::Rcode(_)
        | Failure::Unacceptable
        | Failure::Crowded => ResolveFault::Failed(name.clone(), failure.to_string()),
    }
}

type Pin = (Option<SessionId>, HostName);

#[derive(Debug, Clone)]
struct Pinned {
    addresses: Arc<[IpAddr]>,
    until: Instant,
}

/// What sessions were told. Forgetting a pin costs one look-up, whose answer is judged as well.
#[derive(Default)]
struct Pins {
    table: HashMap<Pin, Pinned>,
    oldest_first: VecDeque<Pin>,
}

impl Pins {
    fn find(&self, pin: &Pin) -> Option<Pinned> {
        self.table.get(pin).cloned()
    }
    fn pin(&mut self, pin: Pin, pinned: Pinned) {
        if self.table.insert(pin.clone(), pinned).is_none() {
            self.oldest_first.push_back(pin);
        }
        while self.table.len() > PINS
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.table.remove(&oldest);
        }
    }
}

/// LIMIT: addresses of one name; the dialer takes no more.
const ADDRESSES: usize = 64;
/// LIMIT: names of sessions that are remembered.
const PINS: usize = 16_384;
