//! Programs of others as child processes that outlive no test.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, LazyLock, Mutex};

/// A running program with what it says. Killed when dropped, and when the test process dies.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    log: Arc<Mutex<String>>,
}

type Job = (Command, Sender<std::io::Result<Child>>);

/// The kernel ends such a child with the *thread* that made it, so one that lives as long as the process makes them all:
/// a test may keep a registry in a static, whose drop never comes.
static SPAWNER: LazyLock<Mutex<Sender<Job>>> = LazyLock::new(|| {
    let (sender, jobs) = channel::<Job>();
    std::thread::spawn(move || {
        for (mut command, done) in jobs {
            let _ = done.send(command.spawn());
        }
    });
    Mutex::new(sender)
});

// === impl Program ===

impl Program {
    /// Starts `command`, and gives each line of its stderr to `line`, then `None` at the end.
    pub(crate) fn start(mut command: Command, mut line: impl FnMut(Option<&str>) + Send + 'static) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let what = format!("{command:?}");
        let mut child = spawn(command).unwrap_or_else(|error| panic!("cannot run {what}: {error}; tests/require installs it"));
        let log = Arc::new(Mutex::new(String::new()));
        let (stderr, kept) = (child.stderr.take().unwrap(), log.clone());
        std::thread::spawn(move || {
            for text in BufReader::new(stderr).lines().map_while(Result::ok) {
                *kept.lock().unwrap() += &format!("{text}\n");
                line(Some(&text));
            }
            line(None);
        });
        Program { child, log }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    pub(crate) fn kill(&mut self) -> ExitStatus {
        let _ = self.child.kill();
        self.child.wait().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A command that dies with this process.
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--", program]);
    command
}

fn spawn(command: Command) -> std::io::Result<Child> {
    let (done, child) = channel();
    SPAWNER.lock().unwrap().send((command, done)).unwrap();
    child.recv().unwrap()
}
