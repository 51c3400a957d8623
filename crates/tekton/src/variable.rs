//! Variables, `$(params.x)` and the like, parsed into types: nothing looks for one by a search in strings.
//!
//! ```
//! use tekton::variable::{Access, Variable, references};
//! let text = "--tags=$(params.tags[*]) $(tasks.build.results.IMAGE_URL) $(date)";
//! let found: Vec<_> = references(text).map(|reference| reference.variable).collect();
//! assert_eq!(
//!     found,
//!     [
//!         Variable::Param { name: "tags", access: Access::All },
//!         Variable::TaskResult { task: "build", result: "IMAGE_URL", access: Access::Whole },
//!         Variable::Other("date"),
//!     ]
//! );
//! ```

use std::fmt;
use std::ops::Range;

/// A `$(…)` in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference<'t> {
    /// Where it stands, in bytes: from the `$` to behind the `)`.
    pub range: Range<usize>,
    /// What it refers to.
    pub variable: Variable<'t>,
}

/// What a `$(…)` refers to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Variable<'t> {
    /// `params.NAME`, `params["NAME"]`, `params['NAME']`.
    ///
    /// With dots in it a name can only be told from an object's key by the declarations: `params.a.b` is the key `b` of
    /// `a` here.
    Param {
        /// The parameter.
        name: &'t str,
        /// Which part of its value.
        access: Access<'t>,
    },
    /// `tasks.TASK.results.RESULT`, in `results` of a Pipeline also `finally.TASK.results.RESULT`.
    TaskResult {
        /// The task of the Pipeline.
        task: &'t str,
        /// Its result.
        result: &'t str,
        /// Which part of its value.
        access: Access<'t>,
    },
    /// `finally.TASK.results.RESULT`.
    FinallyResult {
        /// The task of the Pipeline.
        task: &'t str,
        /// Its result.
        result: &'t str,
        /// Which part of its value.
        access: Access<'t>,
    },
    /// `tasks.TASK.status`: how a task ended.
    TaskStatus(&'t str),
    /// `tasks.TASK.reason`: why it ended so.
    TaskReason(&'t str),
    /// `tasks.status`: how all tasks ended.
    Status,
    /// `tasks.TASK.matrix.length`, `tasks.TASK.matrix.RESULT.length`.
    MatrixLength {
        /// The task of the Pipeline.
        task: &'t str,
        /// Its result, if it is the number of those that is meant.
        result: Option<&'t str>,
    },
    /// `tasks.TASK.inputs.NAME`, `tasks.TASK.outputs.NAME`: artifacts.
    TaskArtifact {
        /// The task of the Pipeline.
        task: &'t str,
    },
    /// `workspaces.NAME.FIELD`.
    Workspace {
        /// The workspace.
        name: &'t str,
        /// What of it.
        field: WorkspaceField,
    },
    /// `results.NAME.path`: the file of a Task's result.
    ResultPath(&'t str),
    /// `step.results.NAME.path`: the file of a step's own result.
    StepResultPath(&'t str),
    /// `steps.STEP.results.RESULT`.
    StepResult {
        /// The step.
        step: &'t str,
        /// Its result.
        result: &'t str,
        /// Which part of its value.
        access: Access<'t>,
    },
    /// `steps.step-STEP.exitCode.path`: the file of a step's exit code. The name is the container's, with `step-`.
    ExitCodePath(&'t str),
    /// `steps.STEP.inputs.NAME`, `steps.STEP.outputs.NAME`: artifacts.
    StepArtifact {
        /// The step.
        step: &'t str,
    },
    /// `artifacts.path`, `step.artifacts.path`: the file for artifacts.
    ArtifactsPath,
    /// `context.OBJECT.FIELD`.
    Context {
        /// `pipelineRun`, `pipeline`, `pipelineTask`, `taskRun`, `task`.
        object: &'t str,
        /// `name`, `uid`, …
        field: &'t str,
    },
    /// `credentials.path`: the directory of Tekton's credentials.
    CredentialsPath,
    /// Anything else: a command substitution of a shell, an environment variable, a mistake.
    Other(&'t str),
}

/// What of a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WorkspaceField {
    /// Where it is; empty when it is not bound.
    Path,
    /// `true` or `false`.
    Bound,
    /// The claim behind it.
    Claim,
    /// The pod's volume.
    Volume,
    /// Nothing that there is.
    Unknown,
}

/// Which part of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access<'t> {
    /// All of a string.
    Whole,
    /// All of an array or object: `[*]`.
    All,
    /// One element of an array: `[0]`.
    At(usize),
    /// One value of an object: `.key`. What has dots in it refers to nothing.
    Key(&'t str),
}

/// Every `$(…)` in `text`, in order.
pub fn references(text: &str) -> References<'_> {
    References { text, at: 0 }
}

/// The variable, if `text` is one reference and nothing else.
pub fn isolated(text: &str) -> Option<Variable<'_>> {
    let only = references(text).next()?;
    (only.range == (0..text.len())).then_some(only.variable)
}

/// Iterator over the references in a text: [`references`].
#[derive(Clone, Debug)]
pub struct References<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Iterator for References<'t> {
    type Item = Reference<'t>;

    fn next(&mut self) -> Option<Reference<'t>> {
        loop {
            let start = self.at + self.text.get(self.at..)?.find("$(")?;
            let body = &self.text[start + 2..];
            let end = body.find([')', '\n'])?;
            // What is nested is a reference, what is around it is not.
            let nested = body[..end].rfind("$(");
            if nested.is_some() || body.as_bytes()[end] == b'\n' {
                self.at = start + 2 + nested.unwrap_or(end);
                continue;
            }
            self.at = start + 2 + end + 1;
            return Some(Reference { range: start..self.at, variable: Variable::parse(&body[..end]) });
        }
    }
}

