//! Turning the database into a file-based catalog, as `opm migrate` does.
//!
//! Memory is bounded by one package: names and edges of the whole index are held, rows with manifests are read when
//! their package is written.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use fbc::{OpmVersion, PackageName};
use serde_json::value::RawValue;
use step::{Cancel, Error, Result};

use crate::bundle::{Stored, push_list, push_text_field};
use crate::csv::{self, Icon};
use crate::db::{Db, text};
use crate::gojson::{push_indented, push_string};
use crate::graph::{self, Edges};
use crate::schema;

/// How a bundle's manifests are carried (opm's `--migrate-level`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Whole, in `olm.bundle.object` properties.
    None,
    /// Bundles with an image carry what consoles show of their CSV in one `olm.csv.metadata` property, about a fifth of
    /// the size.
    BundleObjectToCsvMetadata,
}

/// How a bundle is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    /// Metadata in place of manifests, where there is an image to pull them from.
    pub(crate) csv_metadata: bool,
    /// Manifests sorted by their base64 text, and not in the order of the database.
    pub(crate) sorted_objects: bool,
}

/// The first version that sorts manifests, and that has `olm.csv.metadata`.
const CSV_METADATA: OpmVersion = OpmVersion::new(1, 28, 0);
/// The version that asks for a flag to convert. Builders of index images pass it to later versions only.
const FLAG: OpmVersion = OpmVersion::new(1, 46, 0);

// === impl Level ===

impl Level {
    /// The level that builders of index images use with opm `version`: before 1.28 there was none, up to 1.45 opm
    /// converted by itself, 1.46.0 is run without the flag and later versions with it.
    pub fn for_opm(version: OpmVersion) -> Level {
        if version < CSV_METADATA || version == FLAG { Level::None } else { Level::BundleObjectToCsvMetadata }
    }
}

/// Migrates the database at `path`: calls `write` with the name and the `catalog.json` of each package, in the order of
/// names. `opm` is the version whose output is wanted and whose rules must hold.
///
/// When a package is invalid nothing can be said for the others: as in opm the whole migration fails as bad input, with
/// all findings in the details, one tree like opm's; what `write` was given until then is to be thrown away. Fails otherwise as
/// [`crate::IndexDb::open`] does, with what `write` fails with, or as cancelled.
pub fn migrate(
    path: &Path,
    level: Level,
    opm: OpmVersion,
    cancel: &Cancel,
    mut write: impl FnMut(PackageName, Vec<u8>) -> Result<()>,
) -> Result<()> {
    let mut db = Db::read(path, cancel)?;
    // One transaction: all that is read is of one moment.
    db.script("BEGIN")?;
    let version = db.schema_version()?;
    if version != schema::NEWEST {
        db = db.private_copy(cancel)?;
        schema::upgrade(&db, version)?;
    }
    let style = Style { csv_metadata: level == Level::BundleObjectToCsvMetadata, sorted_objects: opm >= CSV_METADATA };
    let index = Index::load(&db)?;
    let mut findings = Vec::new();
    for (name, package) in &index.packages {
        cancel.check()?;
        let (name, catalog) = index.catalog(name, package, style)?;
        let tree = fbc::Tree::from_files([(format!("{name}/catalog.json"), catalog.as_slice())]);
        let verdict = fbc::validate(&tree, opm, cancel)?;
        if !verdict.is_valid() {
            findings.push(verdict.to_string());
        } else if findings.is_empty() {
            write(name, catalog)?;
        }
    }
    if findings.is_empty() {
        return Ok(());
    }
    let count = match findings.len() {
        1 => "a package of it is".to_owned(),
        count => format!("{count} packages of it are"),
    };
    Err(db
        .bad(format_args!("{count} not valid for opm {opm}"))
        .details(one_tree(&findings))
        .hint("mend or remove what is named above; as long as it is there no package can be migrated"))
}

