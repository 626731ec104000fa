//! The one door between Python and long work.
//!
//! The calling thread lets go of the interpreter and waits; the work runs on a scoped thread. Every
//! [`TICK`] the caller takes the interpreter back, looks for Ctrl-C and tells the callback how far
//! the work is. When either raises, the work is cancelled and *joined* before the exception leaves,
//! so borrowed data and half-written files are gone by then. The worker wakes the caller when it is
//! done: a call that takes microseconds costs microseconds, not a tick.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, Thread};
use std::time::Duration;

use linkrisk_core::error::{Error, Result};
use linkrisk_core::runtime::{CancelToken, Context, Progress};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors;

/// How often Ctrl-C is looked for and progress told: below what a person notices as a delay, and
/// rare enough that taking the interpreter back costs the work nothing.
const TICK: Duration = Duration::from_millis(100);

/// What the door needs to know of the work behind it.
pub struct Control {
    cancel: CancelToken,
    progress: Arc<Progress>,
    callback: Option<Py<PyAny>>,
}

impl Control {
    /// The control of work that runs under `context` and reports to `callback`.
    pub fn new(context: &Context, callback: Option<Py<PyAny>>) -> Self {
        Self { cancel: context.cancel.clone(), progress: Arc::clone(&context.progress), callback }
    }

    /// Looks for Ctrl-C, then tells the callback how far the work is.
    fn beat(&self, py: Python<'_>) -> PyResult<()> {
        py.check_signals()?;
        self.tell(py)
    }

    fn tell(&self, py: Python<'_>) -> PyResult<()> {
        let Some(callback) = &self.callback else { return Ok(()) };
        let now = self.progress.snapshot();
        let event = PyDict::new(py);
        event.set_item("stage", now.stage)?;
        event.set_item("part", now.part)?;
        event.set_item("unit", now.unit)?;
        event.set_item("done", now.done)?;
        event.set_item("total", now.total)?;
        event.set_item("share", now.share)?;
        event.set_item("seconds", now.seconds)?;
        callback.call1(py, (event,)).map(drop)
    }
}

/// Says that the work is over and wakes the caller, also when the work panicked.
struct Over<'a> {
    flag: &'a AtomicBool,
    caller: Thread,
}

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.flag.store(true, Ordering::Release);
        self.caller.unpark();
    }
}

/// Runs `work` outside the interpreter; see the module's description.
///
/// # Errors
/// The work's own error as its Python class, the exception of a signal handler or of the callback,
/// or `InternalError` where the work panicked.
pub fn enter<T: Send>(
    py: Python<'_>,
    control: &Control,
    work: impl FnOnce() -> Result<T> + Send,
) -> PyResult<T> {
    let over = AtomicBool::new(false);
    let outcome = py.detach(|| {
        thread::scope(|scope| {
            let guard = Over { flag: &over, caller: thread::current() };
            let job = scope.spawn(move || {
                let _guard = guard;
                work()
            });
            let mut raised = None;
            while !over.load(Ordering::Acquire) {
                thread::park_timeout(TICK);
                if over.load(Ordering::Acquire) {
                    break;
                }
                if let Err(error) = Python::attach(|py| control.beat(py)) {
                    control.cancel.cancel();
                    raised = Some(error);
                    break;
                }
            }
            let joined = job.join();
            match raised {
                Some(error) => Err(error),
                None => Ok(joined),
            }
        })
    })?;
    match outcome {
        Ok(Ok(value)) => {
            control.tell(py)?;
            Ok(value)
        }
        Ok(Err(error)) => {
            // A stream that broke off because of Ctrl-C reports its own error first; consuming the
            // pending signal here is what keeps the user from meeting two exceptions.
            py.check_signals()?;
            Err(errors::to_py(py, &error))
        }
        Err(panic) => Err(errors::to_py(py, &panicked(panic.as_ref()))),
    }
}

/// Where the last panic was; the hook knows it and the joined thread does not.
static LAST_PANIC: Mutex<Option<String>> = Mutex::new(None);

/// Makes panics of this library quiet: the usual hook prints the panic's text, which may quote a
/// value, to standard error.
pub fn quieten_panics() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(|l| format!("{}:{}", l.file(), l.line()));
        *LAST_PANIC.lock().unwrap_or_else(|e| e.into_inner()) = place;
    }));
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Error {
    let text = panic
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    let place = LAST_PANIC.lock().unwrap_or_else(|e| e.into_inner()).take();
    let place = place.unwrap_or_else(|| "an unknown place".to_owned());
    // The text may quote a value, so it stays out of the message, which is what ends up in logs.
    Error::internal(format!("the engine failed at {place}")).detail("panic", text)
}
