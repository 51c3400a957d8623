//! The second half of opm's validation: does the catalog that the objects make keep the rules? All breaches are found.

use std::collections::{BTreeMap, BTreeSet};

use crate::convert::{Bundle, Channel, Entry, Model, Package};
use crate::gotext::Quoted;
use crate::opm::OpmVersion;
use crate::verdict::Node;
use crate::version_range;

impl Model {
    /// The breaches as opm's tree; nothing when there are none.
    pub(crate) fn check(&self, opm: OpmVersion) -> Option<Node> {
        let faults = self.packages.iter().filter_map(|(name, package)| package.check(name, opm)).collect();
        Node::parent("invalid index", faults)
    }
}

impl Package {
    fn check(&self, name: &str, opm: OpmVersion) -> Option<Node> {
        let mut faults = Vec::new();
        if self.default_channel.is_empty() {
            faults.push(Node::leaf("default channel must be set"));
        }
        if self.channels.is_empty() {
            faults.push(Node::leaf("package must contain at least one channel"));
        }
        let unseen = Bundle::default();
        let bundle = |name: &str| self.bundles.get(name).map_or((&unseen, false), |bundle| (bundle, true));
        faults.extend(self.channels.iter().filter_map(|(channel_name, channel)| {
            let mut faults = channel.check(opm);
            faults.extend(channel.entries.values().filter_map(|entry| {
                let (bundle, seen) = bundle(&entry.name);
                bundle.check(entry, seen, name, opm)
            }));
            faults.extend(deprecation_fault(channel.deprecation.as_deref()));
            Node::parent(format!("invalid channel {}", Quoted(channel_name)), faults)
        }));
        if opm >= OpmVersion::UNIQUE_VERSIONS {
            faults.extend(self.check_versions(opm));
        }
        faults.extend(deprecation_fault(self.deprecation.as_deref()));
        Node::parent(format!("invalid package {}", Quoted(name)), faults)
    }

    fn check_versions(&self, opm: OpmVersion) -> Option<Node> {
        let unseen = Bundle::default();
        let mut by_version: BTreeMap<String, (&Bundle, BTreeSet<&str>)> = BTreeMap::new();
        for entry in self.channels.values().flat_map(|channel| channel.entries.values()) {
            let bundle = self.bundles.get(&entry.name).unwrap_or(&unseen);
            by_version.entry(bundle.version_text()).or_insert((bundle, BTreeSet::new())).1.insert(&entry.name);
        }
        let mut duplicates: Vec<_> = by_version.into_iter().filter(|(_, (_, names))| names.len() > 1).collect();
        if opm < OpmVersion::RELEASES {
            duplicates.sort_by(|(_, (a, _)), (_, (b, _))| a.version.precedence(&b.version));
        }
        let shown = |(version, (_, names)): (String, (_, BTreeSet<&str>))| {
            format!("{{{version}: [{}]}}", names.into_iter().collect::<Vec<_>>().join(", "))
        };
        let duplicates: Vec<_> = duplicates.into_iter().map(shown).collect();
        (!duplicates.is_empty()).then(|| Node::leaf(format!("duplicate versions found in bundles: [{}]", duplicates.join(" "))))
    }
}

impl Channel {
    fn check(&self, opm: OpmVersion) -> Vec<Node> {
        if self.entries.is_empty() {
            return vec![Node::leaf("channel must contain at least one bundle")];
        }
        self.check_chain(opm).err().map(Node::leaf).into_iter().collect()
    }

    /// The `replaces` chain from the one head must reach every entry that no other skips.
    fn check_chain(&self, opm: OpmVersion) -> Result<(), String> {
        let skipped: BTreeSet<&str> = self.entries.values().flat_map(|e| &e.skips).map(String::as_str).collect();
        let replaced: BTreeSet<&str> =
            self.entries.values().map(|e| e.replaces.as_str()).filter(|name| !name.is_empty()).collect();
        let names = || self.entries.keys().map(String::as_str);
        let heads: Vec<_> = names().filter(|name| !skipped.contains(name) && !replaced.contains(name)).collect();
        let head = match heads.as_slice() {
            [] => return Err("no channel head found in graph".into()),
            [head] => *head,
            several => return Err(format!("multiple channel heads found in graph: {}", several.join(", "))),
        };
        let mut chain = vec![head];
        let mut reached = BTreeSet::from([head]);
        let mut current = self.entries.get(head);
        while let Some(entry) = current {
            let next = entry.replaces.as_str();
            if opm >= OpmVersion::SKIPPED_REPLACES && skipped.contains(next) {
                break;
            }
            chain.push(next);
            if !reached.insert(next) {
                let from = chain.iter().position(|name| *name == next).unwrap_or(0);
                return Err(format!("detected cycle in replaces chain of upgrade graph: {}", chain[from..].join(" -> ")));
            }
            current = self.entries.get(next);
        }
        let stranded: Vec<_> = names().filter(|name| !reached.contains(name) && !skipped.contains(name)).collect();
        if stranded.is_empty() {
            return Ok(());
        }
        Err(format!("channel contains one or more stranded bundles: {}", stranded.join(", ")))
    }
}

impl Bundle {
    fn version_text(&self) -> String {
        if self.release.is_empty() { self.version.to_string() } else { format!("{}-{}", self.version, self.release_text()) }
    }

    fn release_text(&self) -> String {
        self.release.iter().map(ToString::to_string).collect::<Vec<_>>().join(".")
    }

    /// The bundle of an entry. One that opm has not seen (`seen` is false) has neither properties nor image.
    fn check(&self, entry: &Entry, seen: bool, package: &str, opm: OpmVersion) -> Option<Node> {
        let mut faults = Vec::new();
        if entry.name.is_empty() {
            faults.push(Node::leaf("name must be set"));
        }
        if !self.release.is_empty() {
            let normalized = format!("{package}-v{}", self.version_text());
            if entry.name != normalized {
                let (name, normalized) = (Quoted(&entry.name), Quoted(&normalized));
                faults.push(Node::leaf(format!("name {name} does not match normalized name {normalized}")));
            }
            if self.version.has_build() {
                faults.push(Node::leaf("cannot use build metadata in version with a release version"));
            }
        }
        let empty_skips = entry.skips.iter().enumerate().filter(|(_, skip)| skip.is_empty());
        faults.extend(empty_skips.map(|(i, _)| Node::leaf(format!("skip[{i}] is empty"))));
        if opm >= OpmVersion::SKIP_RANGES
            && !entry.skip_range.is_empty()
            && let Err(fault) = version_range::check(&entry.skip_range)
        {
            faults.push(Node::leaf(format!("invalid skipRange {}: {fault}", Quoted(&entry.skip_range))));
        }
        if !seen {
            faults.push(Node::leaf("must be exactly one property with type \"olm.package\""));
        }
        if !self.has_image && !self.has_objects {
            faults.push(Node::leaf("bundle image must be set"));
        }
        faults.extend(deprecation_fault(self.deprecation.as_deref()));
        Node::parent(format!("invalid bundle {}", Quoted(&entry.name)), faults)
    }
}

fn deprecation_fault(message: Option<&str>) -> Option<Node> {
    message.filter(|message| message.is_empty()).map(|_| Node::leaf("invalid deprecation: message must be set"))
}
