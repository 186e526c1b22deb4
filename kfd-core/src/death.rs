//! The death of a process as a linear token: see DESIGN for the stages.

/// Stage marker: the first sure sign of death was seen.
#[derive(Debug)]
pub struct Doomed;

/// The only right to take a process's teardown one step further.
#[derive(Debug)]
pub struct Doom<S>(std::marker::PhantomData<S>);

/// What is told of a process once it has been freed.
#[derive(Debug)]
pub struct Obituary;
