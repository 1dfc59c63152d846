//! Zones of the policy's names, given to secondaries (`dns.transfers`): rendered at the start and on
//! each change of the policy, kept with their serials in the state folder, secondaries told.
//! Next: `run`.

use anyhow::{Context, Result, bail};
use backstop_dns::export::{Drift, Header, Zone, drift, render, serial, serial_of};
use backstop_dns::server::Aside;
use backstop_dns::transfer::{Served, Transfers, notify};
use backstop_dns::wire::tsig::Key;
use backstop_gate::{Clock as _, Gate, OsRandom, OwnPlace, OwnSockets, SystemClock};
use backstop_model::addr::Cidr;
use backstop_model::id::{SkillName, SkillVersion, TenantName};
use backstop_model::name::{NameScope, QueryName};
use backstop_model::standing::Subject;
use backstop_policy::{Policy, name_rules};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinSet;
use zeroize::Zeroizing;

/// A zone that is given away.
#[derive(Debug, Clone)]
pub(crate) struct Transfer {
    origin: QueryName,
    tenant: TenantName,
    /// The acting skill; without one, the tenant's rows alone.
    skill: Option<(SkillName, SkillVersion)>,
    key: PathBuf,
    from: Vec<Cidr>,
    notify: Vec<OwnPlace>,
}

/// `ORIGIN=TENANT/SKILL@VERSION key=FILE from=CIDR … notify=ADDR:PORT …`.
pub(crate) fn transfer(text: &str) -> Result<Transfer, String> {
    let form = || {
        "write `ORIGIN=TENANT/SKILL@VERSION key=FILE from=CIDR notify=ADDR:PORT`, `*` for the tenant's rows alone".to_owned()
    };
    let mut words = text.split_whitespace();
    let (origin, whose) = words.next().and_then(|word| word.split_once('=')).ok_or_else(form)?;
    let origin = QueryName::from_text(origin).filter(|origin| (1..=16).contains(&origin.depth()));
    let origin = origin.ok_or_else(form)?;
    let (tenant, skill) = whose.split_once('/').ok_or_else(form)?;
    let tenant = TenantName::parse(tenant).map_err(|fault| fault.to_string())?;
    let skill = match skill.split_once('@') {
        None if skill == "*" => None,
        None => return Err(form()),
        Some((name, version)) => Some((
            SkillName::parse(name).map_err(|fault| fault.to_string())?,
            SkillVersion::parse(version).map_err(|fault| fault.to_string())?,
        )),
    };
    let (mut key, mut from, mut notify) = (None, Vec::new(), Vec::new());
    for word in words {
        match word.split_once('=').ok_or_else(form)? {
            ("key", path) => key = Some(PathBuf::from(path)),
            ("from", text) => from.push(Cidr::parse(text).map_err(|fault| fault.to_string())?),
            ("notify", text) => {
                let place = OwnPlace::parse(text, 53);
                notify.push(place.ok_or_else(|| format!("`{text}` is no address"))?);
            }
            _ => return Err(form()),
        }
    }
    let key = key.ok_or("a transfer needs `key=FILE`: without a signature nothing is given")?;
    if from.is_empty() {
        return Err("a transfer needs `from=CIDR`: whoever else asks is refused".to_owned());
    }
    Ok(Transfer { origin, tenant, skill, key, from, notify })
}

/// Renders, keeps and tells.
pub(crate) struct Publisher {
    zones: Vec<(Transfer, Key)>,
    transfers: Arc<Transfers>,
    folder: PathBuf,
    sockets: OwnSockets,
}

