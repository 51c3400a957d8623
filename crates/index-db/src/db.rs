//! A connection to an index database, with errors that name the file, what is wrong and the way out.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags, Params, Row, ffi};
use step::{Cancel, Error, Kind, Result};

use crate::header::{self, PULL_AGAIN, malformed};
use crate::schema;

/// How long another program may hold its lock. Readers of an index are quick; a writer is a conflict.
const PATIENCE: Duration = Duration::from_secs(2);

/// Instructions of SQLite's virtual machine between two looks at the cancel flag: well under a millisecond.
const INSTRUCTIONS: i32 = 10_000;

/// An open index database.
#[derive(Debug)]
pub(crate) struct Db {
    pub(crate) conn: Connection,
    path: PathBuf,
}

impl Db {
    /// Opens `path` for reading; nothing is written to it or beside it.
    pub(crate) fn read(path: &Path, cancel: &Cancel) -> Result<Db> {
        let header = header::check(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = if header.wal {
            // Without `immutable` SQLite makes the log and its index beside the file; there is no log, see `check`.
            Connection::open_with_flags(immutable_uri(path), flags | OpenFlags::SQLITE_OPEN_URI)
        } else {
            Connection::open_with_flags(path, flags)
        };
        Db::configured(conn, path, cancel)
    }

    /// Opens `path`, a copy of ours of `original`, for writing. A crash may leave it broken: nothing is synced.
    pub(crate) fn scratch(path: &Path, original: &Path, cancel: &Cancel) -> Result<Db> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Db::configured(Connection::open_with_flags(path, flags), original, cancel)?;
        db.script("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")?;
        Ok(db)
    }

    /// A private copy of this database, which goes when it is closed. SQLite keeps it in memory while it is small and
    /// in a nameless file in its temporary directory otherwise.
    pub(crate) fn private_copy(&self, cancel: &Cancel) -> Result<Db> {
        let mut copy = Db::configured(Connection::open(""), &self.path, cancel)?;
        let copied = Backup::new(&self.conn, &mut copy.conn).and_then(|backup| {
            loop {
                match backup.step(4096)? {
                    StepResult::More if !cancel.is_cancelled() => {}
                    last => return Ok(last),
                }
            }
        });
        let copied = copied.map_err(|e| self.error(e))?;
        cancel.check()?;
        if copied != StepResult::Done {
            let busy = ffi::Error::new(ffi::SQLITE_BUSY);
            return Err(self.error(rusqlite::Error::SqliteFailure(busy, None)));
        }
        Ok(copy)
    }

    fn configured(conn: rusqlite::Result<Connection>, path: &Path, cancel: &Cancel) -> Result<Db> {
        let conn = conn.map_err(|e| explain(path, e))?;
        let mut db = Db { conn, path: path.to_owned() };
        let cancel = cancel.clone();
        let configured = db.conn.busy_timeout(PATIENCE).and_then(|()| {
            db.conn.progress_handler(INSTRUCTIONS, Some(move || cancel.is_cancelled()))?;
            // Sorting happens in memory: the temporary directory of a step may be read-only, and rows here are small.
            // Views and triggers are the file's own: they may call nothing that has effects outside of it.
            db.conn.execute_batch("PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON")
        });
        configured.map_err(|e| db.error(e))?;
        Ok(db)
    }

    /// The file, for messages.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs statements that answer nothing.
    pub(crate) fn script(&self, sql: &str) -> Result<()> {
        self.conn.execute_batch(sql).map_err(|e| self.error(e))
    }

    /// Runs one statement, and gives the number of rows that it changed itself.
    pub(crate) fn execute(&self, sql: &str, params: impl Params) -> Result<usize> {
        self.conn.prepare_cached(sql).and_then(|mut statement| statement.execute(params)).map_err(|e| self.error(e))
    }

