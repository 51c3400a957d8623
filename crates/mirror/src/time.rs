//! The time that objects are stamped with.

use std::time::{SystemTime, UNIX_EPOCH};

use step::{Result, SourceDate};

/// Now, or what `SOURCE_DATE_EPOCH` says: `2026-11-21T09:00:00Z`.
pub(crate) fn now() -> Result<String> {
    if let Some(date) = SourceDate::of_process()? {
        return Ok(date.to_string());
    }
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Ok(SourceDate::parse(Some(&seconds.to_string()))?.unwrap_or_default().to_string())
}