impl Publisher {
    /// With the zones of this policy; `None` where none are configured.
    ///
    /// # Errors
    /// A key that cannot be read or that others can read, a state folder that cannot be used.
    pub(crate) fn new(
        settings: &[Transfer],
        state: &Path,
        gate: &Gate,
        policy: &Policy,
    ) -> Result<Option<Self>> {
        if settings.is_empty() {
            return Ok(None);
        }
        let mut zones: Vec<(Transfer, Key)> = Vec::with_capacity(settings.len());
        for transfer in settings {
            if zones.iter().any(|(other, _)| other.origin == transfer.origin) {
                bail!("`dns.transfers` has the zone `{}` twice", transfer.origin);
            }
            let key = key(&transfer.key).context("`dns.transfers`")?;
            // Two secrets under one name could not be told apart on the wire.
            if zones
                .iter()
                .any(|(other, known)| known.name() == key.name() && other.key != transfer.key)
            {
                bail!("`dns.transfers` has two keys that are called `{}`", key.name());
            }
            zones.push((transfer.clone(), key));
        }
        let folder = state.join("dns");
        std::fs::DirBuilder::new()
            .recursive(true)
            .create(&folder)
            .with_context(|| format!("cannot make `{}`", folder.display()))?;
        let served = zones.iter().map(|(transfer, key)| Served {
            origin: transfer.origin.clone(),
            key: key.clone(),
            from: transfer.from.clone(),
        });
        let transfers = Arc::new(Transfers::new(served.collect(), Arc::new(SystemClock)));
        let sockets = OwnSockets::new(gate.listeners().clone());
        let this = Self { zones, transfers, folder, sockets };
        for (transfer, _) in &this.zones {
            this.publish(transfer, policy)?;
        }
        Ok(Some(this))
    }

    /// What answers secondaries.
    pub(crate) fn aside(&self) -> Arc<dyn Aside> {
        Arc::clone(&self.transfers) as _
    }

    /// Follows the policy until `stop`. Secondaries are told at the start too: they may have missed
    /// the last change.
    ///
    /// # Errors
    /// None yet; a zone that cannot be kept is loud and given all the same.
    pub(crate) async fn run(
        self,
        mut policy: watch::Receiver<Arc<Policy>>,
        mut stop: watch::Receiver<bool>,
    ) -> Result<()> {
        let mut telling = JoinSet::new();
        let mut first = true;
        loop {
            let now = Arc::clone(&policy.borrow_and_update());
            for (transfer, key) in &self.zones {
                match self.publish(transfer, &now) {
                    Ok((serial, changed)) if changed || first => {
                        self.tell(&mut telling, transfer, key, serial);
                    }
                    Ok(_) => {}
                    Err(fault) => {
                        tracing::error!(zone = %transfer.origin, "cannot publish: {fault:#}");
                    }
                }
            }
            first = false;
            loop {
                tokio::select! {
                    _ = stop.wait_for(|stop| *stop) => return Ok(()),
                    Some(_) = telling.join_next(), if !telling.is_empty() => {}
                    changed = policy.changed() => {
                        changed.context("the policy is gone")?;
                        break;
                    }
                }
            }
        }
    }

    fn tell(&self, telling: &mut JoinSet<()>, transfer: &Transfer, key: &Key, serial: u32) {
        for place in &transfer.notify {
            let (sockets, key) = (self.sockets.clone(), key.clone());
            let (origin, place) = (transfer.origin.clone(), *place);
            telling.spawn(async move {
                let told =
                    notify(&sockets, &place, &key, (&origin, serial), (&SystemClock, &OsRandom));
                match told.await {
                    Ok(()) => tracing::info!(zone = %origin, %place, serial, "a secondary is told"),
                    Err(fault) => {
                        tracing::warn!(zone = %origin, %place, serial, "a secondary is not told: {fault}");
                    }
                }
            });
        }
    }