// === impl Variable ===

impl<'t> Variable<'t> {
    /// Parses what stands between `$(` and `)`.
    pub fn parse(body: &'t str) -> Self {
        parse(body).unwrap_or(Variable::Other(body))
    }

    /// The task of the Pipeline whose outcome this is, if that makes whoever uses it wait for the task.
    pub fn awaited_task(&self) -> Option<&'t str> {
        match self {
            Variable::TaskResult { task, .. } | Variable::TaskArtifact { task } | Variable::MatrixLength { task, .. } => {
                Some(task)
            }
            _ => None,
        }
    }
}

fn parse(body: &str) -> Option<Variable<'_>> {
    let (root, rest) = body.split_at(body.find(['.', '['])?);
    match root {
        "params" => {
            let (name, rest) = member(rest)?;
            let access = access(rest)?;
            Some(Variable::Param { name, access })
        }
        "workspaces" => {
            let (name, rest) = member(rest)?;
            let field = match rest.strip_prefix('.')? {
                "path" => WorkspaceField::Path,
                "bound" => WorkspaceField::Bound,
                "claim" => WorkspaceField::Claim,
                "volume" => WorkspaceField::Volume,
                _ => WorkspaceField::Unknown,
            };
            Some(Variable::Workspace { name, field })
        }
        "results" => {
            let (name, rest) = dotted(rest, ".path")?;
            rest.is_empty().then_some(Variable::ResultPath(name))
        }
        "step" if rest == ".artifacts.path" => Some(Variable::ArtifactsPath),
        "step" => {
            let (name, rest) = dotted(rest.strip_prefix(".results")?, ".path")?;
            rest.is_empty().then_some(Variable::StepResultPath(name))
        }
        "artifacts" if rest == ".path" => Some(Variable::ArtifactsPath),
        "credentials" if rest == ".path" => Some(Variable::CredentialsPath),
        "context" => {
            let (object, field) = rest.strip_prefix('.')?.split_once('.')?;
            Some(Variable::Context { object, field })
        }
        "tasks" if rest == ".status" => Some(Variable::Status),
        "tasks" => {
            let (task, rest) = member(rest)?;
            match rest {
                ".status" => return Some(Variable::TaskStatus(task)),
                ".reason" => return Some(Variable::TaskReason(task)),
                ".matrix.length" => return Some(Variable::MatrixLength { task, result: None }),
                _ => {}
            }
            if rest.starts_with(".inputs") || rest.starts_with(".outputs") {
                return Some(Variable::TaskArtifact { task });
            }
            if let Some(result) = rest.strip_prefix(".matrix.").and_then(|rest| rest.strip_suffix(".length")) {
                return Some(Variable::MatrixLength { task, result: Some(result) });
            }
            let (result, rest) = member(rest.strip_prefix(".results")?)?;
            Some(Variable::TaskResult { task, result, access: access(rest)? })
        }
        "finally" => {
            let (task, rest) = member(rest)?;
            let (result, rest) = member(rest.strip_prefix(".results")?)?;
            Some(Variable::FinallyResult { task, result, access: access(rest)? })
        }
        "steps" => {
            let (step, rest) = member(rest)?;
            if rest == ".exitCode.path" {
                return Some(Variable::ExitCodePath(step));
            }
            if rest.starts_with(".inputs") || rest.starts_with(".outputs") {
                return Some(Variable::StepArtifact { step });
            }
            let (result, rest) = member(rest.strip_prefix(".results")?)?;
            Some(Variable::StepResult { step, result, access: access(rest)? })
        }
        _ => None,
    }
}

