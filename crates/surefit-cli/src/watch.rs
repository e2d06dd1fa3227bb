//! Long work: Ctrl-C and a time limit ask it to stop with the best answer so far, and progress shows on a terminal.

use crate::exit::Exit;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::cell::OnceCell;
use std::io::{IsTerminal as _, stderr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
/// When Ctrl-C came.
static INTERRUPTED_AT: OnceLock<Instant> = OnceLock::new();
/// When the program began, and when its time is up.
static BEGUN: OnceLock<Instant> = OnceLock::new();
static DEADLINE: OnceLock<Instant> = OnceLock::new();
/// There is an answer to be shown, whatever ends the work on top of it.
static ANSWERED: AtomicBool = AtomicBool::new(false);
/// What to say when the end comes while the program waits for bytes.
type Teller = Box<dyn Fn(End) -> Exit + Send>;
static WAITING: Mutex<Option<Teller>> = Mutex::new(None);
/// How long a read may take to come back and end in order after it was asked to.
const GRACE: Duration = Duration::from_millis(100);
/// After the end was asked for, an answer may still be certified for so long, or a tenth of the time before it.
const PROVING: Duration = Duration::from_secs(1);

/// What asks for the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Ctrl-C.
    Interrupt,
    /// The time limit.
    Time,
}

/// The time during which the program may be blocked in a read, without any answer yet.
pub struct Waiting(());

impl Waiting {
    /// From now on Ctrl-C and the time limit end the program after `tell`, which tells it.
    pub fn new(tell: impl Fn(End) -> Exit + Send + 'static) -> Self {
        if !ANSWERED.load(Ordering::Relaxed)
            && let Ok(mut waiting) = WAITING.lock()
        {
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
    let _ = BEGUN.set(Instant::now());
    // Without a handler Ctrl-C ends the program at once, which is all that is lost.
    let _ = ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::SeqCst) {
            std::process::exit(Exit::Interrupted as i32);
        }
        let _ = INTERRUPTED_AT.set(Instant::now());
        std::thread::sleep(GRACE);
        end_a_wait(End::Interrupt);
    });
}

/// Ends the program where it is blocked in a read.
fn end_a_wait(end: End) {
    // Held to the end, so that nothing is told twice.
    if let Ok(waiting) = WAITING.lock()
        && let Some(tell) = waiting.as_ref()
    {
        std::process::exit(tell(end) as i32);
    }
}

/// From now on the time is up so long after the beginning of the program; see also [`Waiting`].
pub fn limit(time: Duration) {
    let begun = *BEGUN.get_or_init(Instant::now);
    // A limit beyond what the clock can tell is none.
    let Some(deadline) = begun.checked_add(time).filter(|deadline| DEADLINE.set(*deadline).is_ok()) else {
        return;
    };
    std::thread::spawn(move || {
        std::thread::sleep(deadline.saturating_duration_since(Instant::now()));
        loop {
            std::thread::sleep(GRACE);
            end_a_wait(End::Time);
        }
    });
}

/// From now on there is an answer, and nothing ends the program before it is shown but a second Ctrl-C.
pub fn answered() {
    ANSWERED.store(true, Ordering::Relaxed);
}

/// Whether the time is up.
fn time_is_up() -> bool {
    DEADLINE.get().is_some_and(|deadline| Instant::now() >= *deadline)
}

/// Whether work without an answer is to go on.
pub fn go_on() -> bool {
    !interrupted() && !time_is_up()
}

/// Whether an answer is still to be certified: for a little while after the end was asked for too.
pub fn prove_on() -> bool {
    let asked = INTERRUPTED_AT.get().copied();
    let deadline = DEADLINE.get().copied().filter(|_| time_is_up());
    let Some(asked) = asked.into_iter().chain(deadline).min() else { return true };
    let before = BEGUN.get().map_or(Duration::ZERO, |begun| asked.saturating_duration_since(*begun));
    asked.elapsed() < PROVING.max(before / 10)
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