    /// The zone's serial now, and whether what is given has changed.
    fn publish(&self, transfer: &Transfer, policy: &Policy) -> Result<(u32, bool)> {
        let now = SystemClock.now();
        let scope = if transfer.skill.is_some() { NameScope::Skill } else { NameScope::Tenant };
        let skill = transfer.skill.as_ref();
        let skill = skill.and_then(|(name, version)| policy.skill(name, version)).cloned();
        let subject = Subject {
            session: None,
            tenant: transfer.tenant.clone(),
            role: None,
            skill,
            ceiling: None,
        };
        // Where nobody may ask for anything, the zone refuses everything: an absent one would
        // refuse nothing.
        let rules = name_rules(policy, &subject, scope, now)
            .inspect_err(|fault| {
                tracing::warn!(zone = %transfer.origin, "the zone is empty: {fault}");
            })
            .map(|rules| rules.rules)
            .unwrap_or_default();
        let zone = Zone::closed(transfer.origin.clone(), &rules);
        let path = self.folder.join(format!("{}.zone", file_name(&transfer.origin)));
        let kept = std::fs::read_to_string(&path).ok();
        let old = kept.as_deref().and_then(serial_of);
        let same = kept.as_deref().is_some_and(|kept| drift(&zone, kept) == Drift::None);
        let serial = match old {
            Some(old) if same => old,
            old => serial::next(old, now.unix_seconds()),
        };
        let changed = self.transfers.publish(&zone, serial);
        if !same {
            let header = Header {
                about: format!("Names of tenant `{}`, as given to secondaries", transfer.tenant),
                digest: policy.digest().to_string(),
                warnings: Vec::new(),
            };
            keep(&path, &render(&zone, serial, &header))?;
        }
        Ok((serial, changed))
    }
}

/// A zone's name as a file's: letters, digits, dots and hyphens stay.
fn file_name(origin: &QueryName) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '.') { c } else { '_' };
    origin.to_string().chars().map(plain).collect()
}

/// Whole or not at all, so that no serial is lost.
fn keep(path: &Path, text: &str) -> Result<()> {
    let beside = path.with_extension("new");
    let write = || {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    };
    write().with_context(|| format!("cannot write `{}`", path.display()))
}

/// The key in a file that nobody else can read.
pub(crate) fn key(path: &Path) -> Result<Key> {
    let file =
        std::fs::File::open(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let mode = file.metadata()?.mode();
    if mode & 0o077 != 0 {
        bail!(
            "`{}` has mode {:o}: the key is readable by others; `chmod go-rwx` it",
            path.display(),
            mode & 0o7777
        );
    }
    let mut text = Zeroizing::new(String::new());
    file.take(LONGEST)
        .read_to_string(&mut text)
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    Key::parse(&text).with_context(|| format!("`{}`", path.display()))
}

/// LIMIT: octets of a key file.
const LONGEST: u64 = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_names_zone_names_key_and_sources() {
        let text = "rpz.backstop.=research/weather@1.2.0 key=/k from=192.0.2.0/24 from=2001:db8::/64 notify=192.0.2.53 notify=[2001:db8::1]:5353";
        let one = transfer(text).unwrap();
        assert_eq!((one.from.len(), one.notify.len(), one.skill.is_some()), (2, 2, true));
        assert_eq!(one.notify[0].address().port(), 53);
        assert!(
            transfer("rpz.backstop=research/* key=/k from=192.0.2.0/24").unwrap().skill.is_none()
        );
        for bad in [
            "",
            "rpz.backstop",
            "rpz.backstop=research key=/k from=192.0.2.0/24",
            "rpz.backstop=research/weather key=/k from=192.0.2.0/24",
            ".=research/* key=/k from=192.0.2.0/24",
            "rpz.backstop=research/* from=192.0.2.0/24",
            "rpz.backstop=research/* key=/k",
            "rpz.backstop=research/* key=/k from=dns.example",
            "rpz.backstop=research/* key=/k from=192.0.2.0/24 notify=dns.example",
            "rpz.backstop=research/* key=/k from=192.0.2.0/24 more=1",
        ] {
            assert!(transfer(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "hmac-sha256:k:MDEyMzQ1Njc4OWFiY2RlZg==").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(key(&path).is_ok());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(key(&path).unwrap_err().to_string().contains("readable by others"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, "hmac-sha256:k:secret-that-is-none!").unwrap();
        let fault = format!("{:#}", key(&path).unwrap_err());
        assert!(!fault.contains("secret-that"), "{fault}");
    }
}
