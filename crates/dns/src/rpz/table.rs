//! The names of a zone's rules, packed: wire octets one behind the other and a table of where they
//! stand. Must not know zones. Next: `prefixes`.
//!
//! ```text
//!  arena  [exact][wild][wire name] [exact][wild][wire name] …
//!  slots  u32 into the arena        tags  one octet of the hash, beside each slot
//! ```
//! A name and `*.name` are one entry. A look-up asks each suffix of a name once, from the right: the
//! hash of a name is made of its parent's and one label, so all of them together cost one pass.
//!
//! **Wildcards.** A wildcard stands for every name below it, and the longest one counts, as in
//! PowerDNS Recursor and Knot Resolver. In BIND and unbound a listed name hides the wildcards above it
//! from its children and siblings (RFC 4592 §2.2.2, the closest encloser), so a `*` that refuses has
//! holes there. Here a refusal cannot be hidden. PASSTHRU is read the narrower way: it holds only where
//! both readings agree, since it takes away what later zones refuse.

use super::action::Action;
use backstop_model::name::QueryName;
use siphasher::sip::SipHasher13;
use std::collections::HashMap;
use std::hash::Hasher as _;

/// Which of a name's two rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Reach {
    /// The name itself.
    Exact,
    /// Everything below it.
    Below,
}

/// The rules of names.
#[derive(Debug)]
pub(crate) struct Names {
    arena: Vec<u8>,
    slots: Vec<u32>,
    /// Beside each slot an octet of its name's hash, 0 for none: a look-up that finds nothing, as most
    /// do, touches no name.
    tags: Vec<u8>,
    count: usize,
    /// Rules with records of their own: entry and reach, and which records; sorted once finished.
    local: Vec<((u32, Reach), u32)>,
    building: HashMap<(u32, Reach), u32>,
    /// Labels of the deepest entry.
    depth: usize,
    keys: (u64, u64),
    rules: usize,
}

/// A rule that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Matched<'t> {
    pub(crate) action: Action,
    pub(crate) reach: Reach,
    /// The name of the rule, without `*`.
    pub(crate) base: &'t [u8],
}

impl Names {
    /// None yet. The keys are drawn anew by each process: nobody can choose names whose hashes meet.
    pub(crate) fn new(keys: (u64, u64)) -> Self {
        Self {
            arena: Vec::new(),
            slots: Vec::new(),
            tags: Vec::new(),
            count: 0,
            local: Vec::new(),
            building: HashMap::new(),
            depth: 0,
            keys,
            rules: 0,
        }
    }
    /// How many rules there are.
    pub(crate) fn len(&self) -> usize {
        self.rules
    }
    pub(crate) fn is_empty(&self) -> bool {
        self.rules == 0
    }
    /// What it takes of memory.
    pub(crate) fn octets(&self) -> usize {
        self.arena.capacity()
            + self.slots.capacity() * size_of::<u32>()
            + self.tags.capacity()
            + self.local.capacity() * size_of::<((u32, Reach), u32)>()
    }

    /// The action of exactly this rule, while it is built.
    pub(crate) fn get(&self, base: &QueryName, reach: Reach) -> Option<Action> {
        let at = self.find_whole(base)?;
        self.action(at, reach, |key| self.building.get(&key).copied())
    }

    /// Sets a rule; `None` once the table is full.
    pub(crate) fn set(&mut self, base: &QueryName, reach: Reach, action: Action) -> Option<()> {
        let at = self.entry(base)?;
        let place = usize::try_from(at).ok()? + usize::from(reach == Reach::Below);
        let code = self.arena.get_mut(place)?;
        if *code == NONE {
            self.rules += 1;
        }
        *code = code_of(action);
        match action {
            Action::Local(number) => {
                self.building.insert((at, reach), number);
            }
            Action::Nxdomain
            | Action::Nodata
            | Action::Passthru
            | Action::Drop
            | Action::TcpOnly => {
                self.building.remove(&(at, reach));
            }
        }
        Some(())
    }

    /// Packs what was built; `renumbered` says where records with equal contents went.
    pub(crate) fn finish(&mut self, renumbered: &[u32]) {
        self.enclose();
        let mut local: Vec<_> = std::mem::take(&mut self.building)
            .into_iter()
            .map(|(key, number)| {
                let number = usize::try_from(number).ok().and_then(|n| renumbered.get(n));
                (key, number.copied().unwrap_or(u32::MAX))
            })
            .collect();
        local.sort_unstable();
        local.shrink_to_fit();
        self.local = local;
        self.arena.shrink_to_fit();
        let slots = self.count + self.count / 2 + 1;
        self.rehash(slots);
    }

