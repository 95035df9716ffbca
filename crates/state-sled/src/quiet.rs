//! Silence while sled is called: it panics on damaged files, which is told as an error and needs no trace.

use std::cell::Cell;
use std::sync::Once;

thread_local! {
    static CALLING: Cell<bool> = const { Cell::new(false) };
}

/// Calls; a panic of this thread meanwhile is not printed.
pub(crate) fn while_calling<T>(call: impl FnOnce() -> T) -> T {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !CALLING.get() {
                print(panic);
            }
        }));
    });
    let before = CALLING.replace(true);
    let result = call();
    CALLING.set(before);
    result
}
