//! Makes an `index.db` of schema version 13 of a given size, for measurements and for comparison with opm.
//!
//! `FILE [MEBIBYTES [SEED [wild]]]`: 55 MiB are about 600 bundles in 50 packages, 0 are six packages with small
//! manifests. A wild index also has what indexes collect in years: bundles in two packages, deprecated ones, properties of
//! packages that are gone. The same seed gives the same file.

#![allow(dead_code, missing_docs, unreachable_pub, reason = "tests include this file as a module")]

use std::path::Path;

use fastrand::Rng;
use rusqlite::{Connection, Result, Transaction, params};

/// What to make.
#[derive(Clone, Copy, Debug)]
pub struct Synth {
    pub packages: usize,
    /// Bundles of each package.
    pub bundles: usize,
    /// Bytes of a bundle's manifests, roughly.
    pub manifests: usize,
    pub seed: u64,
    pub wild: bool,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize, default| args.get(index).map_or(Ok(default), |text| text.parse::<u64>());
    let file = args.first().ok_or("FILE [MEBIBYTES [SEED [wild]]]")?;
    let small = Synth::small(number(2, 1)?, args.get(3).is_some_and(|word| word == "wild"));
    let synth = match usize::try_from(number(1, 55)?)? {
        0 => small,
        mebibytes => Synth { packages: mebibytes * 50 / 55 + 1, manifests: 92_000, ..small },
    };
    synth.write(Path::new(file))?;
    Ok(())
}

impl Synth {
    /// An index with small manifests.
    pub fn small(seed: u64, wild: bool) -> Self {
        Synth { packages: 6, bundles: 12, manifests: 2_000, seed, wild }
    }

    /// Writes the database to `path`, where no file may be.
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut conn = Connection::open(path)?;
        conn.execute_batch("PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY")?;
        conn.execute_batch(SCHEMA)?;
        let mut maker = Maker { rng: Rng::with_seed(self.seed), synth: *self, entry: 0, gvks: Vec::new(), bundles: Vec::new() };
        let tx = conn.transaction()?;
        for index in 0..self.packages {
            maker.package(&tx, index)?;
        }
        if self.wild {
            maker.wild(&tx)?;
        }
        tx.commit()?;
        conn.execute_batch("VACUUM")
    }
}

struct Bundle {
    name: String,
    version: String,
    image: String,
    package: String,
}

struct Maker {
    rng: Rng,
    synth: Synth,
    entry: i64,
    gvks: Vec<[String; 3]>,
    bundles: Vec<Bundle>,
}

impl Maker {
    fn package(&mut self, tx: &Transaction<'_>, index: usize) -> Result<()> {
        let package = format!("{}-operator-{index:03}", self.word());
        let gvks: Vec<[String; 3]> =
            (0..3).map(|kind| [format!("{package}.example.com"), "v1".to_owned(), format!("Kind{kind}")]).collect();
        for [group, version, kind] in &gvks {
            tx.execute(
                "INSERT INTO api VALUES (?1, ?2, ?3, ?4)",
                params![group, version, kind, format!("{}s", kind.to_lowercase())],
            )?;
        }
        let names: Vec<Bundle> = (0..self.synth.bundles)
            .map(|number| {
                let version = format!("{}.{}.{}", 1 + number / 5, number % 5, self.rng.u8(..20));
                let digest: String = (0..64).map(|_| self.rng.digit(16)).collect();
                Bundle {
                    name: format!("{package}.v{version}"),
                    image: if number == 0 && index % 7 == 3 {
                        String::new()
                    } else {
                        format!("quay.io/example/{package}-bundle@sha256:{digest}")
                    },
                    package: package.clone(),
                    version,
                }
            })
            .collect();
        for (number, bundle) in names.iter().enumerate() {
            self.bundle(tx, bundle, number, &gvks)?;
        }
        let channels = ["stable", "candidate", "alpha"];
        for (number, channel) in channels.iter().enumerate().take(1 + index % 3) {
            let upto = names.len() - number.min(names.len() - 1);
            tx.execute("INSERT INTO channel VALUES (?1, ?2, ?3)", params![channel, package, names[upto - 1].name])?;
            self.chain(tx, &package, channel, &names[..upto])?;
        }
        tx.execute("INSERT INTO package VALUES (?1, 'stable')", [&package])?;
        self.gvks.extend(gvks);
        self.bundles.extend(names);
        Ok(())
    }