/// A name behind `.` or in brackets and quotes, and what follows it.
fn member(text: &str) -> Option<(&str, &str)> {
    if let Some(name) = text.strip_prefix('.') {
        let end = name.find(|c: char| !is_word(c)).unwrap_or(name.len());
        return (end > 0).then(|| name.split_at(end));
    }
    quoted(text)
}

/// As [`member`], for a name that may have dots and is followed by `suffix`.
fn dotted<'t>(text: &'t str, suffix: &str) -> Option<(&'t str, &'t str)> {
    match text.strip_prefix('.') {
        Some(name) => {
            let name = name.strip_suffix(suffix)?;
            (!name.is_empty() && name.chars().all(|c| is_word(c) || c == '.')).then_some((name, ""))
        }
        None => quoted(text).and_then(|(name, rest)| Some((name, rest.strip_prefix(suffix)?))),
    }
}

fn quoted(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('[')?;
    let quote = inner.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (name, rest) = inner[1..].split_once(quote)?;
    let rest = rest.strip_prefix(']')?;
    (!name.is_empty()).then_some((name, rest))
}

fn access(text: &str) -> Option<Access<'_>> {
    match text {
        "" => Some(Access::Whole),
        "[*]" => Some(Access::All),
        _ => match text.strip_prefix('.') {
            Some(key) => (!key.is_empty()).then_some(Access::Key(key)),
            None => {
                let digits = text.strip_prefix('[')?.strip_suffix(']')?;
                let is_number = digits.bytes().all(|b| b.is_ascii_digit());
                // An index that is too large for a number is too large for any list.
                is_number.then(|| Access::At(digits.parse().unwrap_or(usize::MAX))).filter(|_| !digits.is_empty())
            }
        },
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

impl fmt::Display for WorkspaceField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WorkspaceField::Path => "path",
            WorkspaceField::Bound => "bound",
            WorkspaceField::Claim => "claim",
            WorkspaceField::Volume => "volume",
            WorkspaceField::Unknown => "unknown",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_notation() {
        let shown: Vec<_> = [
            "params.a",
            "params.a-b_c",
            r#"params["a.b"]"#,
            "params['a.b'][*]",
            "params.a[*]",
            "params.a[12]",
            "params.a.key",
            "params.a.b.c",
            "params.",
            "params",
            "params.a[x]",
            "tasks.t.results.r",
            "tasks.t.results.r[*]",
            "tasks.t.results.r[0]",
            "tasks.t.results.r.key",
            "tasks.t.results['a.b']",
            "finally.t.results.r",
            "tasks.t.status",
            "tasks.t.reason",
            "tasks.status",
            "tasks.t.matrix.length",
            "tasks.t.matrix.r.length",
            "tasks.t.outputs.image",
            "workspaces.w.path",
            "workspaces.w.bond",
            r#"workspaces["a.b"].claim"#,
            "results.R.path",
            "results.a.b.path",
            "results['a.b'].path",
            "step.results.r.path",
            "steps.s.results.r.k",
            "steps.step-s.exitCode.path",
            "context.taskRun.name",
            "credentials.path",
            "date +%s",
        ]
        .map(|body| format!("{body}: {:?}", Variable::parse(body)))
        .into();
        insta::assert_snapshot!(shown.join("\n"), @r#"
        params.a: Param { name: "a", access: Whole }
        params.a-b_c: Param { name: "a-b_c", access: Whole }
        params["a.b"]: Param { name: "a.b", access: Whole }
        params['a.b'][*]: Param { name: "a.b", access: All }
        params.a[*]: Param { name: "a", access: All }
        params.a[12]: Param { name: "a", access: At(12) }
        params.a.key: Param { name: "a", access: Key("key") }
        params.a.b.c: Param { name: "a", access: Key("b.c") }
        params.: Other("params.")
        params: Other("params")
        params.a[x]: Other("params.a[x]")
        tasks.t.results.r: TaskResult { task: "t", result: "r", access: Whole }
        tasks.t.results.r[*]: TaskResult { task: "t", result: "r", access: All }
        tasks.t.results.r[0]: TaskResult { task: "t", result: "r", access: At(0) }
        tasks.t.results.r.key: TaskResult { task: "t", result: "r", access: Key("key") }
        tasks.t.results['a.b']: TaskResult { task: "t", result: "a.b", access: Whole }
        finally.t.results.r: FinallyResult { task: "t", result: "r", access: Whole }
        tasks.t.status: TaskStatus("t")
        tasks.t.reason: TaskReason("t")
        tasks.status: Status
        tasks.t.matrix.length: MatrixLength { task: "t", result: None }
        tasks.t.matrix.r.length: MatrixLength { task: "t", result: Some("r") }
        tasks.t.outputs.image: TaskArtifact { task: "t" }
        workspaces.w.path: Workspace { name: "w", field: Path }
        workspaces.w.bond: Workspace { name: "w", field: Unknown }
        workspaces["a.b"].claim: Workspace { name: "a.b", field: Claim }
        results.R.path: ResultPath("R")
        results.a.b.path: ResultPath("a.b")
        results['a.b'].path: ResultPath("a.b")
        step.results.r.path: StepResultPath("r")
        steps.s.results.r.k: StepResult { step: "s", result: "r", access: Key("k") }
        steps.step-s.exitCode.path: ExitCodePath("step-s")
        context.taskRun.name: Context { object: "taskRun", field: "name" }
        credentials.path: CredentialsPath
        date +%s: Other("date +%s")
        "#);
    }

    #[test]
    fn references_stand_where_they_stand() {
        let found = |text: &str| references(text).map(|r| text[r.range].to_owned()).collect::<Vec<_>>();
        assert_eq!(found("a $(params.x)$(params.y) b"), ["$(params.x)", "$(params.y)"]);
        assert_eq!(found("$$(params.x) $(params.x"), ["$(params.x)"]);
        assert_eq!(found("ä$(params.ä) $("), ["$(params.ä)"]);
        assert_eq!(found("$(echo $(params.x))"), ["$(params.x)"]);
        assert_eq!(found("$(if\n$(params.x)"), ["$(params.x)"]);
        assert!(found("").is_empty());
        assert_eq!(isolated("$(params.x)"), Some(Variable::Param { name: "x", access: Access::Whole }));
        assert_eq!(isolated("$(params.x) "), None);
    }
}
