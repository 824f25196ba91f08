//! How values are written on pages.

use streife_domain::Timestamp;
use time::{Date, Month, OffsetDateTime, UtcOffset, Weekday};

/// Central European time, summer time by the rule of Directive 2000/84/EC (01:00 UTC on last Sundays).
fn central_european(at: Timestamp) -> Option<OffsetDateTime> {
    let utc = OffsetDateTime::from_unix_timestamp(at.as_secs()).ok()?;
    let switch = |month: Month| {
        let last = Date::from_calendar_date(utc.year(), month, 31).ok()?;
        let back = last.weekday().number_days_from_sunday();
        let sunday = last.checked_sub(time::Duration::days(i64::from(back)))?;
        debug_assert_eq!(sunday.weekday(), Weekday::Sunday);
        Some(sunday.with_hms(1, 0, 0).ok()?.assume_utc())
    };
    let summer = utc >= switch(Month::March)? && utc < switch(Month::October)?;
    Some(utc.to_offset(UtcOffset::from_hms(if summer { 2 } else { 1 }, 0, 0).ok()?))
}

/// Day and minute, German local time: `22.11.2026 05:12`.
pub(crate) fn moment(at: Timestamp) -> String {
    central_european(at).map_or_else(
        || at.to_string(),
        |t| {
            format!(
                "{:02}.{:02}.{} {:02}:{:02}",
                t.day(),
                u8::from(t.month()),
                t.year(),
                t.hour(),
                t.minute()
            )
        },
    )
}

/// The day as `YYYY-MM-DD`, German local time.
pub(crate) fn day(at: Timestamp) -> String {
    central_european(at)
        .map_or_else(String::new, |t| format!("{}-{:02}-{:02}", t.year(), u8::from(t.month()), t.day()))
}

/// Age in the largest whole unit: `4 min`, `3 h`, `2 d`.
pub(crate) fn age(at: Timestamp, now: Timestamp) -> String {
    let minutes = now.micros_since(at).max(0) / 60_000_000;
    match minutes {
        0..60 => format!("{minutes} min"),
        60..2880 => format!("{} h", minutes / 60),
        _ => format!("{} d", minutes / 1440),
    }
}

/// A number with thin thousands groups: `1 204 331`.
pub(crate) fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// Points of a small line chart in a box of `width` x `height`.
pub(crate) fn line(values: &[u64], width: u64, height: u64) -> String {
    let top = values.iter().copied().max().unwrap_or(0).max(1);
    let steps = (values.len().max(2) - 1) as u64;
    let point =
        |(i, value): (usize, &u64)| format!("{},{}", i as u64 * width / steps, height - value * height / top);
    values.iter().enumerate().map(point).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summer_time_begins_and_ends_as_in_germany() {
        let at = |text| moment(Timestamp::parse(text).unwrap());
        assert_eq!(at("2026-03-29T00:59:00Z"), "29.03.2026 01:59");
        assert_eq!(at("2026-03-29T01:00:00Z"), "29.03.2026 03:00");
        assert_eq!(at("2026-10-25T01:00:00Z"), "25.10.2026 02:00");
        assert_eq!(day(Timestamp::parse("2026-12-31T23:30:00Z").unwrap()), "2027-01-01");
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(number(1_204_331), "1\u{202f}204\u{202f}331");
        assert_eq!(number(999), "999");
    }
}