    /// The entries of a channel, from its head down: one for each bundle, and two more for each that is skipped.
    fn chain(&mut self, tx: &Transaction<'_>, package: &str, channel: &str, bundles: &[Bundle]) -> Result<()> {
        let mut rows: Vec<(i64, String, Option<i64>, i64)> = Vec::new();
        let mut depth = 0;
        let mut last: Option<usize> = None;
        let mut number = bundles.len();
        while number > 0 {
            number -= 1;
            let id = self.next();
            if let Some(last) = last {
                rows[last].2 = Some(id);
            }
            last = Some(rows.len());
            let name = bundles[number].name.clone();
            rows.push((id, name.clone(), None, depth));
            while number > 1 && self.rng.u8(..5) == 0 {
                number -= 1;
                depth += 1;
                let (skipped, skipping) = (self.next(), self.next());
                rows.push((skipped, bundles[number].name.clone(), None, depth));
                rows.push((skipping, name.clone(), Some(skipped), depth));
            }
            depth += 1;
        }
        for (id, name, replaces, depth) in rows {
            tx.execute(
                "INSERT INTO channel_entry VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![id, channel, package, name, replaces, depth],
            )?;
        }
        Ok(())
    }

    fn bundle(&mut self, tx: &Transaction<'_>, bundle: &Bundle, number: usize, gvks: &[[String; 3]]) -> Result<()> {
        let csv = self.csv(bundle, gvks);
        let mut manifests = csv.clone();
        for [group, _, kind] in gvks {
            let padding = self.text(self.synth.manifests / 8);
            manifests.push_str(&format!(
                "\n{{\"apiVersion\": \"apiextensions.k8s.io/v1\", \"kind\": \"CustomResourceDefinition\", \"metadata\": {{\"name\": \"{}s.{group}\"}}, \"spec\": {{\"description\": {padding}}}}}",
                kind.to_lowercase()
            ));
        }
        let Bundle { name, version, image, package } = bundle;
        let skip_range = (self.rng.u8(..4) == 0).then(|| format!(">=0.1.0 <{version}"));
        tx.execute(
            "INSERT INTO operatorbundle(name, csv, bundle, bundlepath, skiprange, version, replaces, skips) VALUES (?1, ?2, ?3, ?4, ?5, ?6, '', '')",
            params![name, csv, manifests, image, skip_range, version],
        )?;
        let property = |kind: &str, value: String| {
            tx.execute("INSERT INTO properties VALUES (?1, ?2, ?3, ?4, ?5)", params![kind, value, name, version, image])
        };
        property("olm.package", format!("{{\"packageName\":\"{package}\",\"version\":\"{version}\"}}"))?;
        if self.rng.u8(..3) == 0 {
            property("olm.maxOpenShiftVersion", "\"4.20\"".into())?;
        }
        if self.rng.u8(..9) == 0 {
            property(
                "olm.constraint",
                "{ \"all\": {\"constraints\": [ ]}, \"failureMessage\": \"<needs> & wants\\t \u{2028}\", \"n\": 1.0 }".into(),
            )?;
        }
        for [group, api, kind] in gvks.iter().take(1 + number % 3) {
            property("olm.gvk", format!("{{\"group\":\"{group}\",\"kind\":\"{kind}\",\"version\":\"{api}\"}}"))?;
            tx.execute(
                "INSERT INTO api_provider VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![group, api, kind, name, version, image],
            )?;
        }
        let dependency = |kind: &str, value: String| {
            tx.execute("INSERT INTO dependencies VALUES (?1, ?2, ?3, ?4, ?5)", params![kind, value, name, version, image])
        };
        if !self.gvks.is_empty() && self.rng.u8(..4) == 0 {
            let [group, api, kind] = &self.gvks[self.rng.usize(..self.gvks.len())];
            dependency("olm.gvk", format!("{{\"group\":\"{group}\",\"kind\":\"{kind}\",\"version\":\"{api}\"}}"))?;
            tx.execute(
                "INSERT INTO api_requirer VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![group, api, kind, name, version, image],
            )?;
        }
        if self.rng.u8(..6) == 0 {
            dependency("olm.package", "{\"packageName\":\"other\",\"version\":\">1.0.0\"}".into())?;
        }
        for image in 0..4 {
            tx.execute(
                "INSERT INTO related_image VALUES (?1, ?2)",
                params![format!("quay.io/example/{package}:{version}-{image}"), name],
            )?;
        }
        Ok(())
    }

