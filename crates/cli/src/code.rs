//! The code of a device that a profile of AWS wants, asked at the terminal.

use std::pin::Pin;
use std::sync::Arc;

use infra_aws::AskCode;

use crate::terminal::{Clearing, Terminal, View};

struct AtTerminal {
    terminal: Terminal,
    view: Clearing,
}

/// Who can be asked, if somebody is there.
pub fn asking(terminal: &Terminal, view: &View) -> Option<Arc<dyn AskCode>> {
    terminal.can_ask().then(|| {
        Arc::new(AtTerminal {
            terminal: terminal.clone(),
            view: view.clearing(),
        }) as Arc<dyn AskCode>
    })
}

impl AskCode for AtTerminal {
    fn code<'a>(&'a self, device: &'a str) -> Pin<Box<dyn Future<Output = Option<String>> + Send + 'a>> {
        Box::pin(async move {
            self.view.clear().await;
            let asked = format!("The six digits that {device} shows: ");
            self.terminal.line(&asked).await.ok().flatten()
        })
    }
}
