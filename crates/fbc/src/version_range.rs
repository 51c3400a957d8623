//! Version ranges (`skipRange`) with the rules and the messages of github.com/blang/semver.
//!
//! Only the syntax is checked: whether a version lies in a range is nobody's question here.

use crate::gotext::Quoted;
use crate::version::Version;

/// Checks a range such as `>=1.0.0 <1.2.0 || 1.4.x`. The error is blang/semver's text.
pub(crate) fn check(range: &str) -> Result<(), String> {
    let parts = split(range);
    if parts.first().is_some_and(|first| first == "||") {
        return Err("First element in range is '||'".into());
    }
    if parts.last().is_none_or(|last| last == "||") {
        return Err("Last element in range is '||'".into());
    }
    // Wildcards are expanded in all parts before any comparator is looked at.
    let mut comparators = Vec::new();
    for part in parts.iter().filter(|part| *part != "||") {
        if part.contains('x') { expand(part, &mut comparators)? } else { comparators.push(part.clone()) }
    }
    comparators.iter().try_for_each(|comparator| check_comparator(comparator))
}

/// Splits at spaces, but not after `<`, `>` and `=`; a part of one character is lost, as it is there.
fn split(range: &str) -> Vec<String> {
    let bytes = range.as_bytes();
    let mut parts = Vec::new();
    let mut last = 0;
    let mut last_char = 0;
    for (i, &byte) in bytes.iter().enumerate() {
        if byte != b' ' {
            last_char = byte;
        } else if !matches!(last_char, b'<' | b'>' | b'=') {
            if last + 1 < i {
                parts.push(&range[last..i]);
            }
            last = i + 1;
        }
    }
    if last + 1 < bytes.len() {
        parts.push(&range[last..]);
    }
    parts.into_iter().map(|part| part.replace(' ', "")).collect()
}

fn operator_and_version(part: &str) -> Result<(&str, &str), String> {
    match part.find(|c: char| c.is_numeric()) {
        Some(at) => Ok((part[..at].trim(), &part[at..])),
        None => Err(format!("Could not get version from string: {}", Quoted(part))),
    }
}

fn check_comparator(part: &str) -> Result<(), String> {
    let (operator, version) = operator_and_version(part)?;
    let both = format!("{operator}{version}");
    if !matches!(operator, "" | "=" | "==" | ">" | ">=" | "<" | "<=" | "!" | "!=") {
        return Err(format!(
            "Could not parse Range {}: Could not parse comparator {} in {}",
            Quoted(part),
            Quoted(operator),
            Quoted(&both)
        ));
    }
    Version::parse(version).map(drop).map_err(|fault| {
        format!(
            "Could not parse Range {}: Could not parse version {} in {}: {fault}",
            Quoted(part),
            Quoted(version),
            Quoted(&both)
        )
    })
}

/// Turns a comparator with an `x` into one or two without.
fn expand(part: &str, comparators: &mut Vec<String>) -> Result<(), String> {
    let (operator, version) = operator_and_version(part)?;
    let flat = flatten(version);
    let (before, operator, increments) = match operator {
        ">" => (None, ">=", true),
        ">=" => (None, ">=", false),
        "<" => (None, "<", false),
        "<=" => (None, "<", true),
        "" | "=" | "==" => (Some(">="), "<", true),
        "!" | "!=" => (Some("<"), ">=", true),
        _ => (None, "", false),
    };
    if let Some(before) = before {
        comparators.push(format!("{before}{flat}"));
    }
    let last = match (increments, version.rsplit('.').next(), version.split('.').count()) {
        (false, ..) => flat,
        (true, Some("x"), 2) => increment(&flat, 0),
        (true, Some("x"), 3) => increment(&flat, 1),
        _ => String::new(),
    };
    comparators.push(format!("{operator}{last}"));
    Ok(())
}

fn flatten(version: &str) -> String {
    let flat = version.replacen(".x.x", ".x", 1).replacen(".x", ".0", 1);
    if flat.split('.').count() == 2 { flat + ".0" } else { flat }
}

/// The version with its `index`th part one higher; empty when that is no number.
fn increment(version: &str, index: usize) -> String {
    let mut parts: Vec<String> = version.split('.').map(str::to_owned).collect();
    let next = parts.get(index).and_then(|part| part.parse::<i64>().ok()).and_then(|number| number.checked_add(1));
    match (next, parts.get_mut(index)) {
        (Some(next), Some(part)) => *part = next.to_string(),
        _ => return String::new(),
    }
    parts.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_their_faults() {
        // As the Go package of opm 1.73 answers.
        let cases = [
            ">=1.0.0 <2.0.0",
            "> 1.0.0 < 2.0.0 || 3.0.0",
            "1.x",
            ">1.2.x !=2.x.x",
            "<=x.1",
            "",
            " ",
            "1",
            "|| 1.0.0",
            "1.0.0 ||",
            "1.0.0 || || 2.0.0",
            ">=1.0",
            "~1.0.0",
            "~1.x",
            ">=v1.0.0",
            "latest",
            ">=1.0.0, <2.0.0",
            "1.0.0 - 2.0.0",
        ];
        let answers = cases.map(|text| format!("{text:?}: {}", check(text).err().unwrap_or_else(|| "fine".into())));
        insta::assert_snapshot!(answers.join("\n"), @r#"
        ">=1.0.0 <2.0.0": fine
        "> 1.0.0 < 2.0.0 || 3.0.0": fine
        "1.x": fine
        ">1.2.x !=2.x.x": fine
        "<=x.1": Could not parse Range "1": Could not parse version "1" in "1": No Major.Minor.Patch elements found
        "": Last element in range is '||'
        " ": Last element in range is '||'
        "1": Last element in range is '||'
        "|| 1.0.0": First element in range is '||'
        "1.0.0 ||": Last element in range is '||'
        "1.0.0 || || 2.0.0": fine
        ">=1.0": Could not parse Range ">=1.0": Could not parse version "1.0" in ">=1.0": No Major.Minor.Patch elements found
        "~1.0.0": Could not parse Range "~1.0.0": Could not parse comparator "~" in "~1.0.0"
        "~1.x": fine
        ">=v1.0.0": Could not parse Range ">=v1.0.0": Could not parse comparator ">=v" in ">=v1.0.0"
        "latest": Could not get version from string: "latest"
        ">=1.0.0, <2.0.0": Could not parse Range ">=1.0.0,": Could not parse version "1.0.0," in ">=1.0.0,": Invalid character(s) found in patch number "0,"
        "1.0.0 - 2.0.0": fine
        "#);
    }
}