    /// Calls `row` for each row that `sql` answers.
    pub(crate) fn each(
        &self,
        sql: &str,
        params: impl Params,
        mut row: impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
    ) -> Result<()> {
        let all = || {
            let mut statement = self.conn.prepare_cached(sql)?;
            let mut rows = statement.query(params)?;
            while let Some(next) = rows.next()? {
                row(next)?;
            }
            Ok(())
        };
        all().map_err(|e| self.error(e))
    }

    /// All rows that `sql` answers.
    pub(crate) fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let mut all = Vec::new();
        self.each(sql, params, |row| {
            all.push(read(row)?);
            Ok(())
        })?;
        Ok(all)
    }

    /// The version of the schema, 0 to [`schema::NEWEST`].
    pub(crate) fn schema_version(&self) -> Result<u32> {
        schema::version(self)
    }

    /// What is wrong with the data, naming the file.
    pub(crate) fn bad(&self, what: impl std::fmt::Display) -> Error {
        Error::bad_input(format!("{}: {what}", self.path.display()))
    }

    /// SQLite's error as ours.
    pub(crate) fn error(&self, error: rusqlite::Error) -> Error {
        explain(&self.path, error)
    }
}

/// The text of column `index`, also where a blob or a number stands in its place, as Go's `sql.NullString` reads it.
/// Bytes that are not UTF-8 become U+FFFD.
pub(crate) fn text(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<String>> {
    Ok(match row.get_ref(index)? {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
    })
}

/// The number in column `index`; none where something else stands there.
pub(crate) fn number(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<i64>> {
    Ok(match row.get_ref(index)? {
        ValueRef::Integer(number) => Some(number),
        _ => None,
    })
}

/// SQLite's answers by what the reader can do about them. Its own text is the cause where it says more than the code.
fn explain(path: &Path, error: rusqlite::Error) -> Error {
    let shown = path.display();
    let (code, extended, said) = match error {
        rusqlite::Error::SqliteFailure(failure, said) => (failure.code, failure.extended_code, said),
        rusqlite::Error::SqlInputError { error, msg, .. } => (error.code, error.extended_code, Some(msg)),
        other => return Error::bad_input(format!("{shown}: a row of it cannot be read")).because(other).hint(PULL_AGAIN),
    };
    let said = said.unwrap_or_else(|| ffi::code_to_str(extended).to_owned());
    match code {
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => malformed(path, "a page of it is damaged"),
        ErrorCode::SystemIoFailure if extended == ffi::SQLITE_IOERR_SHORT_READ => malformed(path, "its end is missing"),
        ErrorCode::SystemIoFailure if extended == ffi::SQLITE_IOERR_GETTEMPPATH => {
            Error::internal(format!("no directory for a temporary copy of {shown}, which its old schema needs"))
                .hint("set TMPDIR to a directory that can be written, with as much free space as the file has bytes")
        }
        ErrorCode::OperationInterrupted => Error::new(Kind::Cancelled, "cancelled").hint("run it again to finish the work"),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            Error::new(Kind::Conflict, format!("{shown} is locked by another program"))
                .hint("let that program finish, then run again")
        }
        ErrorCode::ReadOnly
        | ErrorCode::CannotOpen
        | ErrorCode::PermissionDenied
        | ErrorCode::AuthorizationForStatementDenied => Error::new(Kind::Unauthorized, format!("cannot open {shown}"))
            .because(said)
            .hint("give this user read and write access to it and to its directory"),
        ErrorCode::DiskFull => Error::internal(format!("no space left for a copy of {shown}")).hint(
            "removing packages needs free space of twice the file's size beside it, migrating an old schema once in TMPDIR",
        ),
        ErrorCode::ConstraintViolation => Error::bad_input(format!("{shown}: its rows contradict each other"))
            .because(said)
            .hint("look for them with `sqlite3 FILE 'pragma foreign_key_check'`"),
        ErrorCode::Unknown => Error::bad_input(format!("{shown} is not an operator index")).because(said).hint(PULL_AGAIN),
        _ => Error::internal(format!("cannot work on {shown}")).because(said),
    }
}

fn immutable_uri(path: &Path) -> String {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => uri.push(char::from(*byte)),
            byte => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    uri
}
