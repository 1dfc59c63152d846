//! `backstop render`: the policy's names as a zone or a Corefile for resolvers that others run.
//! Nothing is asked and nothing recorded.

use super::explain::{policy, skill};
use super::usage;
use crate::cli::{Format, Render, RenderCoredns, RenderRpz, RenderWhose, ResolverProgram};
use crate::config::Config;
use anyhow::{Context as _, Result, anyhow};
use backstop_dns::export::resolver::{Origin, Program, snippet};
use backstop_dns::export::{self, Drift, Header, Zone, coredns, drift, serial, serial_of};
use backstop_gate::{Clock as _, SystemClock};
use backstop_model::id::{RoleName, SkillId, TenantName};
use backstop_model::name::{NameScope, QueryName, QueryType};
use backstop_model::standing::Subject;
use backstop_policy::{NameRules, Policy, name_rules};
use serde_json::json;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

/// Renders what is asked for.
pub(crate) fn run(config: &Config, render: &Render, format: Format) -> Result<ExitCode> {
    match render {
        Render::Rpz(asked) => rpz(config, asked, format),
        Render::Coredns(asked) => corefile(config, asked),
    }
}

fn rpz(config: &Config, asked: &RenderRpz, format: Format) -> Result<ExitCode> {
    let origin = QueryName::from_text(&asked.origin)
        .filter(|origin| (1..=MOST_LABELS).contains(&origin.depth()))
        .ok_or_else(|| usage(anyhow!("`{}` is no zone", asked.origin.escape_debug())))?;
    if asked.rest {
        print!("{}", export::rest(&origin));
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(program) = asked.resolver {
        return words(program, &origin);
    }
    let (about, rules, policy) = rules(config, &asked.whose)?;
    let zone = Zone::closed(origin, &rules.rules);
    let warnings = warnings(&zone, &rules);
    let header = Header { about, digest: policy.digest().to_string(), warnings };
    let Some(path) = &asked.out else {
        let text = export::render(&zone, serial::next(None, now()), &header);
        std::io::stdout().lock().write_all(text.as_bytes())?;
        warn(&header);
        return Ok(ExitCode::SUCCESS);
    };
    let (file, state) = read(path, &zone)?;
    let old = file.as_deref().and_then(serial_of);
    let serial = match (state, old) {
        (Drift::None, Some(old)) => old,
        (Drift::None | Drift::Line(_), old) => serial::next(old, now()),
    };
    if !asked.check {
        write(path, &export::render(&zone, serial, &header))?;
    }
    let line = match state {
        Drift::None => None,
        Drift::Line(line) => Some(line),
    };
    match format {
        Format::Json => {
            // `line`: where the file differs from the policy, or differed; null where it does not.
            let told = json!({
                "file": path.display().to_string(), "line": line, "written": !asked.check,
                "serial": if asked.check { old } else { Some(serial) }, "rows": zone.records().len(),
                "exact": rules.exact, "wildcards": rules.wildcards, "policy": header.digest,
                "warnings": header.warnings,
            });
            println!("{}", serde_json::to_string_pretty(&told)?);
        }
        Format::Text => {
            let path = path.display();
            match (line, asked.check) {
                (Some(line), true) => println!("{path}:{line}: differs from the policy"),
                (None, true) => println!("{path}: says what the policy says"),
                (Some(_), false) => println!("{path}: serial {serial}"),
                (None, false) => println!("{path}: unchanged, serial {serial}"),
            }
            warn(&header);
        }
    }
    Ok(ExitCode::from(u8::from(asked.check && line.is_some())))
}

fn corefile(config: &Config, asked: &RenderCoredns) -> Result<ExitCode> {
    if asked.upstream.is_empty() || asked.upstream.contains(|c: char| !is_place(c)) {
        return Err(usage(anyhow!("`{}` is no upstream", asked.upstream.escape_debug())));
    }
    let (_, rules, _) = rules(config, &asked.whose)?;
    let text = coredns::render(&rules.rules, &rules.types, &asked.upstream);
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// What may stand in `ADDR`, `ADDR:PORT` and `tls://ADDR`: nothing that ends a line or a block.
fn is_place(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '/' | '[' | ']' | '-')
}

fn words(program: ResolverProgram, origin: &QueryName) -> Result<ExitCode> {
    let program = match program {
        ResolverProgram::Bind9 => Program::Bind9,
        ResolverProgram::Unbound => Program::Unbound,
        ResolverProgram::PdnsRecursor => Program::PdnsRecursor,
        ResolverProgram::Knot => Program::Knot,
    };
    let words = snippet(program, origin, Origin::File(ZONE), REST)
        .context("this resolver takes no files")?;
    let inside = match program {
        Program::Bind9 => "// inside options { }",
        Program::Unbound => "# inside server:",
        Program::PdnsRecursor | Program::Knot => "",
    };
    if !words.options.is_empty() {
        println!("{inside}\n{}", words.options);
    }
    print!("{}", words.clauses);
    Ok(ExitCode::SUCCESS)
}

fn rules(
    config: &Config,
    whose: &RenderWhose,
) -> Result<(String, NameRules, std::sync::Arc<Policy>)> {
    let policy = policy(config).map_err(usage)?;
    let tenant = whose.tenant.as_deref();
    let tenant = tenant.ok_or_else(|| usage(anyhow!("name the tenant with `--tenant`")))?;
    let tenant = TenantName::parse(tenant).map_err(|fault| usage(fault.into()))?;
    let role = whose.role.as_deref().map(RoleName::parse).transpose();
    let role = role.map_err(|fault| usage(fault.into()))?;
    let acting = acting(&policy, whose.skill.as_deref()).map_err(usage)?;
    let about = match &acting {
        Some(skill) => {
            format!("Names of skill `{}@{}` in tenant `{tenant}`", skill.name, skill.version)
        }
        None => format!("Names of tenant `{tenant}`"),
    };
    let scope = if acting.is_some() { NameScope::Skill } else { NameScope::Tenant };
    let subject = Subject { session: None, tenant, role, skill: acting, ceiling: None };
    let rules = name_rules(&policy, &subject, scope, SystemClock.now());
    let rules = rules.map_err(|fault| usage(anyhow!(fault)))?;
    Ok((about, rules, policy))
}

fn acting(policy: &Policy, text: Option<&str>) -> Result<Option<SkillId>> {
    let Some(text) = text else { return Ok(None) };
    let (name, version) = skill(policy, text)?;
    let found = version.as_ref().and_then(|version| policy.skill(&name, version));
    found.cloned().map(Some).ok_or_else(|| anyhow!("the skill `{text}` is not loaded"))
}

/// What such a zone cannot say.
pub(crate) fn warnings(zone: &Zone, rules: &NameRules) -> Vec<String> {
    let types: Vec<String> = rules.types.iter().map(QueryType::to_string).collect();
    let mut out = vec![format!(
        "a policy zone does not tell record types apart: every type of an allowed name passes, not only {}",
        types.join(", ")
    )];
    if rules.wildcards > 0 {
        out.push(format!(
            "names under the {} wildcard rows can carry data; nobody counts it here",
            rules.wildcards
        ));
    }
    if let Some(until) = rules.observes_until {
        out.push(format!(
            "the tenant observes until {until}; this zone refuses from now on (BIND: `policy disabled`; unbound: `rpz-action-override: disabled`)"
        ));
    }
    if rules.cluster {
        out.push("services of the tenant's own namespace are refused: let the cluster's DNS answer its zone".to_owned());
    }
    for export::TooLong(rule) in zone.left_out() {
        out.push(format!("`{}` is too long to stand below this zone and stays refused", rule.name));
    }
    out.push("grants and quarantines are no part of the policy, and of this zone neither; addresses in answers are not judged".to_owned());
    out
}

fn warn(header: &Header) {
    for warning in &header.warnings {
        eprintln!("backstop: warning: {warning}");
    }
}

fn now() -> i64 {
    SystemClock.now().unix_seconds()
}

/// The file as it is, and whether it says what the zone says.
fn read(path: &Path, zone: &Zone) -> Result<(Option<String>, Drift)> {
    match std::fs::read(path) {
        Ok(octets) => {
            let text = String::from_utf8_lossy(&octets).into_owned();
            let state = drift(zone, &text);
            Ok((Some(text), state))
        }
        Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => Ok((None, Drift::Line(1))),
        Err(fault) => Err(fault).with_context(|| format!("cannot read `{}`", path.display())),
    }
}

/// Whole or not at all: a resolver may read it at any time.
fn write(path: &Path, text: &str) -> Result<()> {
    let mut name = path.file_name().context("not a file")?.to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    std::fs::write(&beside, text)
        .and_then(|()| std::fs::rename(&beside, path))
        .with_context(|| format!("cannot write `{}`", path.display()))
}

/// LIMIT: labels of a zone's own name.
const MOST_LABELS: usize = 16;
/// Where the words for a resolver look for the zones.
const ZONE: &str = "/etc/backstop/rpz.zone";
const REST: &str = "/etc/backstop/rest.zone";
