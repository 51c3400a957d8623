//! What the tests share: goldens, dumps and digests of databases and directories.
#![allow(dead_code, unreachable_pub, reason = "each test uses some of it")]
#![allow(clippy::unwrap_used, reason = "it is a test")]

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::types::ValueRef;

#[path = "../../examples/synth-index-db.rs"]
pub mod synth;

/// A file or directory of the data shared beside the repository.
#[track_caller]
pub fn golden(name: &str) -> PathBuf {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/index-db")).join(name);
    assert!(path.exists(), "the test data {} is missing: it belongs beside the repository, in ../shared/data", path.display());
    path
}

/// A writable copy of `original`, named index.db, in a directory of its own.
pub fn copy_of(original: &Path) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("index.db");
    fs::write(&path, fs::read(original).unwrap()).unwrap();
    (dir, path)
}

/// All rows as `.dump` of sqlite3 writes them, sorted, without the row of schema_migrations (it holds the time).
pub fn rows(db: &Path) -> Vec<String> {
    let conn = Connection::open(db).unwrap();
    let mut lines = Vec::new();
    for table in column(&conn, "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'schema_migrations'") {
        let mut statement = conn.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let width = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let values: Vec<String> = (0..width).map(|index| literal(row.get_ref(index).unwrap())).collect();
            lines.push(format!("INSERT INTO {table} VALUES({});", values.join(",")));
        }
    }
    lines.sort();
    lines
}

/// The words of all CREATE statements, sorted: what the schema is, however it is laid out.
pub fn schema_words<'a>(sql: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let split = |c: char| !(c.is_alphanumeric() || "_.=<>".contains(c));
    let mut words: Vec<String> =
        sql.into_iter().flat_map(|line| line.split(split)).filter(|word| !word.is_empty()).map(str::to_owned).collect();
    words.sort();
    words
}

pub fn column(conn: &Connection, sql: &str) -> Vec<String> {
    let mut statement = conn.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

fn literal(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".into(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Blob(bytes) => format!("X'{}'", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
        ValueRef::Text(bytes) => {
            let quoted = format!("'{}'", String::from_utf8_lossy(bytes).replace('\'', "''"));
            if quoted.contains('\n') { format!("replace({},'\\n',char(10))", quoted.replace('\n', "\\n")) } else { quoted }
        }
    }
}

/// FNV-1a over lines: short enough to stand in a test, and the same everywhere.
pub fn digest<T: AsRef<[u8]>>(lines: impl IntoIterator<Item = T>) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for line in lines {
        for byte in line.as_ref().iter().chain(b"\n") {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    format!("{hash:016x}")
}

/// The files below `dir`: paths and contents, sorted.
pub fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut waiting = vec![dir.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                found.push((path.strip_prefix(dir).unwrap().display().to_string(), fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// The names in `dir`, sorted.
pub fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
