//! Prometheus text format, version 0.0.4, written by hand.
//! Must not know what is measured. Next: `metrics`.
//!
//! Source: "Exposition formats", prometheus.io; label values escape `\`, `"` and line feed,
//! help texts escape `\` and line feed.

use std::fmt::Write as _;

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Counter,
    Gauge,
    Histogram,
}

impl Type {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// The content type of what [`Exposition::into_text`] gives.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A text in the making.
#[derive(Default)]
pub(crate) struct Exposition {
    text: String,
}

impl Exposition {
    /// Opens a family: all its samples must follow before the next one is opened.
    pub(crate) fn family(&mut self, name: &str, kind: Type, help: &str) -> Family<'_> {
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        // Writing into a `String` does not fail.
        let _ = writeln!(self.text, "# HELP {name} {help}");
        let _ = writeln!(self.text, "# TYPE {name} {}", kind.as_str());
        Family { text: &mut self.text, name: name.to_owned() }
    }

    /// A family of one sample without labels.
    pub(crate) fn single(&mut self, name: &str, kind: Type, help: &str, value: f64) {
        self.family(name, kind, help).sample("", &[], value);
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }
}

/// A family whose samples are being written.
pub(crate) struct Family<'a> {
    text: &'a mut String,
    name: String,
}

impl Family<'_> {
    /// One sample; `suffix` is `_bucket`, `_sum` or `_count` in a histogram.
    pub(crate) fn sample(&mut self, suffix: &str, labels: &[(&str, &str)], value: f64) {
        let _ = write!(self.text, "{}{suffix}", self.name);
        for (index, (name, content)) in labels.iter().enumerate() {
            let open = if index == 0 { '{' } else { ',' };
            let content = content.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.text, "{open}{name}=\"{content}\"");
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }

    /// A histogram from buckets that are *not* cumulative: (upper bound in seconds, count), the
    /// count past the last bound, and the sum in seconds.
    pub(crate) fn histogram(
        &mut self,
        labels: &[(&str, &str)],
        buckets: &[(f64, u64)],
        beyond: u64,
        sum: f64,
    ) {
        let mut seen: u64 = 0;
        for (bound, count) in buckets {
            seen = seen.saturating_add(*count);
            let bound = bound.to_string();
            let mut all = labels.to_vec();
            all.push(("le", &bound));
            self.sample("_bucket", &all, whole(seen));
        }
        let total = seen.saturating_add(beyond);
        let mut all = labels.to_vec();
        all.push(("le", "+Inf"));
        self.sample("_bucket", &all, whole(total));
        self.sample("_sum", labels, sum);
        self.sample("_count", labels, whole(total));
    }
}

/// A count as the format's floating point: exact up to 2^53, as every Prometheus counter is.
pub(crate) fn whole(count: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "the format knows nothing but doubles")]
    let value = count as f64;
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_written_as_the_format_says() {
        let mut out = Exposition::default();
        let mut family = out.family("a_total", Type::Counter, "Has a \\ and a\nbreak.");
        family.sample("", &[("k", "v\"\\\n"), ("l", "")], 3.0);
        out.family("t_seconds", Type::Histogram, "Times.").histogram(
            &[],
            &[(0.001, 2), (0.5, 1)],
            4,
            1.25,
        );
        assert_eq!(
            out.into_text(),
            "# HELP a_total Has a \\\\ and a\\nbreak.\n# TYPE a_total counter\n\
             a_total{k=\"v\\\"\\\\\\n\",l=\"\"} 3\n\
             # HELP t_seconds Times.\n# TYPE t_seconds histogram\n\
             t_seconds_bucket{le=\"0.001\"} 2\nt_seconds_bucket{le=\"0.5\"} 3\n\
             t_seconds_bucket{le=\"+Inf\"} 7\nt_seconds_sum 1.25\nt_seconds_count 7\n"
        );
    }
}
