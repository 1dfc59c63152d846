//! Every key of every document: its shape, whether it must be there, its default and its meaning.
//!
//! The decoder walks these tables, and the reference page is printed from them, so that the two
//! cannot part. Must not know what a value means beyond its shape. Next: `decode`.

/// What kind of value a key takes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// One scalar; the word says what it holds.
    Text(&'static str),
    /// A list of values of one shape.
    List(&'static Shape),
    /// A mapping with known keys.
    Map(&'static Table),
    /// A mapping from names to values of one shape.
    Named(&'static str, &'static Shape),
    /// One scalar, or a mapping with known keys.
    TextOr(&'static str, &'static Table),
    /// Known, but this build cannot enforce it yet: an error, not a promise.
    NotYet(&'static str),
}

/// Whether a key must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Required,
    /// Optional, with its default as the reference page says it.
    Optional(&'static str),
}

/// One key of a mapping.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) presence: Presence,
    pub(crate) meaning: &'static str,
}

/// All keys of one mapping.
#[derive(Debug)]
pub(crate) struct Table {
    /// As the reference page shows it.
    pub(crate) name: &'static str,
    pub(crate) keys: &'static [Key],
}

/// The `apiVersion` of every document.
pub(crate) const API_VERSION: &str = "backstop.dev/v1alpha1";

const fn must(name: &'static str, shape: Shape, meaning: &'static str) -> Key {
    Key { name, shape, presence: Presence::Required, meaning }
}

const fn may(
    name: &'static str,
    shape: Shape,
    default: &'static str,
    meaning: &'static str,
) -> Key {
    Key { name, shape, presence: Presence::Optional(default), meaning }
}

const fn later(name: &'static str, hint: &'static str, meaning: &'static str) -> Key {
    Key { name, shape: Shape::NotYet(hint), presence: Presence::Optional("–"), meaning }
}

const WORD: Shape = Shape::Text("text");
const LEVEL: Shape = Shape::Text("level");
const NAME: Shape = Shape::Text("name");
const DATE: Shape = Shape::Text("date");

const METADATA: Table = Table {
    name: "metadata",
    keys: &[
        must("name", NAME, "the document's name, unique within its kind"),
        may(
            "labels",
            Shape::Named("label", &WORD),
            "none",
            "for Kubernetes; Backstop does not read them",
        ),
        may(
            "annotations",
            Shape::Named("annotation", &WORD),
            "none",
            "for Kubernetes; Backstop does not read them",
        ),
    ],
};

const fn document(name: &'static str, keys: &'static [Key]) -> Table {
    Table { name, keys }
}

macro_rules! document {
    ($name:ident, $title:literal, $spec:ident) => {
        pub(crate) const $name: Table = document(
            $title,
            &[
                must(
                    "apiVersion",
                    Shape::Text("`backstop.dev/v1alpha1`"),
                    "the version of this form",
                ),
                must("kind", Shape::Text(concat!("`", $title, "`")), "which document it is"),
                must("metadata", Shape::Map(&METADATA), "how it is called"),
                must("spec", Shape::Map(&$spec), "what it says"),
            ],
        );
    };
}

document!(TENANT, "Tenant", TENANT_SPEC);
document!(SKILL, "Skill", SKILL_SPEC);
document!(ROLE, "Role", ROLE_SPEC);
document!(CLASSIFICATION, "Classification", CLASSIFICATION_SPEC);

/// All documents, in the order of the reference page.
pub(crate) const DOCUMENTS: [&Table; 4] = [&TENANT, &SKILL, &ROLE, &CLASSIFICATION];

const TENANT_SPEC: Table = Table {
    name: "Tenant.spec",
    keys: &[
        may("classification", NAME, "none", "the Classification whose levels this tenant uses"),
        may(
            "maxClassificationLevel",
            LEVEL,
            "none",
            "the highest level that may leave this tenant; needs `classification`",
        ),
        may(
            "rollout",
            Shape::Map(&ROLLOUT),
            "enforce",
            "a dated state in which `egress.*`, `dlp.*` and `dns.*` record instead of refuse",
        ),
        may(
            "skills",
            Shape::List(&Shape::Map(&LISTED_SKILL)),
            "[] (no skill may act)",
            "which skills may act here",
        ),
        may(
            "egress",
            Shape::List(&Shape::Map(&ROW)),
            "[] (nothing may be reached)",
            "which destinations may be reached; rows only add, none takes away",
        ),
        may("dlp", Shape::Map(&DLP), "{}", "how hard payloads are looked at"),
        may(
            "dns",
            Shape::Map(&TENANT_DNS),
            "{}",
            "what the clients' own resolvers append to names, and the cluster's zone",
        ),
        may("tests", Shape::List(&Shape::Map(&TENANT_TEST)), "[]", "what `backstop check` tries"),
    ],
};

const ROLLOUT: Table = Table {
    name: "Tenant.spec.rollout",
    keys: &[
        must(
            "mode",
            Shape::Text("`observe` or `enforce`"),
            "`observe` records what it would refuse; `enforce` refuses",
        ),
        may(
            "until",
            DATE,
            "– (needed for `observe`)",
            "the day (UTC) on which observing ends by itself; at most 30 days ahead",
        ),
    ],
};

const LISTED_SKILL: Table = Table {
    name: "Tenant.spec.skills[]",
    keys: &[
        must("name", NAME, "the skill's name"),
        must(
            "version",
            Shape::Text("version"),
            "its exact version; quotes are not needed, `1.10` stays `1.10`",
        ),
        may(
            "digest",
            Shape::Text("`sha256:…`"),
            "any",
            "the approved manifest: with another one `egress.skill` denies",
        ),
    ],
};

const ROW: Table = Table {
    name: "Tenant.spec.egress[]",
    keys: &[
        must(
            "host",
            Shape::Text("host"),
            "a host name, `*.name` (any depth below the name, not the name itself, never across a public suffix) or a public IP address written out",
        ),
        may("ports", Shape::List(&Shape::Text("port")), "[443] (HTTP: [80])", "1 to 65535"),
        may("protocol", Shape::Text("`HTTPS` or `HTTP`"), "HTTPS", "what is spoken there"),
        may(
            "methods",
            Shape::List(&Shape::Text("method")),
            "all",
            "the HTTP methods; denied where heads cannot be read (`egress.uninspected`)",
        ),
        may(
            "paths",
            Shape::List(&Shape::Text("path pattern")),
            "all",
            "the paths; `*` is one segment, a last `/**` is everything below; denied where heads cannot be read",
        ),
        may(
            "recipient",
            Shape::Map(&RECIPIENT),
            "none",
            "what this destination may receive beyond the defaults; denied where bodies cannot be read",
        ),
        may(
            "dlp",
            Shape::Map(&ROW_DLP),
            "{}",
            "how hard payloads to it are looked at; of tenant, role and row the strictest holds; denied where bodies cannot be read",
        ),
        may(
            "allowPrivate",
            Shape::List(&Shape::Text("CIDR")),
            "[]",
            "private networks that the host may resolve to; never loopback, link-local or metadata; every check reports it",
        ),
        may(
            "inspect",
            Shape::Text("`tunnel`"),
            "tunnel",
            "how deep TLS is looked into; `tunnel` checks names alone and is all that this build can do",
        ),
        may(
            "ech",
            Shape::Text("`allow` or `refuse`"),
            "refuse",
            "whether an Encrypted ClientHello may pass, which hides the real server name",
        ),
        may(
            "idle",
            Shape::Text("duration"),
            "the proxy's own (15m)",
            "how long a connection may be idle: `90s`, `15m`, `2h`; at most 24h",
        ),
        may("dns", Shape::Map(&ROW_DNS), "{}", "what may be asked of a resolver about this host"),
        may("owner", WORD, "none", "who answers for the row"),
        may("reason", WORD, "none", "why it is needed"),
        may(
            "reviewBy",
            DATE,
            "none",
            "the last day on which the row is undisputed; later it warns and still loads",
        ),
        may(
            "credential",
            Shape::Map(&CREDENTIAL),
            "none",
            "a value that may go to this host and nowhere else; exactly one of its keys is given, and the host is no wildcard",
        ),
    ],
};

const CREDENTIAL: Table = Table {
    name: "Tenant.spec.egress[].credential",
    keys: &[
        may(
            "env",
            Shape::Text("variable"),
            "–",
            "the variable of the gateway's own environment that holds it",
        ),
        may("file", Shape::Text("path"), "–", "the file that holds it and nothing else"),
        may("canary", NAME, "–", "the name under which it was registered"),
    ],
};

const DLP: Table = Table {
    name: "dlp",
    keys: &[
        may(
            "names",
            Shape::Text("`required`, `gate-only` or `off`"),
            "gate-only",
            "how names of people, places and organisations are looked for: by tables and model, by tables alone, not at all; of tenant and role the stricter holds",
        ),
        may(
            "threshold",
            Shape::Text("score"),
            "0.5",
            "from which score on (0.1 to 1.0) personal data refuses; of tenant and role the lower holds",
        ),
    ],
};

const ROW_DLP: Table = Table {
    name: "Tenant.spec.egress[].dlp",
    keys: &[
        may(
            "names",
            Shape::Text("`required`, `gate-only` or `off`"),
            "the tenant's",
            "as in a tenant",
        ),
        may("threshold", Shape::Text("score"), "the tenant's", "as in a tenant"),
        may(
            "overCap",
            Shape::Text("`refuse` or `window`"),
            "refuse",
            "what happens to a body that is larger than is held (`inspect.body_cap`): it is refused, or judged in overlapping windows of text while it leaves, which is weaker: what came before a finding has left",
        ),
    ],
};

const ROW_DNS: Table = Table {
    name: "Tenant.spec.egress[].dns",
    keys: &[
        may(
            "types",
            Shape::List(&Shape::Text("record type")),
            "[A, AAAA, HTTPS, SVCB, CNAME]",
            "the record types that may be asked for (`TXT`, `MX`, `TYPE65`); others get an empty answer",
        ),
        may(
            "ech",
            Shape::Text("`strip` or `keep`"),
            "strip",
            "whether the keys for an Encrypted ClientHello are taken out of HTTPS and SVCB records, so that the server name stays visible",
        ),
    ],
};

const TENANT_DNS: Table = Table {
    name: "Tenant.spec.dns",
    keys: &[
        may(
            "searchSuffixes",
            Shape::List(&Shape::Text("domain")),
            "[]",
            "what the clients' resolvers append to names (`search` in `resolv.conf`): an allowed name with one of them is answered NXDOMAIN here and raises no alert",
        ),
        may(
            "clusterZone",
            Shape::Text("domain"),
            "none",
            "the zone of the Kubernetes cluster (`cluster.local`): its usual search suffixes are known by it",
        ),
        may(
            "clusterCidrs",
            Shape::List(&Shape::Text("CIDR")),
            "[] (no service may be asked for)",
            "where the services of the own namespace live: with it, `SERVICE.NAMESPACE.svc.ZONE` may be asked of the cluster's own DNS; never loopback, link-local or metadata",
        ),
    ],
};

const RECIPIENT: Table = Table {
    name: "Tenant.spec.egress[].recipient",
    keys: &[
        may(
            "maxClassificationLevel",
            LEVEL,
            "the tenant's",
            "the highest level that it may receive",
        ),
        may(
            "entities",
            Shape::List(&Shape::Text("entity")),
            "[]",
            "the entities that it may receive, as detectors name them (`US_SSN`, `PERSON`)",
        ),
        may(
            "encodedFields",
            Shape::List(&Shape::Text("JSON Pointer")),
            "[]",
            "where encoded runs, and archives and documents that cannot be opened, may stand in a body; `*` is one step, the empty text the whole body",
        ),
    ],
};

const TENANT_TEST: Table = Table {
    name: "Tenant.spec.tests[]",
    keys: &[
        may("connect", Shape::Text("URL or `host:port`"), "–", "what is tried"),
        may(
            "method",
            Shape::Text("method"),
            "CONNECT for `https`, GET for `http`",
            "tries a readable request with this method instead of a tunnel",
        ),
        may(
            "skill",
            Shape::Text("`name` or `name@version`"),
            "none",
            "who acts; must be listed under `skills`",
        ),
        must("expect", Shape::Text("`allow`, `hold` or `deny`"), "the verdict"),
        may(
            "control",
            Shape::Text("control"),
            "any",
            "the control that decides (`egress.skill`, …)",
        ),
        later(
            "call",
            "this build judges no tool calls: test connections with `connect`",
            "a tool call to try",
        ),
        later(
            "arguments",
            "this build judges no tool calls: test connections with `connect`",
            "the arguments of `call`",
        ),
    ],
};

const SKILL_TEST: Table = Table {
    name: "Skill.spec.tests[]",
    keys: &[
        may("connect", Shape::Text("URL or `host:port`"), "–", "what is tried"),
        may(
            "method",
            Shape::Text("method"),
            "CONNECT for `https`, GET for `http`",
            "tries a readable request with this method instead of a tunnel",
        ),
        may("tenant", NAME, "every tenant that lists the skill", "where it acts"),
        must("expect", Shape::Text("`allow`, `hold` or `deny`"), "the verdict"),
        may(
            "control",
            Shape::Text("control"),
            "any",
            "the control that decides (`egress.skill`, …)",
        ),
        later(
            "call",
            "this build judges no tool calls: test connections with `connect`",
            "a tool call to try",
        ),
        later(
            "arguments",
            "this build judges no tool calls: test connections with `connect`",
            "the arguments of `call`",
        ),
    ],
};

const SKILL_SPEC: Table = Table {
    name: "Skill.spec",
    keys: &[
        must("name", NAME, "the skill's name"),
        must("version", Shape::Text("version"), "its version; `metadata.name` is `name-version`"),
        may(
            "networkEgress",
            Shape::Text("`deny`"),
            "deny",
            "deny all but `egressRequirements`: the only value",
        ),
        may(
            "egressRequirements",
            Shape::List(&Shape::TextOr("host", &REQUIREMENT)),
            "[] (nothing may be reached)",
            "the exact hosts that it needs; no wildcards",
        ),
        may("maxClassificationLevel", LEVEL, "none", "the highest level that may leave this skill"),
        may("tools", Shape::Named("tool", &Shape::Map(&TOOL)), "none", "its tools"),
        may(
            "tests",
            Shape::List(&Shape::Map(&SKILL_TEST)),
            "[]",
            "what `backstop check` tries; not part of the digest, since tests grant nothing",
        ),
    ],
};

const REQUIREMENT: Table = Table {
    name: "Skill.spec.egressRequirements[]",
    keys: &[
        must("host", Shape::Text("host"), "a host name, or a public IP address written out"),
        may("ports", Shape::List(&Shape::Text("port")), "[443] (HTTP: [80])", "1 to 65535"),
        may("protocol", Shape::Text("`HTTPS` or `HTTP`"), "HTTPS", "what is spoken there"),
        may(
            "methods",
            Shape::List(&Shape::Text("method")),
            "all",
            "the HTTP methods; denied where heads cannot be read",
        ),
        may("paths", Shape::List(&Shape::Text("path pattern")), "all", "the paths, as in a Tenant"),
    ],
};

const TOOL: Table = Table {
    name: "Skill.spec.tools.*",
    keys: &[
        may(
            "effect",
            Shape::Text("`external` or `local`"),
            "external",
            "whether its arguments leave the machine; `local` counts only where a tenant has approved the digest",
        ),
        may("urlFields", Shape::List(&Shape::Text("field")), "[]", "arguments that hold URLs"),
        may(
            "contentFields",
            Shape::List(&Shape::Text("field")),
            "[]",
            "arguments that hold content",
        ),
    ],
};

const ROLE_SPEC: Table = Table {
    name: "Role.spec",
    keys: &[
        may(
            "skills",
            Shape::List(&NAME),
            "[] (no skill)",
            "the skills that an agent of this role may hold",
        ),
        may("volume", Shape::Map(&VOLUME), "{ mode: learn }", "how volume is judged"),
        may("dlp", Shape::Map(&DLP), "{}", "how hard payloads are looked at"),
    ],
};

const VOLUME: Table = Table {
    name: "Role.spec.volume",
    keys: &[may(
        "mode",
        Shape::Text("`learn`"),
        "learn",
        "`learn` records; `shadow` and `enforce` are refused until this build can learn a baseline",
    )],
};

const CLASSIFICATION_SPEC: Table = Table {
    name: "Classification.spec",
    keys: &[
        must("levels", Shape::List(&LEVEL), "the levels, rising"),
        may("default", LEVEL, "the highest level", "the level of data of which nothing is known"),
        may(
            "entities",
            Shape::Named("entity", &LEVEL),
            "as each detector says",
            "the level of each kind of entity",
        ),
        may("marks", Shape::List(&Shape::Map(&MARK)), "none", "texts that mark a document's level"),
    ],
};

const MARK: Table = Table {
    name: "Classification.spec.marks[]",
    keys: &[must("text", WORD, "the mark"), must("level", LEVEL, "the level that it means")],
};
