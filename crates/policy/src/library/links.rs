//! What documents say of each other.
//!
//! A Tenant whose classification or levels do not exist is bad. A skill that is not there, or is
//! another one than was approved, is a warning: `egress.skill` denies it when it asks.
//! Next: `policy`.

use super::{Library, Stored};
use crate::canonical::skill_digest;
use crate::diagnostic::{Faults, LoadContext, Source, Span};
use crate::document::{Classification, Document, DocumentKey, Skill, Tenant, TestSubject};
use backstop_model::id::{ClassificationName, LevelName, SkillName, SkillVersion, TenantName};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

type Schemes = HashMap<ClassificationName, Arc<Classification>>;

fn schemes(library: &Library) -> Schemes {
    let scheme = |stored: &Stored| match &stored.document {
        Document::Classification(scheme) => Some((scheme.name.clone(), Arc::clone(scheme))),
        Document::Tenant(_) | Document::Skill(_) | Document::Role(_) => None,
    };
    library.documents().filter_map(scheme).collect()
}

/// Joins each freshly read Tenant to its classification; answers with those that are bad.
pub(super) fn resolve(
    library: &mut Library,
    kept: &BTreeSet<DocumentKey>,
    ctx: &LoadContext,
    faults: &mut [Faults],
    sources: &[Source],
) -> Vec<DocumentKey> {
    let schemes = schemes(library);
    let mut bad = Vec::new();
    for (key, stored) in &mut library.stored {
        let Document::Tenant(tenant) = &stored.document else { continue };
        if kept.contains(key) {
            continue;
        }
        let Some(faults) = faults_of(&stored.source, faults, sources) else { continue };
        let before = faults.errors();
        stored.scheme = scheme(tenant, &schemes, ctx, faults).cloned();
        if faults.errors() != before {
            bad.push(key.clone());
        }
    }
    bad
}

/// The same for Tenants that are bad already, so that all their faults come at once.
pub(super) fn drafts(
    library: &Library,
    drafts: &[(usize, Document)],
    ctx: &LoadContext,
    faults: &mut [Faults],
) {
    let schemes = schemes(library);
    for (source, draft) in drafts {
        if let (Document::Tenant(tenant), Some(faults)) = (draft, faults.get_mut(*source)) {
            let _ = scheme(tenant, &schemes, ctx, faults);
        }
    }
}

/// The Tenant's classification, every level and entity held to it.
fn scheme<'s>(
    tenant: &Tenant,
    schemes: &'s Schemes,
    ctx: &LoadContext,
    faults: &mut Faults,
) -> Option<&'s Arc<Classification>> {
    let named = tenant.classification.as_ref();
    let found = named.and_then(|(name, _)| schemes.get(name));
    entities(tenant, found.map(Arc::as_ref), ctx, faults);
    let (name, span) = named?;
    match found {
        Some(scheme) => levels(tenant, scheme, faults),
        None => {
            let message = format!("no Classification is called `{name}`");
            let known = schemes.keys().map(ClassificationName::as_str);
            let hint = match crate::decode::nearest(name.as_str(), known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("add a document of `kind: Classification` called `{name}`"),
            };
            faults.error("policy.reference", *span, message, Some(&hint));
        }
    }
    found
}

fn levels(tenant: &Tenant, scheme: &Classification, faults: &mut Faults) {
    let recipients = tenant.egress.iter().filter_map(|row| row.recipient.as_ref());
    let named = recipients.filter_map(|r| r.ceiling.as_ref());
    for (level, span) in tenant.ceiling.iter().chain(named) {
        if !scheme.levels.contains(level) {
            let message =
                format!("`{level}` is not a level of the classification `{}`", scheme.name);
            faults.error("policy.level", *span, message, Some(&known_levels(scheme)));
        }
    }
}

/// Every entity that a recipient may receive is one that somebody can find.
fn entities(
    tenant: &Tenant,
    scheme: Option<&Classification>,
    ctx: &LoadContext,
    faults: &mut Faults,
) {
    // Nobody said what detectors know, and a tenant without a classification says nothing either.
    if ctx.entities.is_empty() && scheme.is_none() {
        return;
    }
    let known = || {
        let own = scheme.into_iter().flat_map(|scheme| scheme.entities.keys());
        own.chain(ctx.entities.iter())
    };
    let recipients = tenant.egress.iter().filter_map(|row| row.recipient.as_ref());
    for (entity, span) in recipients.flat_map(|r| &r.entities) {
        if known().any(|name| name == entity) {
            continue;
        }
        let entity = crate::decode::quote(entity);
        let message = format!("`{entity}` is an entity that no detector finds");
        let hint = match crate::decode::nearest(&entity, known().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "entities are written as detectors name them: `US_SSN`, `PERSON`".to_owned(),
        };
        faults.error("policy.reference", *span, message, Some(&hint));
    }
}

fn known_levels(scheme: &Classification) -> String {
    let levels: Vec<_> = scheme.levels.iter().map(LevelName::as_str).collect();
    format!("its levels are {}", levels.join(", "))
}

