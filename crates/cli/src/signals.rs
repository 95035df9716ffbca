//! Ctrl-C and SIGTERM: first finish what is in flight, then stop waiting, then end at once.

use infra_engine::Cancellation;
use tokio::signal::unix::{SignalKind, signal};

use crate::exit::Exit;

/// Raises the cancellation with each signal; the third ends the process, which the journal makes safe.
///
/// # Errors
/// When the system does not let signals be caught.
pub fn watch(cancellation: &Cancellation) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let cancellation = cancellation.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if cancellation.raise() >= 3 {
                std::process::exit(i32::from(Exit::Cancelled.number()));
            }
        }
    });
    Ok(())
}
