//! References as Tekton's admission sees them.

use std::ops::Range;

/// A reference to a parameter as Tekton's admission sees it: its grammar takes more for a reference than what is
/// replaced later, `$(params.)` for example, and overlooks others, such as `$(params["a"][0])`.
#[derive(Debug)]
pub(super) struct Found<'t> {
    pub range: Range<usize>,
    /// What stands behind the prefix and its dot, or in the quotes.
    pub inner: &'t str,
    is_dotted: bool,
}

/// References to what begins with `prefix`: `params`, or `params.NAME` for the keys of an object.
pub(super) fn found<'t>(text: &'t str, prefix: &str) -> Vec<Found<'t>> {
    let open = format!("$({prefix}");
    let mut all = Vec::new();
    let mut at = 0;
    let mut line_end = 0;
    // Ends that the rest of the line has not: they are not looked for again.
    let mut missing: Vec<&str> = Vec::new();
    while let Some(start) = text[at..].find(&open).map(|found| at + found) {
        if start >= line_end {
            line_end = text[start..].find('\n').map_or(text.len(), |end| start + end);
            missing.clear();
        }
        let body = start + open.len();
        let rest = text.get(body..line_end).unwrap_or_default();
        at = body;
        let brackets = [(".", ")"), ("[\"", "\"])"), ("['", "'])")];
        let Some((left, right)) = brackets.into_iter().find(|(left, _)| rest.starts_with(left)) else { continue };
        if missing.contains(&right) {
            continue;
        }
        let inner = &rest[left.len()..];
        match inner.find(right) {
            Some(end) => {
                at = body + left.len() + end + right.len();
                all.push(Found { range: start..at, inner: &inner[..end], is_dotted: left == "." });
            }
            None => missing.push(right),
        }
    }
    all
}

impl<'t> Found<'t> {
    /// The first name in it; `None` when it has more dots than anything has.
    pub(super) fn name(&self) -> Option<&'t str> {
        match self.inner.split_once('.') {
            Some((_, rest)) if self.is_dotted && rest.contains('.') => None,
            Some((name, _)) if self.is_dotted => Some(name),
            _ => Some(self.inner),
        }
    }

    /// [`Found::name`] without the index behind it.
    pub(super) fn plain_name(&self) -> Option<String> {
        self.name().map(without_indexes)
    }
}

/// Without `[*]`, `[0]` and the like.
fn without_indexes(name: &str) -> String {
    let mut plain = String::new();
    let mut rest = name;
    while let Some(open) = rest.find('[') {
        let inner = rest[open + 1..].trim_start_matches(|c: char| c.is_ascii_digit());
        let inner = inner.strip_prefix('*').unwrap_or(inner);
        match inner.strip_prefix(']') {
            Some(after) => {
                plain.push_str(&rest[..open]);
                rest = after;
            }
            None => {
                plain.push_str(&rest[..=open]);
                rest = &rest[open + 1..];
            }
        }
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_what_tekton_takes_for_them() {
        let shown = |text| {
            let all = found(text, "params");
            all.iter().map(|found| format!("{}={:?}", found.inner, found.name())).collect::<Vec<_>>().join(" ")
        };
        insta::assert_snapshot!(shown("$(params.a)$(params.b[*]) $(params.o.k)"), @r##"a=Some("a") b[*]=Some("b[*]") o.k=Some("o")"##);
        insta::assert_snapshot!(shown(r#"$(params["a.b"]) $(params['c']) $(params["d"][0]) $(params.)"#), @r##"a.b=Some("a.b") c=Some("c") =Some("")"##);
        insta::assert_snapshot!(shown("$(params.a b(c) $(params.x\n) $(params.a.b.c) $(params)"), @r##"a b(c=Some("a b(c") a.b.c=None"##);
    }

    #[test]
    fn indexes_go() {
        let plain = ["a", "a[0]", "a[*]", "a[12*]", "a[]", "a[x]", "a[0][1]", "[a[0]"].map(without_indexes);
        assert_eq!(plain, ["a", "a", "a", "a", "a", "a[x]", "a", "[a"]);
    }
}