/// What loads, but somebody should look at.
pub(super) fn warn(
    library: &Library,
    kept: &BTreeSet<DocumentKey>,
    ctx: &LoadContext,
    faults: &mut [Faults],
    sources: &[Source],
) {
    let skills: HashMap<(&SkillName, &SkillVersion), &Skill> = library
        .documents()
        .filter_map(|s| match &s.document {
            Document::Skill(skill) => Some(((&skill.name, &skill.version), &**skill)),
            Document::Tenant(_) | Document::Role(_) | Document::Classification(_) => None,
        })
        .collect();
    let names: HashSet<&SkillName> = skills.keys().map(|(name, _)| *name).collect();
    let mut listed: HashMap<(&SkillName, &SkillVersion), Vec<&TenantName>> = HashMap::new();
    for stored in library.documents() {
        if let Document::Tenant(tenant) = &stored.document {
            for skill in &tenant.skills {
                listed.entry((&skill.name, &skill.version)).or_default().push(&tenant.name);
            }
        }
    }
    for (key, stored) in &library.stored {
        if kept.contains(key) {
            continue;
        }
        let Some(faults) = faults_of(&stored.source, faults, sources) else { continue };
        match &stored.document {
            Document::Tenant(tenant) => approvals(tenant, stored, &skills, faults),
            Document::Skill(skill) => {
                let tenants = listed.get(&(&skill.name, &skill.version));
                idle_tests(skill, tenants.map(Vec::as_slice).unwrap_or_default(), faults);
            }
            Document::Role(role) => {
                for (skill, span) in role.skills.iter().filter(|(s, _)| !names.contains(s)) {
                    missing(skill, *span, faults);
                }
            }
            Document::Classification(scheme) => unfound(scheme, ctx, faults),
        }
    }
}

/// Levels for entities that no detector finds: they may be of a detector that comes later.
fn unfound(scheme: &Classification, ctx: &LoadContext, faults: &mut Faults) {
    if ctx.entities.is_empty() {
        return;
    }
    for entity in scheme.entities.keys().filter(|entity| !ctx.entities.contains(*entity)) {
        let entity = crate::decode::quote(entity);
        let message = format!("`{entity}` has a level, and no detector finds it");
        let near = crate::decode::nearest(&entity, ctx.entities.iter().map(String::as_str));
        let hint = near.map(|near| format!("did you mean `{near}`?"));
        faults.warn("policy.reference", scheme.span, message, hint.as_deref());
    }
}

fn missing(skill: &SkillName, span: Span, faults: &mut Faults) {
    let message = format!("no Skill document is called `{skill}`");
    let hint = "until one is loaded, `egress.skill` denies it";
    faults.warn("policy.reference", span, message, Some(hint));
}

fn approvals(
    tenant: &Tenant,
    stored: &Stored,
    skills: &HashMap<(&SkillName, &SkillVersion), &Skill>,
    faults: &mut Faults,
) {
    for listed in &tenant.skills {
        let Some(skill) = skills.get(&(&listed.name, &listed.version)) else {
            let message = format!(
                "no Skill document is called `{}` version `{}`",
                listed.name, listed.version
            );
            let hint = "until one is loaded, `egress.skill` denies it";
            faults.warn("policy.reference", listed.span, message, Some(hint));
            continue;
        };
        let digest = skill_digest(skill);
        if listed.digest.is_some_and(|approved| approved != digest) {
            let message = format!(
                "the manifest of `{}` version `{}` is not the one that `digest` approves",
                listed.name, listed.version
            );
            let hint =
                format!("`egress.skill` denies it; after a review write `digest: \"{digest}\"`");
            faults.warn("policy.digest", listed.span, message, Some(&hint));
        }
        if let (Some(level), Some(scheme)) = (&skill.ceiling, &stored.scheme)
            && !scheme.levels.contains(level)
        {
            let message = format!(
                "the skill `{}` names the level `{level}`, which the classification `{}` does not know",
                listed.name, scheme.name
            );
            faults.warn("policy.level", listed.span, message, Some(&known_levels(scheme)));
        }
    }
}

/// Tests that nobody would run.
fn idle_tests(skill: &Skill, tenants: &[&TenantName], faults: &mut Faults) {
    if !skill.tests.is_empty() && tenants.is_empty() {
        let message = format!(
            "the tests of `{}` version `{}` do not run: no tenant lists it",
            skill.name, skill.version
        );
        faults.warn("policy.test", skill.span, message, Some("list it under `skills` of a tenant"));
        return;
    }
    for test in &skill.tests {
        if let TestSubject::Tenant(Some(tenant)) = &test.who
            && !tenants.contains(&tenant)
        {
            let message =
                format!("the test does not run: the tenant `{tenant}` does not list this skill");
            faults.warn("policy.test", test.span, message, None);
        }
    }
}

fn faults_of<'f>(
    source: &str,
    faults: &'f mut [Faults],
    sources: &[Source],
) -> Option<&'f mut Faults> {
    let index = sources.iter().position(|s| s.name == source)?;
    faults.get_mut(index)
}
