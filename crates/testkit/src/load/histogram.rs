//! Latencies in log-linear buckets, as HdrHistogram has them: 64 buckets for each power of two of
//! nanoseconds, so a percentile is off by less than 1.6 %. Knows no clock.

use std::time::Duration;

use serde_json::{Value, json};

const SUB: u64 = 64;

/// Latencies, counted.
#[derive(Debug, Clone)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    largest: Duration,
}

/// The percentiles of a load, and how much was done.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// How many were measured.
    pub count: u64,
    /// How many failed or were answered otherwise than expected.
    pub errors: u64,
    /// How long the load ran.
    pub elapsed: Duration,
    /// The median.
    pub p50: Duration,
    /// 90 of 100 took no longer.
    pub p90: Duration,
    /// 99 of 100 took no longer.
    pub p99: Duration,
    /// The slowest.
    pub largest: Duration,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; bucket(u64::MAX) + 1], total: 0, largest: Duration::ZERO }
    }
}

impl Histogram {
    /// Counts one.
    pub fn add(&mut self, latency: Duration) {
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket(nanos)] += 1;
        self.total += 1;
        self.largest = self.largest.max(latency);
    }

    /// Adds all of another.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.total += other.total;
        self.largest = self.largest.max(other.largest);
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.total
    }

    /// That share of all (0 to 1) took no longer; zero if nothing was counted.
    pub fn quantile(&self, share: f64) -> Duration {
        let rank = ((self.total as f64 * share).ceil() as u64).clamp(1, self.total.max(1));
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank && *count > 0 {
                return Duration::from_nanos(highest(index)).min(self.largest);
            }
        }
        Duration::ZERO
    }

    /// Where the counts stand: pairs of a bucket and how many, for [`Histogram::from_json`].
    pub fn to_json(&self) -> Value {
        let counts = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        json!({
            "counts": counts.map(|(index, count)| json!([index, count])).collect::<Vec<_>>(),
            "max_ns": u64::try_from(self.largest.as_nanos()).unwrap_or(u64::MAX),
        })
    }

    /// Reads [`Histogram::to_json`], which another process printed; what is not one is empty.
    pub fn from_json(value: &Value) -> Self {
        let mut histogram = Self::default();
        for pair in value["counts"].as_array().into_iter().flatten() {
            let (Some(index), Some(count)) = (pair[0].as_u64(), pair[1].as_u64()) else { continue };
            let index = usize::try_from(index).unwrap_or(usize::MAX);
            if let Some(slot) = histogram.counts.get_mut(index) {
                *slot += count;
                histogram.total += count;
            }
        }
        histogram.largest = Duration::from_nanos(value["max_ns"].as_u64().unwrap_or_default());
        histogram
    }

    /// The percentiles.
    pub fn summary(&self, errors: u64, elapsed: Duration) -> Summary {
        Summary {
            count: self.total,
            errors,
            elapsed,
            p50: self.quantile(0.5),
            p90: self.quantile(0.9),
            p99: self.quantile(0.99),
            largest: self.largest,
        }
    }
}

impl Summary {
    /// How many were done in a second.
    pub fn per_second(&self) -> f64 {
        self.count as f64 / self.elapsed.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// As one line of JSON; latencies in microseconds.
    pub fn to_json(&self) -> Value {
        json!({
            "count": self.count,
            "errors": self.errors,
            "seconds": self.elapsed.as_secs_f64(),
            "per_second": self.per_second(),
            "p50_us": micros(self.p50),
            "p90_us": micros(self.p90),
            "p99_us": micros(self.p99),
            "max_us": micros(self.largest),
        })
    }
}

/// Microseconds with their fraction.
pub fn micros(latency: Duration) -> f64 {
    (latency.as_nanos() as f64) / 1000.0
}

fn bucket(nanos: u64) -> usize {
    if nanos < SUB {
        return usize::try_from(nanos).unwrap_or(usize::MAX);
    }
    let power = u64::from(nanos.ilog2());
    let shift = power - u64::from(SUB.ilog2());
    usize::try_from((shift + 1) * SUB + ((nanos >> shift) - SUB)).unwrap_or(usize::MAX)
}

fn highest(index: usize) -> u64 {
    let index = index as u64;
    if index < SUB {
        return index;
    }
    let shift = index / SUB - 1;
    let low = (index % SUB + SUB) << shift;
    low + ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_cover_everything_and_stay_narrow() {
        for nanos in [0, 1, 63, 64, 65, 127, 128, 1_000, 123_456, 1 << 40, u64::MAX] {
            let high = highest(bucket(nanos));
            assert!(high >= nanos, "{nanos} lies above its bucket");
            assert!(
                (high - nanos) as f64 <= nanos as f64 / 32.0 + 1.0,
                "{nanos} lies in too wide a bucket"
            );
        }
    }

    #[test]
    fn another_process_reads_the_same_counts() {
        let mut histogram = Histogram::default();
        for nanos in [0, 63, 64, 1_000, 1_000, 987_654_321] {
            histogram.add(Duration::from_nanos(nanos));
        }
        let read = Histogram::from_json(&histogram.to_json());
        assert_eq!(read.counts, histogram.counts);
        assert_eq!((read.total, read.largest), (6, Duration::from_nanos(987_654_321)));
        assert_eq!(Histogram::from_json(&json!({ "counts": [[u64::MAX, 1], "x"] })).count(), 0);
    }

    #[test]
    fn percentiles_of_a_ramp() {
        let mut all = Histogram::default();
        let mut half = Histogram::default();
        for micros in 1..=1000 {
            if micros % 2 == 0 { &mut all } else { &mut half }.add(Duration::from_micros(micros));
        }
        all.merge(&half);
        assert_eq!(all.count(), 1000);
        for (share, expected) in [(0.5, 500.0), (0.9, 900.0), (0.99, 990.0), (1.0, 1000.0)] {
            let got = micros(all.quantile(share));
            assert!((got - expected).abs() / expected < 0.02, "{share}: {got}");
        }
        assert_eq!(Histogram::default().quantile(0.5), Duration::ZERO);
    }
}
