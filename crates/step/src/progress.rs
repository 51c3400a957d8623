//! Progress of long work: a bar on a terminal, a log line every ten seconds otherwise.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The pause between two lines where there is no terminal.
const INTERVAL: Duration = Duration::from_secs(10);

/// What the numbers count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes, shown as MiB and the like.
    Bytes,
    /// Things: files, packages, images.
    Items,
}

/// Work in progress. It ends when dropped.
#[derive(Debug)]
pub struct Progress {
    done: Arc<AtomicU64>,
    bar: Option<ProgressBar>,
    /// Dropping it ends the thread that logs.
    _ticker: Option<Sender<()>>,
}

impl Progress {
    /// Starts showing `what` (`reading configs`); `total` 0 means unknown.
    pub fn start(what: &str, total: u64, unit: Unit) -> Self {
        if std::io::stderr().is_terminal() { Self::bar(what, total, unit) } else { Self::lines(what, total, unit, INTERVAL) }
    }

    /// `count` more are done. Cheap enough for every file and every buffer.
    pub fn advance(&self, count: u64) {
        self.done.fetch_add(count, Ordering::Relaxed);
        if let Some(bar) = &self.bar {
            bar.inc(count);
        }
    }

    fn bar(what: &str, total: u64, unit: Unit) -> Self {
        let counts = match unit {
            Unit::Bytes => "{bytes}/{total_bytes} {bytes_per_sec}",
            Unit::Items => "{pos}/{len}",
        };
        let template =
            if total == 0 { format!("{{spinner}} {what} {{pos}}") } else { format!("{what} {{bar:30}} {counts} {{eta}}") };
        let bar = ProgressBar::with_draw_target((total > 0).then_some(total), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style);
        }
        if total == 0 {
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        Progress { done: Arc::default(), bar: Some(bar), _ticker: None }
    }

    fn lines(what: &str, total: u64, unit: Unit, interval: Duration) -> Self {
        let done = Arc::new(AtomicU64::new(0));
        let (stop, stopped) = channel();
        let (what, seen) = (what.to_owned(), Arc::clone(&done));
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        let spawned = std::thread::Builder::new().name("progress".into()).spawn(move || {
            tracing::dispatcher::with_default(&dispatch, || {
                let started = Instant::now();
                while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(interval) {
                    tracing::info!("{what}: {}", shown(seen.load(Ordering::Relaxed), total, unit, started.elapsed()));
                }
            });
        });
        // Without a thread there are no lines, and the work goes on.
        Progress { done, bar: None, _ticker: spawned.ok().map(|_| stop) }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn shown(done: u64, total: u64, unit: Unit, time: Duration) -> String {
    let number = |n: u64| match unit {
        Unit::Items => n.to_string(),
        Unit::Bytes => indicatif::BinaryBytes(n).to_string(),
    };
    match total {
        0 if done == 0 => format!("{} s", time.as_secs()),
        0 => number(done),
        _ => format!("{} of {} ({} %)", number(done), number(total), done.min(total) * 100 / total),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::mpsc::sync_channel;

    #[test]
    fn numbers_as_people_read_them() {
        let shown = |done, total, unit| shown(done, total, unit, Duration::from_secs(90));
        assert_eq!(shown(5, 20, Unit::Items), "5 of 20 (25 %)");
        assert_eq!(shown(1 << 20, 3 << 20, Unit::Bytes), "1.00 MiB of 3.00 MiB (33 %)");
        assert_eq!(shown(7, 0, Unit::Items), "7");
        assert_eq!(shown(0, 0, Unit::Items), "90 s");
        assert_eq!(shown(30, 20, Unit::Items), "30 of 20 (100 %)");
    }

    #[test]
    fn without_a_terminal_lines_come_also_when_nothing_moves() {
        struct Lines(std::sync::mpsc::SyncSender<String>);
        impl Write for Lines {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                let _ = self.0.try_send(String::from_utf8_lossy(bytes).into_owned());
                Ok(bytes.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let (sender, lines) = sync_channel(8);
        let subscriber = tracing_subscriber::fmt().with_writer(move || Lines(sender.clone())).with_ansi(false).finish();
        let line = tracing::subscriber::with_default(subscriber, || {
            let progress = Progress::lines("reading configs", 4, Unit::Items, Duration::from_millis(1));
            progress.advance(1);
            lines.iter().find(|line| line.contains("1 of 4")).unwrap()
        });
        assert!(line.trim_end().ends_with("reading configs: 1 of 4 (25 %)"), "{line}");
    }
}
