//! A matrix: what a task runs for each of.

use std::collections::BTreeMap;

use tekton::v1::{Matrix, Param, ParamValue};

/// The parameters of one run of a matrix, sorted by name.
pub type Combination = BTreeMap<String, String>;

/// Every combination, in the order in which Tekton numbers them: the first parameter changes fastest.
pub fn combinations(matrix: &Matrix) -> Vec<Combination> {
    let text = |value: &ParamValue| value.strings().next().unwrap_or_default().to_owned();
    let pairs = |params: &[Param]| params.iter().map(|param| (param.name.clone(), text(&param.value))).collect();
    let includes: Vec<Combination> = matrix.include.iter().map(|include| pairs(&include.params)).collect();
    if matrix.params.is_empty() {
        return includes;
    }
    let mut all = vec![Combination::new()];
    for param in &matrix.params {
        let with = |value: &str, base: &Combination| {
            let mut combination = base.clone();
            combination.insert(param.name.clone(), value.to_owned());
            combination
        };
        all = param.value.strings().flat_map(|value| all.iter().map(move |base| with(value, base))).collect();
    }
    for combination in &mut all {
        for include in &includes {
            if include.iter().all(|(name, value)| combination.get(name).is_none_or(|own| own == value)) {
                combination.extend(include.clone());
            }
        }
    }
    for include in includes {
        let is_there = |combination: &Combination| include.iter().any(|(name, value)| combination.get(name) == Some(value));
        if !include.is_empty() && !all.iter().any(is_there) {
            all.push(include);
        }
    }
    all
}

/// Whether a list of the matrix has nothing in it: the task is skipped then.
pub(crate) fn is_empty(matrix: &Matrix) -> bool {
    matrix.params.iter().any(|param| matches!(&param.value, ParamValue::Array(items) if items.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tekton::v1::IncludeParams;

    fn list(name: &str, values: &[&str]) -> Param {
        Param::new(name.into(), ParamValue::Array(values.iter().map(|v| (*v).to_owned()).collect()))
    }

    fn include(params: &[(&str, &str)]) -> IncludeParams {
        let params = params.iter().map(|(name, value)| Param::new((*name).into(), (*value).into())).collect();
        IncludeParams { name: None, params }
    }

    fn shown(matrix: &Matrix) -> String {
        let line = |c: &Combination| c.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(" ");
        combinations(matrix).iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn product_in_order() {
        let matrix = Matrix { params: vec![list("os", &["linux", "mac"]), list("arch", &["amd64", "arm64"])], include: vec![] };
        insta::assert_snapshot!(shown(&matrix), @"
        arch=amd64 os=linux
        arch=amd64 os=mac
        arch=arm64 os=linux
        arch=arm64 os=mac
        ");
    }

    #[test]
    fn include_says_more_or_adds() {
        let params = vec![list("GOARCH", &["amd64", "ppc64le", "s390x"]), list("version", &["1.17", "1.18"])];
        // The example of Tekton's documentation, whose outcome it spells out.
        let matrix = Matrix {
            params,
            include: vec![
                include(&[("GOARCH", "amd64"), ("package", "common")]),
                include(&[("GOARCH", "s390x"), ("package", "s"), ("version", "1.17")]),
                include(&[("GOARCH", "riscv"), ("package", "new")]),
                include(&[("flags", "-v")]),
            ],
        };
        insta::assert_snapshot!(shown(&matrix), @"
        GOARCH=amd64 flags=-v package=common version=1.17
        GOARCH=ppc64le flags=-v version=1.17
        GOARCH=s390x flags=-v package=s version=1.17
        GOARCH=amd64 flags=-v package=common version=1.18
        GOARCH=ppc64le flags=-v version=1.18
        GOARCH=s390x flags=-v version=1.18
        GOARCH=riscv package=new
        ");
    }

    #[test]
    fn include_alone() {
        let matrix = Matrix { params: vec![], include: vec![include(&[("a", "1")]), include(&[("a", "2"), ("b", "3")])] };
        assert_eq!(shown(&matrix), "a=1\na=2 b=3");
    }
}