    fn csv(&mut self, bundle: &Bundle, gvks: &[[String; 3]]) -> String {
        let Bundle { name, version, package, .. } = bundle;
        let examples = self.text(self.synth.manifests / 8);
        let description = self.text(self.synth.manifests / 8);
        let owned: Vec<String> = gvks
            .iter()
            .map(|[group, api, kind]| {
                format!(
                    "{{\"name\":\"{}s.{group}\",\"version\":\"{api}\",\"kind\":\"{kind}\",\"description\":\"The <b>{kind}</b> & more\",\
                    \"resources\":[{{\"kind\":\"Pod\",\"version\":\"v1\",\"name\":\"\"}}],\
                    \"specDescriptors\":[{{\"path\":\"size\",\"x-descriptors\":[\"urn:x\"],\"value\":{{ \"a\" : [1.50, null] }}}}]}}",
                    kind.to_lowercase()
                )
            })
            .collect();
        format!(
            "{{\"apiVersion\":\"operators.coreos.com/v1alpha1\",\"kind\":\"ClusterServiceVersion\",\"metadata\":{{\"name\":\"{name}\",\
            \"annotations\":{{\"zeta\":\"<&>\",\"alm-examples\":{examples},\"createdAt\":\"2026-01-01\"}},\"labels\":{{\"b\":\"1\",\"a\":\"2\"}}}},\
            \"spec\":{{\"displayName\":\"{package}\",\"version\":\"{version}\",\"description\":{description},\
            \"icon\":[{{\"base64data\":\"PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciLz4=\",\"mediatype\":\"image/svg+xml\"}}],\
            \"customresourcedefinitions\":{{\"owned\":[{}]}},\
            \"installModes\":[{{\"type\":\"AllNamespaces\",\"supported\":true}},{{\"type\":\"OwnNamespace\",\"supported\":false}}],\
            \"keywords\":[\"example\",\"\\u2028\"],\"links\":[{{\"name\":\"Docs\",\"url\":\"https://example.com\"}}],\
            \"maintainers\":[{{\"name\":\"We\",\"email\":\"we@example.com\"}}],\"maturity\":\"stable\",\"minKubeVersion\":\"1.25.0\",\
            \"provider\":{{\"name\":\"Example\"}},\"install\":{{\"strategy\":\"deployment\"}},\
            \"relatedImages\":[{{\"name\":\"operand\",\"image\":\"quay.io/example/{package}:{version}-1\"}}]}}}}",
            owned.join(",")
        )
    }

    /// What years leave behind.
    fn wild(&mut self, tx: &Transaction<'_>) -> Result<()> {
        let count = self.bundles.len();
        for number in 0..count / 10 {
            let mut chosen = self.rng.usize(..count);
            if number % 2 == 0 && self.rng.u8(..8) > 0 {
                // The head of a package: nothing points at its entries, so that it can be removed without them.
                chosen -= chosen % self.synth.bundles;
                chosen += self.synth.bundles - 1;
            }
            let Bundle { name, version, image, package } = &self.bundles[chosen];
            let of = |sql: &str, first: &str| tx.execute(sql, params![first, name, version, image]);
            match number % 4 {
                // In a channel of a package that is not its own. Nothing else points at the entry.
                0 => {
                    let other = &self.bundles[self.rng.usize(..count)].package;
                    self.entry += 1;
                    tx.execute(
                        "INSERT INTO channel_entry VALUES (?1, 'stable', ?2, ?3, NULL, 3)",
                        params![self.entry, other, name],
                    )?;
                }
                1 => {
                    tx.execute("INSERT OR REPLACE INTO deprecated VALUES (?1)", [name])?;
                    of("INSERT INTO properties VALUES ('olm.deprecated', ?1, ?2, ?3, ?4)", "{}")?;
                }
                2 => {
                    of(
                        "INSERT INTO properties VALUES ('olm.package', ?1, ?2, ?3, ?4)",
                        "{\"packageName\":\"gone\",\"version\":\"1.0.0\"}",
                    )?;
                }
                _ => {
                    // A bundle that lost its entries and stays because it is deprecated.
                    let lost = format!("{name}-lost");
                    tx.execute(
                        "INSERT OR IGNORE INTO operatorbundle(name, version, bundlepath) VALUES (?1, ?2, ?3)",
                        params![lost, version, image],
                    )?;
                    tx.execute("INSERT OR REPLACE INTO deprecated VALUES (?1)", [&lost])?;
                    let value = format!("{{\"packageName\":\"{package}\",\"version\":\"{version}\"}}");
                    tx.execute(
                        "INSERT INTO properties VALUES ('olm.package', ?1, ?2, ?3, ?4)",
                        params![value, lost, version, image],
                    )?;
                }
            }
        }
        Ok(())
    }

    fn next(&mut self) -> i64 {
        self.entry += 1;
        self.entry
    }

    fn word(&mut self) -> String {
        (0..5).map(|_| self.rng.lowercase()).collect()
    }

    /// A JSON string of about `length` bytes.
    fn text(&mut self, length: usize) -> String {
        let mut text = String::from("\"");
        while text.len() < length {
            text.push_str(&self.word());
            text.push_str([" ", "\\n", " <", " & ", " é", "\\\""][self.rng.usize(..6)]);
        }
        text.push('"');
        text
    }
}