/// The verdicts on several packages as one: branches of opm's tree, in the order of the packages.
fn one_tree(verdicts: &[String]) -> String {
    const ROOT: &str = "invalid index:";
    if let [one] = verdicts {
        return one.clone();
    }
    let mut tree = String::from(ROOT);
    for (index, verdict) in verdicts.iter().enumerate() {
        let branches = match verdict.strip_prefix(ROOT) {
            Some(branches) => branches.to_owned(),
            None => format!("\n└── {}", verdict.replace('\n', "\n    ")),
        };
        if index + 1 == verdicts.len() {
            tree.push_str(&branches);
        } else {
            // Its last branch has others below it now.
            tree.push_str(&branches.replace("\n└── ", "\n├── ").replace("\n    ", "\n│   "));
        }
    }
    tree
}

/// [`migrate`] into the directory `out`, which must be empty or not exist: `<package>/catalog.json` for each package.
/// Gives the names of the packages. When it fails `out` is as it was, unless it is the last step that fails or is killed:
/// moving the whole packages to their places.
pub fn migrate_to_dir(path: &Path, level: Level, opm: OpmVersion, out: &Path, cancel: &Cancel) -> Result<BTreeSet<PackageName>> {
    let staging = Staging::create(out)?;
    let mut names = BTreeSet::new();
    migrate(path, level, opm, cancel, |name, catalog| {
        let dir = staging.dir.join(name.as_str());
        let file = dir.join("catalog.json");
        fs::create_dir(&dir)
            .and_then(|()| fs::write(&file, catalog))
            .map_err(|e| Error::io(format_args!("cannot write {}", file.display()), e))?;
        names.insert(name);
        Ok(())
    })?;
    staging.commit(out, &names)?;
    Ok(names)
}

/// Where packages are written until all are there: inside the output directory, which may be a volume of its own, with
/// nothing writable around it. What a crashed run left there is cleared by the next.
struct Staging {
    dir: PathBuf,
    /// The output directory, if it was not there.
    made: Option<PathBuf>,
}

// === impl Staging ===

impl Staging {
    fn create(out: &Path) -> Result<Self> {
        let failed = |e| Error::io(format_args!("cannot write {}", out.display()), e);
        let dir = out.join(".stepwright-migrate");
        let made = (!out.exists()).then(|| out.to_owned());
        fs::create_dir_all(out).map_err(failed)?;
        for entry in fs::read_dir(out).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.path() != dir || !entry.file_type().map_err(failed)?.is_dir() {
                return Err(
                    Error::bad_input(format!("output dir \"{}\" must be empty", out.display())).hint("empty it, or name another")
                );
            }
            fs::remove_dir_all(&dir).map_err(failed)?;
        }
        fs::create_dir(&dir).map_err(failed)?;
        Ok(Staging { dir, made })
    }

    fn commit(mut self, out: &Path, names: &BTreeSet<PackageName>) -> Result<()> {
        for name in names {
            fs::rename(self.dir.join(name.as_str()), out.join(name.as_str()))
                .map_err(|e| Error::io(format_args!("cannot write {}", out.join(name.as_str()).display()), e))?;
        }
        self.made = None;
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What cannot be removed now is cleared by the next run.
        let removed = fs::remove_dir_all(&self.dir).and_then(|()| self.made.as_ref().map_or(Ok(()), fs::remove_dir));
        if let Err(error) = removed {
            tracing::debug!(%error, "cannot remove {}", self.dir.display());
        }
    }
}

/// All of the index but its manifests.
struct Index<'a> {
    db: &'a Db,
    packages: BTreeMap<String, Package>,
    /// Rows by bundle, for tables that have no index of them.
    properties: RowsByBundle,
    dependencies: RowsByBundle,
    images: RowsByBundle,
}

type RowsByBundle = HashMap<String, Vec<i64>>;

#[derive(Default)]
struct Package {
    default_channel: String,
    channels: BTreeMap<String, BTreeMap<Rc<str>, Edges>>,
}

// === impl Index ===