    /// Between a wildcard that passes and the names listed below it stand names that exist without
    /// records (RFC 4592 §2.2.2): they hide it, so they must be found.
    fn enclose(&mut self) {
        let passing: Vec<QueryName> = self
            .each()
            .filter(|(_, codes)| codes.1 == code_of(Action::Passthru))
            .filter_map(|(name, _)| QueryName::parse(name))
            .collect();
        if passing.is_empty() {
            return;
        }
        let mut missing = Vec::new();
        for (wire, _) in self.each() {
            let Some(name) = QueryName::parse(wire) else { continue };
            for suffix in name.suffixes().skip(1) {
                let Some(parent) = QueryName::parse(suffix) else { continue };
                let hidden = passing.iter().any(|base| parent.below(base).is_some());
                if hidden && self.find_whole(&parent).is_none() {
                    missing.push(parent);
                }
            }
        }
        for name in missing {
            self.entry(&name);
        }
    }

    /// Each entry: name, and the codes of both rules.
    fn each(&self) -> impl Iterator<Item = (&[u8], (u8, u8))> {
        let mut at = 0usize;
        std::iter::from_fn(move || {
            let (codes, rest) = self.arena.get(at..)?.split_first_chunk::<2>()?;
            let name = wire_of(rest)?;
            at += 2 + name.len();
            Some((name, (codes[0], codes[1])))
        })
    }

    /// Each rule, for warnings and figures.
    pub(crate) fn rules(&self) -> impl Iterator<Item = (&[u8], Reach, Kind)> {
        self.each().flat_map(|(name, (exact, wild))| {
            [(exact, Reach::Exact), (wild, Reach::Below)]
                .into_iter()
                .filter_map(move |(code, reach)| Some((name, reach, kind_of(code)?)))
        })
    }

