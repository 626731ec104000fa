//! The one error type of the engine: a kind, a message for people, a hint and details.
//!
//! Messages start in lower case, name things in backticks, end without a full stop and never carry
//! a value of the user's data. The hint, kept apart, says what to do.

use std::fmt;

/// What went wrong, at the grain at which a caller can react.
///
/// Each kind maps to one Python exception class; the mapping is exhaustive, so a new kind does not
/// compile until it has a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The description of the run is wrong: the user's to mend.
    Spec,
    /// The data cannot be used: the user's to mend.
    Data,
    /// A mapped column is not in its source.
    MissingAttribute,
    /// A mapped column holds a type its kind cannot be read from.
    AttributeType,
    /// Rows break a rule of their source: null or duplicate ids.
    Record,
    /// The model cannot be trained on these pairs.
    Training,
    /// The work does not fit the memory limit.
    MemoryLimit,
    /// A spill or output file does not fit the disk.
    SpillLimit,
    /// A run directory is missing, corrupt, or of another spec.
    Run,
    /// The file system refused, for a reason that is neither space nor ours.
    Io,
    /// The caller asked to stop.
    Cancelled,
    /// A bug in linkrisk.
    Internal,
}

impl ErrorKind {
    /// Every kind, for tests that want a trigger for each.
    pub const ALL: [ErrorKind; 12] = [
        ErrorKind::Spec,
        ErrorKind::Data,
        ErrorKind::MissingAttribute,
        ErrorKind::AttributeType,
        ErrorKind::Record,
        ErrorKind::Training,
        ErrorKind::MemoryLimit,
        ErrorKind::SpillLimit,
        ErrorKind::Run,
        ErrorKind::Io,
        ErrorKind::Cancelled,
        ErrorKind::Internal,
    ];
}

/// An error of the engine.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    details: Vec<(&'static str, String)>,
    source: Option<std::io::Error>,
}

/// The result of every fallible function of the engine.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Makes an error of `kind` that says `message`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), hint: None, details: Vec::new(), source: None }))
    }

    /// A bug: the caller could not have avoided it.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message).hint("this is a bug in linkrisk, please report it")
    }

    /// The caller asked to stop.
    pub fn cancelled() -> Self {
        Self::new(ErrorKind::Cancelled, "the run was interrupted")
    }

    /// A failed file operation on `path`; a full disk becomes [`ErrorKind::SpillLimit`].
    pub fn io(path: &std::path::Path, source: std::io::Error) -> Self {
        let full = matches!(
            source.kind(),
            std::io::ErrorKind::StorageFull
                | std::io::ErrorKind::QuotaExceeded
                | std::io::ErrorKind::FileTooLarge
        );
        let mut error = if full {
            Self::new(ErrorKind::SpillLimit, format!("no room left to write `{}`", path.display()))
                .hint("free some space or choose another output directory")
        } else {
            Self::new(ErrorKind::Io, format!("cannot use `{}`: {source}", path.display()))
        };
        error.0.details.push(("path", path.display().to_string()));
        error.0.source = Some(source);
        error
    }

    /// Adds what the user can do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds a named detail, such as `source`, `attribute` or `row`.
    #[must_use]
    pub fn detail(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.0.details.push((name, value.to_string()));
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What to do about it.
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The named details.
    pub fn details(&self) -> &[(&'static str, String)] {
        &self.0.details
    }

    /// The operating system's error, where there was one.
    pub fn io_error(&self) -> Option<&std::io::Error> {
        self.0.source.as_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|e| e as _)
    }
}
