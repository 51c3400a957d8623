//! What is mirrored besides what cluster sets name: packages that packages need, and images.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use fbc::PackageName;
use registry::ImageRef;
use step::Result;

use crate::problem::{Place, Problems, shown};
use crate::yaml::{self, Data};

/// Which packages a package needs: oc-mirror does not find that out.
#[derive(Clone, Debug, Default)]
pub struct Dependencies(BTreeMap<PackageName, Vec<PackageName>>);

/// An image, or `PACKAGE=IMAGE`: an image that is mirrored when the package is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdditionalImage {
    /// The package that it belongs to; `None` when it is always mirrored.
    pub package: Option<PackageName>,
    /// The image, as it was given.
    pub image: String,
}

/// Why a text is not an [`AdditionalImage`].
#[derive(Clone, Debug)]
pub struct InvalidImage(String);

/// More names in a dependencies file are refused.
const MOST_NAMES: usize = 5000;

// === impl Dependencies ===

impl Dependencies {
    /// Reads a mapping from a package to a list of packages: JSON, or YAML.
    pub fn read(file: &str, bytes: Vec<u8>) -> Result<Self> {
        const FORM: &str = "it must be a mapping from packages to lists of packages: {\"odf-operator\": [\"odf-dependencies\"]}";
        let file: Arc<str> = file.into();
        let text = yaml::text(&file, bytes)?;
        let (node, twice) = yaml::read(&file, &text)?;
        let mut problems = Problems::default();
        twice.into_iter().for_each(|problem| problems.push(problem));
        let at = |line| Place { file: file.clone(), line };
        let (mut dependencies, mut names) = (BTreeMap::new(), 0);
        let Some(map) = node.as_map() else { return Err(at(node.line).problem("this is no mapping", FORM).into()) };
        for entry in map.iter() {
            let mut name = |text: &str, line| {
                let invalid = |error| problems.push(at(line).problem(format!("{error}"), "name a package of a catalog"));
                text.parse::<PackageName>().map_err(invalid).ok()
            };
            let package = name(&entry.key, entry.line);
            let items = match &entry.value.data {
                Data::List(items) => items.as_slice(),
                _ => {
                    let message = format!("what {} needs is {}", shown(&entry.key), entry.value.data.describe());
                    problems.push(at(entry.value.line).problem(message, FORM));
                    continue;
                }
            };
            let mut needs = Vec::new();
            for item in items {
                match &item.data {
                    Data::Text(text) => needs.extend(name(text, item.line)),
                    other => {
                        let message = format!("{} needs {}", shown(&entry.key), other.describe());
                        problems.push(at(item.line).problem(message, FORM));
                        break;
                    }
                }
            }
            names += 1 + needs.len();
            if names > MOST_NAMES {
                let message = format!("more than {MOST_NAMES} packages");
                return Err(at(entry.line).problem(message, "no catalog has that many: keep to those that are mirrored").into());
            }
            if let Some(package) = package {
                dependencies.insert(package, needs);
            }
        }
        problems.into_result("the dependencies file")?;
        Ok(Dependencies(dependencies))
    }

    /// What the package needs, and what that needs, each once, in the order in which it is found; circles end.
    pub(crate) fn of(&self, package: &PackageName) -> Vec<PackageName> {
        let mut known = BTreeSet::new();
        let mut found: Vec<PackageName> = Vec::new();
        let mut next = vec![package];
        while let Some(package) = next.pop() {
            for needed in self.0.get(package).into_iter().flatten().filter(|needed| known.insert(*needed)) {
                found.push(needed.clone());
                next.push(needed);
            }
        }
        found
    }
}

// === impl AdditionalImage ===

impl FromStr for AdditionalImage {
    type Err = InvalidImage;

    fn from_str(text: &str) -> std::result::Result<Self, InvalidImage> {
        let invalid = |error: &dyn fmt::Display| InvalidImage(error.to_string());
        let (package, image) = match text.split_once('=') {
            Some((package, image)) => (Some(package.trim().parse().map_err(|e| invalid(&e))?), image.trim()),
            None => (None, text),
        };
        if image.contains("://") {
            return Err(InvalidImage("an image has no transport here: write registry.example/ns/image:tag".into()));
        }
        image.parse::<ImageRef>().map_err(|e| invalid(&e))?;
        Ok(AdditionalImage { package, image: image.to_owned() })
    }
}

impl fmt::Display for AdditionalImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.package {
            Some(package) => write!(f, "{package}={}", self.image),
            None => f.write_str(&self.image),
        }
    }
}

// === impl InvalidImage ===

impl fmt::Display for InvalidImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidImage {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_packages_need() {
        let json = br#"{"a": ["b", "c"], "b": ["d"], "d": ["a"], "x": []}"#.to_vec();
        let dependencies = Dependencies::read("d.json", json).unwrap();
        let of =
            |name: &str| dependencies.of(&name.parse().unwrap()).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        assert_eq!((of("a"), of("c"), of("x")), ("b c d a".into(), String::new(), String::new()));
        let error = Dependencies::read("d.json", b"a: b\nb: [1]\n$x: [c]\n".to_vec()).unwrap_err();
        insta::assert_snapshot!(error.details_text(), @r#"
        d.json:1: what "a" needs is the text "b"; hint: it must be a mapping from packages to lists of packages: {"odf-operator": ["odf-dependencies"]}
        d.json:2: "b" needs the number 1; hint: it must be a mapping from packages to lists of packages: {"odf-operator": ["odf-dependencies"]}
        d.json:3: "$x" is not a package name: it may hold only a-z, 0-9, `.` and `-`; hint: name a package of a catalog
        "#);
    }

    #[test]
    fn images() {
        let image: AdditionalImage = "vault=docker.io/hashicorp/vault:1.17.2".parse().unwrap();
        assert_eq!((image.package.unwrap().as_str(), &*image.image), ("vault", "docker.io/hashicorp/vault:1.17.2"));
        for bad in ["", "docker://quay.io/a/b", "A=quay.io/a/b", "quay.io/a/b:$(x)", "quay.io/a b"] {
            assert!(bad.parse::<AdditionalImage>().is_err(), "{bad:?}");
        }
    }
}