/// The tables, triggers and index of schema version 13.
const SCHEMA: &str = "
CREATE TABLE schema_migrations (version bigint NOT NULL, timestamp DATETIME DEFAULT CURRENT_TIMESTAMP);
INSERT INTO schema_migrations VALUES (13, '2026-01-01 00:00:00');
CREATE TABLE operatorbundle (name TEXT PRIMARY KEY, csv TEXT, bundle TEXT, bundlepath TEXT, skiprange TEXT, version TEXT, replaces TEXT, skips TEXT, substitutesfor TEXT);
CREATE UNIQUE INDEX pk ON operatorbundle(name, version, bundlepath);
CREATE TABLE package (name TEXT PRIMARY KEY, default_channel TEXT, FOREIGN KEY(name, default_channel) REFERENCES channel(package_name, name) ON DELETE CASCADE);
CREATE TABLE channel (name TEXT, package_name TEXT, head_operatorbundle_name TEXT, PRIMARY KEY(name, package_name),
    FOREIGN KEY(head_operatorbundle_name) REFERENCES operatorbundle(name) ON DELETE CASCADE);
CREATE TABLE channel_entry (entry_id INTEGER PRIMARY KEY, channel_name TEXT, package_name TEXT, operatorbundle_name TEXT, replaces INTEGER, depth INTEGER,
    FOREIGN KEY(replaces) REFERENCES channel_entry(entry_id) DEFERRABLE INITIALLY DEFERRED,
    FOREIGN KEY(channel_name, package_name) REFERENCES channel(name, package_name) ON DELETE CASCADE);
CREATE TABLE api (group_name TEXT, version TEXT, kind TEXT, plural TEXT NOT NULL, PRIMARY KEY(group_name, version, kind));
CREATE TABLE related_image (image TEXT, operatorbundle_name TEXT, FOREIGN KEY(operatorbundle_name) REFERENCES operatorbundle(name) ON DELETE CASCADE);
CREATE TABLE api_provider (group_name TEXT, version TEXT, kind TEXT, operatorbundle_name TEXT, operatorbundle_version TEXT, operatorbundle_path TEXT,
    FOREIGN KEY(operatorbundle_name, operatorbundle_version, operatorbundle_path) REFERENCES operatorbundle(name, version, bundlepath) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    FOREIGN KEY(group_name, version, kind) REFERENCES api(group_name, version, kind) ON DELETE CASCADE);
CREATE TABLE api_requirer (group_name TEXT, version TEXT, kind TEXT, operatorbundle_name TEXT, operatorbundle_version TEXT, operatorbundle_path TEXT,
    FOREIGN KEY(operatorbundle_name, operatorbundle_version, operatorbundle_path) REFERENCES operatorbundle(name, version, bundlepath) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    FOREIGN KEY(group_name, version, kind) REFERENCES api(group_name, version, kind) ON DELETE CASCADE);
CREATE TABLE dependencies (type TEXT, value TEXT, operatorbundle_name TEXT, operatorbundle_version TEXT, operatorbundle_path TEXT,
    FOREIGN KEY(operatorbundle_name, operatorbundle_version, operatorbundle_path) REFERENCES operatorbundle(name, version, bundlepath) ON DELETE CASCADE);
CREATE TABLE properties (type TEXT, value TEXT, operatorbundle_name TEXT, operatorbundle_version TEXT, operatorbundle_path TEXT,
    FOREIGN KEY(operatorbundle_name, operatorbundle_version, operatorbundle_path) REFERENCES operatorbundle(name, version, bundlepath) ON DELETE CASCADE);
CREATE TABLE deprecated (operatorbundle_name TEXT PRIMARY KEY);
CREATE TRIGGER api_provider_cleanup AFTER DELETE ON api_provider
WHEN NOT EXISTS (SELECT 1 FROM api_provider JOIN api_requirer WHERE
    (api_provider.group_name = OLD.group_name AND api_provider.version = OLD.version AND api_provider.kind = OLD.kind) OR
    (api_requirer.group_name = OLD.group_name AND api_requirer.version = OLD.version AND api_requirer.kind = OLD.kind))
BEGIN DELETE FROM api WHERE group_name = OLD.group_name AND version = OLD.version AND kind = OLD.kind; END;
CREATE TRIGGER api_requirer_cleanup AFTER DELETE ON api_requirer
WHEN NOT EXISTS (SELECT 1 FROM api_provider JOIN api_requirer WHERE
    (api_provider.group_name = OLD.group_name AND api_provider.version = OLD.version AND api_provider.kind = OLD.kind) OR
    (api_requirer.group_name = OLD.group_name AND api_requirer.version = OLD.version AND api_requirer.kind = OLD.kind))
BEGIN DELETE FROM api WHERE group_name = OLD.group_name AND version = OLD.version AND kind = OLD.kind; END;
";
