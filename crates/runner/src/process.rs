//! One process with everything it starts: a process group that is stopped as a whole and leaves nothing behind.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use step::{Error, Result};

use crate::executor::{Stop, Why};

/// What to start.
#[derive(Clone, Debug, Default)]
pub(crate) struct Program {
    /// The program and its arguments.
    pub(crate) argv: Vec<OsString>,
    /// Environment variables besides our own.
    pub(crate) env: Vec<(String, String)>,
    /// Its working directory.
    pub(crate) directory: PathBuf,
    /// What ends it where killing its process is not enough: a container's client.
    pub(crate) kill: Option<Vec<OsString>>,
}

/// When to stop it.
pub(crate) struct Limits<'l> {
    pub(crate) stop: &'l Stop,
    pub(crate) deadline: Option<Instant>,
    /// Between SIGTERM and SIGKILL.
    pub(crate) grace: Duration,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By itself, with this code; a signal counts as 128 and its number.
    Exited(i32),
    /// We stopped it.
    Stopped(Why),
    /// Its deadline passed, and we stopped it.
    TimedOut,
}

enum Message {
    Line(Vec<u8>),
    /// Its output is closed.
    Closed,
    Exited,
    Stop(Why),
}

/// Lines wait here for whoever shows them; a process that writes faster waits.
const LINES: usize = 1024;

/// A longer line is cut into several, so that memory stays bounded.
const LONGEST_LINE: u64 = 64 * 1024;

/// How long output is still read after the process has ended: something it started may hold the pipe.
const LINGER: Duration = Duration::from_millis(500);

/// How many lines may have been under way when the process ended: in the channel, in the reader's buffer and in the pipe, where
/// a line takes at least a byte. What comes after them is of somebody else.
const UNDER_WAY: usize = LINES + 8 * 1024 + 64 * 1024;

/// Held while a script is written. A process that is forked meanwhile has the script open too, for a moment, and a file that
/// somebody may write to cannot be executed ("text file busy").
pub(crate) static SCRIPTS_OPEN: RwLock<()> = RwLock::new(());

/// Runs a program to its end, and gives its lines to `line`. When this returns, nothing of its group is left.
pub(crate) fn run(program: &Program, limits: &Limits<'_>, mut line: impl FnMut(&[u8])) -> Result<End> {
    let Some((name, args)) = program.argv.split_first() else { return Err(Error::bad_input("there is no command to run")) };
    let pipe = |e| Error::io("cannot make a pipe", e);
    let (output, stdout) = std::io::pipe().map_err(pipe)?;
    let stderr = stdout.try_clone().map_err(pipe)?;
    let mut command = Command::new(name);
    command
        .args(args)
        .envs(program.env.iter().map(|(name, value)| (name, value)))
        .current_dir(&program.directory)
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(stderr)
        .process_group(0);
    let spawned = {
        let _no_script_is_open = SCRIPTS_OPEN.read().unwrap_or_else(PoisonError::into_inner);
        command.spawn()
    };
    let mut child = spawned.map_err(|e| cannot_start(name, program, e))?;
    // Our own ends of the pipe must go, or it would never close.
    drop(command);
    let group = Pid::from_child(&child);
    let (sender, messages) = sync_channel(LINES);
    let thread = |name: &str, work: Box<dyn FnOnce() + Send>| {
        let spawned = std::thread::Builder::new().name(name.into()).spawn(work);
        spawned.map(drop).map_err(|e| Error::io("cannot start a thread", e))
    };
    let (lines, exits, stops) = (sender.clone(), sender.clone(), sender);
    let exited = Arc::new(AtomicBool::new(false));
    let has_exited = Arc::clone(&exited);
    let started = thread("output", Box::new(move || read(BufReader::new(output), &lines))).and_then(|()| {
        // The process stays a zombie until we have signalled its group for the last time: its number cannot be reused.
        let wait = move || {
            while waitid(WaitId::Pid(group), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
                .is_err_and(|error| error == rustix::io::Errno::INTR)
            {}
            has_exited.store(true, Ordering::Release);
            let _ = exits.send(Message::Exited);
        };
        thread("wait", Box::new(wait))
    });
    limits.stop.listen(move |why| drop(stops.send(Message::Stop(why))));
    let (end, mut closed) = match started {
        Ok(()) => watch(group, &messages, limits, program, &exited, &mut line),
        Err(error) => {
            signal(group, Signal::KILL);
            let _ = child.wait();
            return Err(error);
        }
    };
    // What the process started and left running ends with it, as in a container.
    signal(group, Signal::KILL);
    let status = child.wait().map_err(|e| Error::io("cannot wait for a process", e))?;
    let until = Instant::now() + LINGER;
    let mut left = UNDER_WAY;
    while !closed && left > 0 {
        // Lines that are there are shown, however long that takes.
        match messages.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(Message::Line(bytes)) => {
                line(&bytes);
                left -= 1;
            }
            Ok(Message::Stop(_) | Message::Exited) => {}
            Ok(Message::Closed) | Err(_) => closed = true,
        }
    }
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    Ok(end.unwrap_or(End::Exited(code)))
}

