//! What handlers may be and may return.
//!
//! A handler is a function of one event. It may be async, plain, or wrapped in [`blocking`]. [`Reaction`] is
//! implemented for what each of these returns. Its last parameter only keeps the three implementations apart,
//! and is always inferred.

use std::fmt::Display;

use bytes::Bytes;

use crate::node::tasks::BoxFuture;

/// The answer of a query handler. `None` means that there is no answer.
pub type MaybeAnswer = Option<Bytes>;

/// What a handler may return in the end: `A` is `()` for events, [`MaybeAnswer`] for queries.
///
/// | returned | by a handler of events | by a handler of queries |
/// |---|---|---|
/// | `()` | done | no answer, or one that is given by [`Request::respond`](crate::Request::respond) |
/// | `&'static str`, `String`, `Vec<u8>`, `Bytes`, … | not allowed | the answer |
/// | `Option` of one of these | not allowed | the answer, or none |
/// | `Result` of one of these | done; an error is traced | the answer; an error is traced, and there is no answer |
#[diagnostic::on_unimplemented(
    message = "a handler cannot return `{Self}`",
    note = "a handler of events returns `()`, a handler of queries `()`, a `&'static str`, a `String`, \
            `Vec<u8>` or `Bytes`, or an `Option` of one of them",
    note = "either may return a `Result` of those whose error is `Display`, or be async and return any \
            of this in the end"
)]
pub trait IntoAnswer<A = MaybeAnswer> {
    /// The answer, or why there is none.
    ///
    /// # Errors
    /// If the handler failed: the text that is to be traced.
    fn into_answer(self) -> Result<A, String>;
}

impl IntoAnswer<()> for () {
    fn into_answer(self) -> Result<(), String> {
        Ok(())
    }
}

impl IntoAnswer for () {
    fn into_answer(self) -> Result<MaybeAnswer, String> {
        Ok(None)
    }
}

impl IntoAnswer for &'static str {
    fn into_answer(self) -> Result<MaybeAnswer, String> {
        Ok(Some(Bytes::from_static(self.as_bytes())))
    }
}

impl<T: IntoAnswer> IntoAnswer for Option<T> {
    fn into_answer(self) -> Result<MaybeAnswer, String> {
        self.map_or(Ok(None), T::into_answer)
    }
}

impl<A, T: IntoAnswer<A>, E: Display> IntoAnswer<A> for Result<T, E> {
    fn into_answer(self) -> Result<A, String> {
        self.map_err(|error| error.to_string())?.into_answer()
    }
}

macro_rules! bytes_answer {
    ($($bytes:ty),*) => {$(
        impl IntoAnswer for $bytes {
            fn into_answer(self) -> Result<MaybeAnswer, String> {
                Ok(Some(self.into()))
            }
        }
    )*};
}
bytes_answer!(String, Vec<u8>, Bytes, &'static [u8]);

/// What a handler returns when it is called: a future of an answer, the answer itself, or a function that is
/// still to be called.
#[diagnostic::on_unimplemented(
    message = "a handler cannot return `{Self}`",
    label = "this handler",
    note = "a handler of events returns `()`; a handler of queries returns `()`, a `&'static str`, `String`, \
            `Vec<u8>` or `Bytes`, or an `Option` of one of these",
    note = "either may return a `Result` of these with an error that is `Display`, and either may be async: \
            then its future has to be `Send + 'static`"
)]
pub trait Reaction<A, Way> {
    /// What is to be done to get the answer.
    fn into_work(self) -> Work<A>;
}

/// What is to be done to get an answer.
pub struct Work<A>(pub(super) WorkKind<A>);

pub(super) enum WorkKind<A> {
    Done(Result<A, String>),
    Await(BoxFuture<Result<A, String>>),
    Call(Box<dyn FnOnce() -> Result<A, String> + Send>),
}

impl<A> std::fmt::Debug for Work<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            WorkKind::Done(_) => "Work::Nothing",
            WorkKind::Await(_) => "Work::Await",
            WorkKind::Call(_) => "Work::Call",
        })
    }
}

/// Marks async handlers, see [`Reaction`].
#[derive(Debug)]
pub enum Awaited {}

/// Marks plain functions, see [`Reaction`].
#[derive(Debug)]
pub enum Returned {}

/// Marks [`blocking`] functions, see [`Reaction`].
#[derive(Debug)]
pub enum Called {}

impl<A, F> Reaction<A, Awaited> for F
where
    F: Future<Output: IntoAnswer<A>> + Send + 'static,
{
    fn into_work(self) -> Work<A> {
        Work(WorkKind::Await(Box::pin(async move { self.await.into_answer() })))
    }
}

impl<A, T: IntoAnswer<A>> Reaction<A, Returned> for T {
    fn into_work(self) -> Work<A> {
        Work(WorkKind::Done(self.into_answer()))
    }
}

impl<A, T: IntoAnswer<A> + 'static> Reaction<A, Called> for Blocking<T> {
    fn into_work(self) -> Work<A> {
        Work(WorkKind::Call(Box::new(move || (self.0)().into_answer())))
    }
}

/// A call that may block, see [`blocking`].
pub struct Blocking<T>(Box<dyn FnOnce() -> T + Send>);

impl<T> std::fmt::Debug for Blocking<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Blocking").finish_non_exhaustive()
    }
}

/// Makes a handler of a function that blocks: one that reads files, computes for long, or sleeps. It is
/// called on a thread that the runtime keeps for such functions, where it holds up no other handler.
///
/// ```
/// use serfer_async::{Request, Router, blocking};
///
/// let router = Router::new().query("load", blocking(|_: Request| {
///     std::fs::read_to_string("/proc/loadavg")
/// }));
/// ```
///
/// Once called, it cannot be stopped: after its [timeout](crate::Route::timeout), or when the node is
/// shut down, it goes on to its end, but what it returns is dropped. Until its end it counts towards the
/// [concurrency](crate::Route::concurrency) of its handler, so that calls that hang cannot pile up.
pub fn blocking<T, R>(
    handler: impl Fn(T) -> R + Send + Sync + 'static,
) -> impl Fn(T) -> Blocking<R> + Send + Sync + 'static
where
    T: Send + 'static,
    R: 'static,
{
    let handler = std::sync::Arc::new(handler);
    move |event| {
        let handler = handler.clone();
        Blocking(Box::new(move || handler(event)))
    }
}