    /// The rule that stands for `name`: the exact one, else the longest wildcard.
    pub(crate) fn find(&self, name: &QueryName) -> Option<Matched<'_>> {
        if self.count == 0 {
            return None;
        }
        let wire = name.as_wire();
        let mut starts = [0u8; 128];
        let mut labels = 0usize;
        let mut at = 0usize;
        while let Some(length @ 1..) = wire.get(at).copied() {
            *starts.get_mut(labels)? = u8::try_from(at).ok()?;
            labels += 1;
            at += 1 + usize::from(length);
        }
        let mut hash = self.keys.1;
        let mut best: Option<(u32, bool)> = None;
        let mut suffix = wire.get(at..)?;
        let mut deep = 0usize;
        loop {
            let whole = deep == labels;
            if let Some(entry) = self.seek(hash, suffix) {
                let codes = self.codes(entry);
                if whole && codes.0 != NONE {
                    return self.matched(entry, Reach::Exact);
                }
                if !whole && codes.1 != NONE {
                    best = Some((entry, false));
                } else if let Some((_, hidden)) = &mut best {
                    *hidden = true;
                }
            }
            if whole || deep >= self.depth {
                break;
            }
            deep += 1;
            let start = usize::from(*starts.get(labels - deep)?);
            let length = usize::from(*wire.get(start)?);
            hash = self.step(hash, wire.get(start + 1..start + 1 + length)?);
            suffix = wire.get(start..)?;
        }
        let (entry, hidden) = best?;
        let found = self.matched(entry, Reach::Below)?;
        (!hidden || found.action != Action::Passthru).then_some(found)
    }

    fn matched(&self, entry: u32, reach: Reach) -> Option<Matched<'_>> {
        let look = |key| {
            let found = self.local.binary_search_by_key(&key, |(key, _)| *key).ok()?;
            self.local.get(found).map(|(_, number)| *number)
        };
        let action = self.action(entry, reach, look)?;
        Some(Matched { action, reach, base: self.name_at(entry)? })
    }

    fn action(
        &self,
        entry: u32,
        reach: Reach,
        local: impl Fn((u32, Reach)) -> Option<u32>,
    ) -> Option<Action> {
        let (exact, wild) = self.codes(entry);
        let code = match reach {
            Reach::Exact => exact,
            Reach::Below => wild,
        };
        Some(match kind_of(code)? {
            Kind::Fixed(action) => action,
            // Records that are lost are no records: who reads them refuses.
            Kind::Local => Action::Local(local((entry, reach)).unwrap_or(u32::MAX)),
        })
    }

    fn codes(&self, entry: u32) -> (u8, u8) {
        let at = usize::try_from(entry).unwrap_or(usize::MAX);
        match self.arena.get(at..).and_then(|rest| rest.first_chunk::<2>()) {
            Some([exact, wild]) => (*exact, *wild),
            None => (NONE, NONE),
        }
    }

    fn name_at(&self, entry: u32) -> Option<&[u8]> {
        let at = usize::try_from(entry).ok()?;
        wire_of(self.arena.get(at + 2..)?)
    }

    fn step(&self, parent: u64, label: &[u8]) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.keys.0, parent);
        hasher.write(label);
        hasher.finish()
    }

    fn hash(&self, wire: &[u8]) -> u64 {
        QueryName::parse(wire)
            .map_or(0, |name| name.labels().rev().fold(self.keys.1, |h, label| self.step(h, label)))
    }

    /// Where probing begins: the hash scaled to the table, whatever its size.
    fn home(&self, hash: u64) -> usize {
        let slots = u128::try_from(self.slots.len()).unwrap_or(0);
        usize::try_from((u128::from(hash) * slots) >> 64).unwrap_or(0)
    }

    fn seek(&self, hash: u64, wire: &[u8]) -> Option<u32> {
        let mut at = self.home(hash);
        loop {
            let found = *self.tags.get(at)?;
            if found == 0 {
                return None;
            }
            if found == tag(hash) {
                let entry = *self.slots.get(at)?;
                let from = usize::try_from(entry).ok()? + 2;
                if self.arena.get(from..from + wire.len()) == Some(wire) {
                    return Some(entry);
                }
            }
            at = if at + 1 == self.slots.len() { 0 } else { at + 1 };
        }
    }

    fn find_whole(&self, name: &QueryName) -> Option<u32> {
        self.seek(self.hash(name.as_wire()), name.as_wire())
    }

    fn entry(&mut self, name: &QueryName) -> Option<u32> {
        if let Some(known) = self.find_whole(name) {
            return Some(known);
        }
        let at = u32::try_from(self.arena.len()).ok().filter(|at| *at < u32::MAX)?;
        self.arena.extend_from_slice(&[NONE, NONE]);
        self.arena.extend_from_slice(name.as_wire());
        self.depth = self.depth.max(name.depth());
        self.count += 1;
        if self.count * 4 >= self.slots.len() * 3 {
            self.rehash((self.slots.len() * 2).max(64));
        } else {
            self.place(at);
        }
        Some(at)
    }

    fn rehash(&mut self, slots: usize) {
        self.slots = vec![0; slots];
        self.tags = vec![0; slots];
        let mut at = 0usize;
        while let Some(name) = self.arena.get(at + 2..).and_then(wire_of) {
            let next = at + 2 + name.len();
            if let Ok(entry) = u32::try_from(at) {
                self.place(entry);
            }
            at = next;
        }
    }

    /// INVARIANT: there is a free slot.
    fn place(&mut self, entry: u32) {
        let hash = self.name_at(entry).map_or(0, |name| self.hash(name));
        let mut at = self.home(hash);
        while self.tags.get(at).is_some_and(|tag| *tag != 0) {
            at = if at + 1 == self.slots.len() { 0 } else { at + 1 };
        }
        if let (Some(slot), Some(found)) = (self.slots.get_mut(at), self.tags.get_mut(at)) {
            (*slot, *found) = (entry, tag(hash));
        }
    }
}

/// An octet of a hash that `home` does not use, never 0.
const fn tag(hash: u64) -> u8 {
    hash.to_le_bytes()[0] | 1
}

/// The name at the beginning of these octets.
fn wire_of(octets: &[u8]) -> Option<&[u8]> {
    let mut at = 0usize;
    loop {
        match octets.get(at)? {
            0 => return octets.get(..=at),
            length => at += 1 + usize::from(*length),
        }
    }
}

/// What a rule is, without its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Fixed(Action),
    Local,
}

const NONE: u8 = 0;
const LOCAL: u8 = 6;

const fn code_of(action: Action) -> u8 {
    match action {
        Action::Nxdomain => 1,
        Action::Nodata => 2,
        Action::Passthru => 3,
        Action::Drop => 4,
        Action::TcpOnly => 5,
        Action::Local(_) => LOCAL,
    }
}

const fn kind_of(code: u8) -> Option<Kind> {
    Some(match code {
        1 => Kind::Fixed(Action::Nxdomain),
        2 => Kind::Fixed(Action::Nodata),
        3 => Kind::Fixed(Action::Passthru),
        4 => Kind::Fixed(Action::Drop),
        5 => Kind::Fixed(Action::TcpOnly),
        LOCAL => Kind::Local,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