impl<'a> Index<'a> {
    fn load(db: &'a Db) -> Result<Self> {
        let mut packages = packages(db)?;
        let releases = releases(db)?;
        let deprecated: HashSet<String> = db
            .all("SELECT DISTINCT operatorbundle_name FROM properties WHERE type = 'olm.deprecated'", [], |row| text(row, 0))?
            .into_iter()
            .flatten()
            .collect();
        for ((package, channel, bundle), edges) in graph::load(db)? {
            if !releases.contains(&*bundle) || deprecated.contains(&*bundle) {
                continue;
            }
            let Some(known) = packages.get_mut(&*package) else {
                return Err(db.bad(format_args!("unknown package \"{package}\" for bundle \"{bundle}\"")));
            };
            let Some(channel_bundles) = known.channels.get_mut(&*channel) else {
                return Err(db.bad(format_args!("unknown channel \"{channel}\" for bundle \"{bundle}\"")));
            };
            channel_bundles.insert(bundle, edges);
        }
        Ok(Index {
            db,
            packages,
            properties: rows_by_bundle(db, "properties")?,
            dependencies: rows_by_bundle(db, "dependencies")?,
            images: rows_by_bundle(db, "related_image")?,
        })
    }

    /// The `catalog.json` of a package.
    fn catalog(&self, name: &str, package: &Package, style: Style) -> Result<(PackageName, Vec<u8>)> {
        let safe: PackageName =
            name.parse().map_err(|e| self.db.bad(e).hint("such a package can only be removed with sqlite3"))?;
        let bad = |kind: &str, name: &str, e| self.db.bad(format_args!("{kind} \"{name}\"")).because(e);
        let mut out = Vec::new();
        push_indented(&mut out, &self.package_json(name, package)?).map_err(|e| bad("package", name, e))?;
        let mut bundles: BTreeSet<&Rc<str>> = BTreeSet::new();
        let mut skip_ranges: HashMap<&str, String> = HashMap::new();
        for entries in package.channels.values() {
            bundles.extend(entries.keys());
        }
        for bundle in &bundles {
            self.db.each("SELECT skiprange FROM operatorbundle WHERE name = ?1", [bundle.as_ref()], |row| {
                skip_ranges.insert(bundle, text(row, 0)?.unwrap_or_default());
                Ok(())
            })?;
        }
        for (channel, entries) in &package.channels {
            push_indented(&mut out, &channel_json(name, channel, entries, &skip_ranges))
                .map_err(|e| bad("channel", channel, e))?;
        }
        for bundle in bundles {
            let json = self.stored(bundle, name)?.to_json(style).map_err(|e| bad("bundle", bundle, e))?;
            push_indented(&mut out, &json).map_err(|e| bad("bundle", bundle, e))?;
        }
        Ok((safe, out))
    }

