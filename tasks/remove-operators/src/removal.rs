//! The change that removing operators makes, planned and proven before anything is written.

use std::collections::BTreeSet;
use std::path::Path;

use fbc::{Edit, PackageName, Tree};
use index_db::{IndexDb, Level, Staged};
use step::{Cancel, Error, Kind, Progress, Result, Unit};

use crate::Params;

/// A planned removal. Dropping it leaves everything as it was.
pub(crate) struct Removal<'t> {
    /// What happens to the catalog.
    pub(crate) edit: Edit<'t>,
    /// The database without the operators, beside the original; `None` when none of them is in it.
    pub(crate) database: Option<Staged>,
    /// The operators that were found.
    pub(crate) removed: BTreeSet<PackageName>,
}

impl<'t> Removal<'t> {
    /// Plans the removal from the catalog `tree` and the database at `index_db`.
    pub(crate) fn plan(params: &Params, tree: &'t Tree, index_db: Option<&Path>, cancel: &Cancel) -> Result<Self> {
        let operators = params.operators();
        let mut edit = Edit::new(tree);
        let mut removed = edit.remove_packages(&operators, cancel)?;
        let mut database = None;
        if let Some(path) = index_db {
            let known = IndexDb::open(path)?.packages()?;
            let present: BTreeSet<PackageName> = operators.iter().filter(|name| known.contains(name.as_str())).cloned().collect();
            if !present.is_empty() {
                let _shown = Progress::start("removing operators from the index database", 0, Unit::Items);
                let staged = index_db::remove_packages(path, &present, cancel)?;
                let level = Level::for_opm(params.opm_version);
                index_db::migrate(&staged.path(), level, params.opm_version, cancel, |package, catalog| {
                    if edit.put_package(&package, &catalog, cancel)? {
                        tracing::info!(%package, "the catalog gets what the index database says");
                    }
                    Ok(())
                })?;
                removed.extend(present);
                database = Some(staged);
            }
        }
        let removal = Removal { edit, database, removed };
        let missing = removal.not_found(&operators);
        if params.fail_if_missing && !missing.is_empty() {
            let names: Vec<&str> = missing.iter().map(PackageName::as_str).collect();
            return Err(Error::not_found(format!("no such operator in the catalog or the index database: {}", names.join(", ")))
                .hint("check the names, or set fail-if-missing to false"));
        }
        if params.validate {
            removal.validate(params, tree, cancel)?;
        }
        Ok(removal)
    }

    /// The operators that were found nowhere.
    pub(crate) fn not_found(&self, operators: &BTreeSet<PackageName>) -> Vec<PackageName> {
        operators.difference(&self.removed).cloned().collect()
    }

    /// Whether anything has to be written.
    pub(crate) fn is_needed(&self) -> bool {
        self.database.is_some() || !self.edit.is_empty()
    }

    /// The catalog after the edit must be valid. If it is not, it matters to the reader whether it was before.
    fn validate(&self, params: &Params, before: &Tree, cancel: &Cancel) -> Result<()> {
        let _shown = Progress::start("validating the catalog", 0, Unit::Items);
        let opm = params.opm_version;
        let verdict = fbc::validate(&self.edit.tree(), opm, cancel)?;
        if verdict.is_valid() {
            return Ok(());
        }
        let was_valid = fbc::validate(before, opm, cancel)?.is_valid();
        let (message, hint) = if was_valid {
            ("without these operators the catalog would not be valid", "remove what depends on them too")
        } else {
            ("the catalog is not valid, and was not before", "mend what is listed above first, or set validate to false")
        };
        Err(Error::new(Kind::BadInput, format!("{message} (opm {opm})")).details(verdict.to_string()).hint(hint))
    }
}