/// Waits for the end of the process, and sees to it that it comes. No end means that it came by itself; the second value says
/// whether the output was closed before.
fn watch(
    group: Pid,
    messages: &Receiver<Message>,
    limits: &Limits<'_>,
    program: &Program,
    exited: &AtomicBool,
    line: &mut impl FnMut(&[u8]),
) -> (Option<End>, bool) {
    let mut end = None;
    let mut closed = false;
    let mut next = limits.deadline;
    loop {
        match receive(messages, next) {
            Ok(Message::Line(bytes)) => line(&bytes),
            Ok(Message::Closed) => closed = true,
            Ok(Message::Exited) => return (end, closed),
            Ok(Message::Stop(why)) if end.is_none() && why != Why::Now => {
                end = Some(End::Stopped(why));
                signal(group, Signal::TERM);
                next = Some(Instant::now() + limits.grace);
            }
            Ok(Message::Stop(Why::Now)) => {
                end = end.or(Some(End::Stopped(Why::Now)));
                kill(group, program);
                next = None;
            }
            Ok(Message::Stop(_)) => {}
            // It was in time; only its lines are still being shown.
            Err(RecvTimeoutError::Timeout) if exited.load(Ordering::Acquire) => next = None,
            Err(RecvTimeoutError::Timeout) if end.is_none() => {
                end = Some(End::TimedOut);
                signal(group, Signal::TERM);
                next = Some(Instant::now() + limits.grace);
            }
            Err(RecvTimeoutError::Timeout) => {
                kill(group, program);
                next = None;
            }
            // The thread that waits holds a sender until the process has ended.
            Err(RecvTimeoutError::Disconnected) => return (end, true),
        }
    }
}

/// The next message. When the time is over that comes first: there is always another line of a process that writes without end.
fn receive(messages: &Receiver<Message>, until: Option<Instant>) -> Result<Message, RecvTimeoutError> {
    match until.map(|until| until.saturating_duration_since(Instant::now())) {
        Some(Duration::ZERO) => Err(RecvTimeoutError::Timeout),
        Some(left) => messages.recv_timeout(left),
        None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
    }
}

fn read(mut output: impl BufRead, lines: &SyncSender<Message>) {
    loop {
        let mut line = Vec::new();
        match output.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => break,
            Ok(_) => {
                while matches!(line.last(), Some(b'\n' | b'\r')) {
                    line.pop();
                }
                if lines.send(Message::Line(line)).is_err() {
                    return;
                }
            }
        }
    }
    let _ = lines.send(Message::Closed);
}

/// A group that is gone needs no signal.
fn signal(group: Pid, signal: Signal) {
    let _ = kill_process_group(group, signal);
}

fn kill(group: Pid, program: &Program) {
    if let Some((name, args)) = program.kill.as_ref().and_then(|argv| argv.split_first()) {
        // It fails when the container is gone, which is what is wanted.
        let quiet = Command::new(name).args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        drop(quiet);
    }
    signal(group, Signal::KILL);
}

fn cannot_start(name: &OsString, program: &Program, error: std::io::Error) -> Error {
    use std::io::ErrorKind as Io;
    let shown = std::path::Path::new(name).display().to_string();
    let hint = match error.kind() {
        Io::NotFound if !program.directory.is_dir() => {
            return Error::not_found(format!(
                "cannot start {shown}: its working directory {} is missing",
                program.directory.display()
            ));
        }
        Io::NotFound => "it is not on this machine's PATH; install it, or let a container run the step",
        Io::PermissionDenied => "it is not executable",
        Io::ArgumentListTooLong => "its arguments are too long for this system; pass what is long in a file",
        _ => "see whether it runs by hand",
    };
    Error::io(format_args!("cannot start {shown}"), error).hint(hint)
}