    fn package_json(&self, name: &str, package: &Package) -> Result<Vec<u8>> {
        let mut out = br#"{"schema":"olm.package""#.to_vec();
        push_text_field(&mut out, "name", name);
        push_text_field(&mut out, "defaultChannel", &package.default_channel);
        if let Some(icon) = self.icon(name, &package.default_channel)? {
            out.extend_from_slice(br#","icon":{"#);
            push_text_field(&mut out, "base64data", &icon.base64);
            push_text_field(&mut out, "mediatype", &icon.media_type);
            out.push(b'}');
        }
        out.push(b'}');
        Ok(out)
    }

    /// The icon of the bundle at the head of the default channel.
    fn icon(&self, package: &str, channel: &str) -> Result<Option<Icon>> {
        let heads = self.db.all(
            "SELECT b.name, b.csv FROM channel c JOIN operatorbundle b ON b.name = c.head_operatorbundle_name
            WHERE c.package_name = ?1 AND c.name = ?2",
            [package, channel],
            |row| Ok((text(row, 0)?, text(row, 1)?)),
        )?;
        let Some((bundle, csv)) = heads.into_iter().next() else {
            return Err(self.db.bad(format_args!("default channel \"{channel}\" of package \"{package}\" has no head")));
        };
        let bundle = bundle.unwrap_or_default();
        let read = |csv: &str| csv::icon(serde_json::from_str::<&RawValue>(csv)?);
        read(&csv.unwrap_or_default())
            .map_err(|e| self.db.bad(format_args!("the CSV of bundle \"{bundle}\" cannot be read")).because(e))
    }

    fn stored(&self, name: &str, package: &str) -> Result<Stored> {
        let db = self.db;
        let mut stored = Stored { name: name.to_owned(), package: package.to_owned(), ..Stored::default() };
        db.each("SELECT version, bundlepath, bundle FROM operatorbundle WHERE name = ?1", [name], |row| {
            stored.version = text(row, 0)?.unwrap_or_default();
            stored.image = text(row, 1)?.unwrap_or_default();
            stored.manifests = text(row, 2)?.unwrap_or_default();
            Ok(())
        })?;
        let pairs = |rows: &RowsByBundle, table: &str| -> Result<Vec<(String, String)>> {
            let mut pairs = Vec::new();
            for rowid in rows.get(name).into_iter().flatten() {
                db.each(&format!("SELECT type, value FROM {table} WHERE rowid = ?1"), [rowid], |row| {
                    pairs.push((text(row, 0)?.unwrap_or_default(), text(row, 1)?.unwrap_or_default()));
                    Ok(())
                })?;
            }
            Ok(pairs)
        };
        stored.properties = pairs(&self.properties, "properties")?;
        stored.dependencies = pairs(&self.dependencies, "dependencies")?;
        for rowid in self.images.get(name).into_iter().flatten() {
            db.each("SELECT image FROM related_image WHERE rowid = ?1", [rowid], |row| {
                stored.images.extend(text(row, 0)?);
                Ok(())
            })?;
        }
        Ok(stored)
    }
}

/// The packages and their channels, still without bundles.
fn packages(db: &Db) -> Result<BTreeMap<String, Package>> {
    let mut packages: BTreeMap<String, Package> = BTreeMap::new();
    db.each("SELECT name, default_channel FROM package WHERE name NOTNULL", [], |row| {
        let package = Package { default_channel: text(row, 1)?.unwrap_or_default(), ..Package::default() };
        packages.insert(text(row, 0)?.unwrap_or_default(), package);
        Ok(())
    })?;
    db.each("SELECT package_name, name FROM channel", [], |row| {
        if let Some(package) = packages.get_mut(&text(row, 0)?.unwrap_or_default()) {
            package.channels.insert(text(row, 1)?.unwrap_or_default(), BTreeMap::new());
        }
        Ok(())
    })?;
    Ok(packages)
}

/// The bundles that have a version and a place, be it empty. The others are no part of a catalog.
fn releases(db: &Db) -> Result<HashSet<String>> {
    let mut releases = HashSet::new();
    // The index `pk` answers this alone: rows with manifests are not read.
    db.each("SELECT name FROM operatorbundle WHERE version NOTNULL AND bundlepath NOTNULL", [], |row| {
        releases.extend(text(row, 0)?);
        Ok(())
    })?;
    Ok(releases)
}

fn rows_by_bundle(db: &Db, table: &str) -> Result<RowsByBundle> {
    let mut rows = RowsByBundle::new();
    db.each(&format!("SELECT rowid, operatorbundle_name FROM {table}"), [], |row| {
        if let Some(bundle) = text(row, 1)? {
            rows.entry(bundle).or_default().push(row.get(0)?);
        }
        Ok(())
    })?;
    Ok(rows)
}

fn channel_json(package: &str, name: &str, entries: &BTreeMap<Rc<str>, Edges>, skip_ranges: &HashMap<&str, String>) -> Vec<u8> {
    let mut out = br#"{"schema":"olm.channel""#.to_vec();
    push_text_field(&mut out, "name", name);
    push_text_field(&mut out, "package", package);
    let entries: Vec<_> = entries.iter().collect();
    if entries.is_empty() {
        out.extend_from_slice(br#","entries":[]"#);
    }
    push_list(&mut out, "entries", &entries, |out, (bundle, edges)| {
        push_text_field(out, "name", bundle);
        if let Some(replaces) = edges.replaces.as_deref().filter(|name| !name.is_empty()) {
            push_text_field(out, "replaces", replaces);
        }
        if !edges.skips.is_empty() {
            out.extend_from_slice(br#","skips":["#);
            // opm joins the names with commas and splits them again.
            for (index, skip) in edges.skips.join(",").split(',').enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                push_string(out, skip);
            }
            out.push(b']');
        }
        if let Some(range) = skip_ranges.get(bundle.as_ref()).filter(|range| !range.is_empty()) {
            push_text_field(out, "skipRange", range);
        }
    });
    out.push(b'}');
    out
}
