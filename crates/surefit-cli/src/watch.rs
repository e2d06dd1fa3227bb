//! Long work: Ctrl-C asks it to stop with the best answer so far, and progress shows on a terminal.

use crate::exit::Exit;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::cell::OnceCell;
use std::io::{IsTerminal as _, stderr};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
/// What to say when Ctrl-C comes while the program waits for bytes.
static WAITING: Mutex<Option<Box<dyn Fn() -> Exit + Send>>> = Mutex::new(None);
/// How long a read may take to come back and end in order after Ctrl-C.
const GRACE: Duration = Duration::from_millis(100);

/// The time during which the program may be blocked in a read, without any answer yet.
pub struct Waiting(());

impl Waiting {
    /// From now on Ctrl-C ends the program after `tell`, which tells it.
    pub fn new(tell: impl Fn() -> Exit + Send + 'static) -> Self {
        if let Ok(mut waiting) = WAITING.lock() {
            *waiting = Some(Box::new(tell));
        }
        Self(())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Ok(mut waiting) = WAITING.lock() {
            *waiting = None;
        }
    }
}

/// From now on the first Ctrl-C (or SIGTERM) is a request, the second the end; see also [`Waiting`].
pub fn listen() {
    // Without a handler Ctrl-C ends the program at once, which is all that is lost.
    let _ = ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::SeqCst) {
            std::process::exit(Exit::Interrupted as i32);
        }
        std::thread::sleep(GRACE);
        // Held to the end, so that nothing is told twice.
        if let Ok(waiting) = WAITING.lock()
            && let Some(tell) = waiting.as_ref()
        {
            std::process::exit(tell() as i32);
        }
    });
}

/// Whether Ctrl-C was pressed.
pub fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// Work shorter than this shows no progress.
const PATIENCE: Duration = Duration::from_millis(500);

/// A line on the terminal while work goes on; it leaves no trace.
pub struct Progress {
    wanted: bool,
    begun: Instant,
    bar: OnceCell<ProgressBar>,
}

impl Progress {
    /// Shown on a terminal unless `quiet`.
    pub fn new(quiet: bool) -> Self {
        Self { wanted: !quiet && stderr().is_terminal(), begun: Instant::now(), bar: OnceCell::new() }
    }

    /// Shows `done` of `total` (a bar, with the time left) or just `text`.
    pub fn show(&self, done: u64, total: Option<u64>, text: impl FnOnce() -> String) {
        if !self.wanted || self.begun.elapsed() < PATIENCE {
            return;
        }
        let bar = self.bar.get_or_init(|| {
            let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr_with_hz(10));
            let layout =
                if total.is_some() { "{bar:20} {percent}% {msg} {eta} left" } else { "{spinner} {msg}" };
            let style = ProgressStyle::with_template(layout).unwrap_or_else(|_| ProgressStyle::default_bar());
            bar.with_style(style).with_elapsed(self.begun.elapsed())
        });
        bar.set_position(done);
        bar.set_message(text());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }
}
