//! Durations, sizes, counts and times in words.

/// A duration given in milliseconds: `30ms`, `0.4s`, `41s`, `1m02s`, `2h05m`. Never rounded up, so that a
/// time-out is not shown as reached before it is.
pub fn duration(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match seconds {
        0 if milliseconds < 100 => format!("{milliseconds}ms"),
        0..10 => format!("{seconds}.{}s", milliseconds % 1000 / 100),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// A number of bytes in decimal units: `999 B`, `1.5 kB`, `45.2 MB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if count < 1000 {
        return format!("{count} B");
    }
    let mut tenths = count / 100;
    let mut unit = 0;
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1000;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// A point in time, in milliseconds since 1970, as `2025-01-31 12:00:05` in UTC.
pub fn time_utc(unix_milliseconds: u64) -> String {
    i64::try_from(unix_milliseconds)
        .ok()
        .and_then(|milliseconds| jiff::Timestamp::from_millisecond(milliseconds).ok())
        .map_or_else(
            || format!("{unix_milliseconds} ms after 1970"),
            |time| time.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        )
}

/// A number and its noun: `1 resource`, `2 resources`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Names as a sentence has them: `a`, `a and b`, `a, b and c`, `a, b and 3 more`.
pub(crate) fn listed(names: &[String], at_most: usize) -> String {
    let hidden = names.len().saturating_sub(at_most);
    match (names, hidden) {
        ([], _) => String::new(),
        ([one], _) => one.clone(),
        ([head @ .., last], 0) => format!("{} and {last}", head.join(", ")),
        _ => format!("{} and {hidden} more", names[..at_most].join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well_and_are_never_rounded_up() {
        for (milliseconds, expected) in [
            (0, "0ms"),
            (99, "99ms"),
            (400, "0.4s"),
            (9_999, "9.9s"),
            (10_000, "10s"),
            (59_999, "59s"),
            (62_000, "1m02s"),
            (3_599_999, "59m59s"),
            (7_500_000, "2h05m"),
        ] {
            assert_eq!(duration(milliseconds), expected);
        }
    }

    #[test]
    fn sizes_read_well() {
        for (size, expected) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (45_250_000, "45.2 MB"),
            (999_999_999, "999.9 MB"),
            (1_000_000_000, "1.0 GB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(bytes(size), expected);
        }
    }

    #[test]
    fn times_are_utc_and_never_fail() {
        assert_eq!(time_utc(1_738_324_805_000), "2025-01-31 12:00:05");
        assert_eq!(time_utc(u64::MAX), "18446744073709551615 ms after 1970");
    }

    #[test]
    fn names_are_listed_as_in_a_sentence() {
        let names = |count: usize| {
            ["a", "b", "c", "d", "e"][..count]
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        for (number, expected) in [
            (0, ""),
            (1, "a"),
            (2, "a and b"),
            (3, "a, b and c"),
            (5, "a, b, c and 2 more"),
        ] {
            assert_eq!(listed(&names(number), 3), expected);
        }
    }
}
