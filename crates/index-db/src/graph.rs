//! The upgrade graph of the whole index: which bundles stand in which channel, what each replaces and skips there.
//!
//! `channel_entry` has a row for each bundle and each edge into another. An edge is a `replaces` when it lies on a path
//! from an entry of the lowest depth *of the whole table*, and a `skips` otherwise.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use step::Result;

use crate::db::{Db, number, text};

/// What a bundle has in one channel.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Edges {
    /// The greatest name of those it replaces.
    pub(crate) replaces: Option<Rc<str>>,
    /// What it skips, in the order of the entries.
    pub(crate) skips: Vec<Rc<str>>,
}

/// A bundle's place: package, channel and bundle. A missing package is as an empty one.
pub(crate) type Place = (Rc<str>, Rc<str>, Rc<str>);

struct Entry {
    id: i64,
    package: Option<Rc<str>>,
    channel: Option<Rc<str>>,
    bundle: Option<Rc<str>>,
    replaces: Option<i64>,
    depth: Option<i64>,
}

/// The edges of every bundle in every channel, by place.
pub(crate) fn load(db: &Db) -> Result<BTreeMap<Place, Edges>> {
    let entries = entries(db)?;
    let by_id: HashMap<i64, usize> = entries.iter().enumerate().map(|(index, entry)| (entry.id, index)).collect();
    let reached = reached(&entries, &by_id);
    let mut places: BTreeMap<Place, Edges> = BTreeMap::new();
    for (index, entry) in entries.iter().enumerate() {
        let (Some(channel), Some(bundle)) = (&entry.channel, &entry.bundle) else {
            continue;
        };
        let package = entry.package.clone().unwrap_or_else(|| Rc::from(""));
        let edges = places.entry((package, channel.clone(), bundle.clone())).or_default();
        let target = entry.replaces.and_then(|id| by_id.get(&id)).and_then(|target| entries[*target].bundle.clone());
        if reached.contains(&index) {
            edges.replaces = edges.replaces.take().max(target);
        } else {
            edges.skips.extend(target);
        }
    }
    Ok(places)
}

fn entries(db: &Db) -> Result<Vec<Entry>> {
    let mut names: HashSet<Rc<str>> = HashSet::new();
    let mut shared = |name: Option<String>| {
        name.map(|name| {
            names.get(name.as_str()).cloned().unwrap_or_else(|| {
                let name: Rc<str> = name.into();
                names.insert(name.clone());
                name
            })
        })
    };
    db.all(
        "SELECT entry_id, package_name, channel_name, operatorbundle_name, replaces, depth FROM channel_entry ORDER BY entry_id",
        [],
        |row| {
            Ok(Entry {
                id: row.get(0)?,
                package: shared(text(row, 1)?),
                channel: shared(text(row, 2)?),
                bundle: shared(text(row, 3)?),
                replaces: number(row, 4)?,
                depth: number(row, 5)?,
            })
        },
    )
}

/// The entries on a path of `replaces` from those of the lowest depth.
fn reached(entries: &[Entry], by_id: &HashMap<i64, usize>) -> HashSet<usize> {
    let lowest = entries.iter().filter_map(|entry| entry.depth).min();
    let mut reached = HashSet::new();
    let mut waiting: Vec<usize> = entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| entry.depth.is_some() && entry.depth == lowest)
        .map(|(index, _)| index)
        .collect();
    while let Some(index) = waiting.pop() {
        if reached.insert(index) {
            waiting.extend(entries[index].replaces.and_then(|id| by_id.get(&id)));
        }
    }
    reached
}
