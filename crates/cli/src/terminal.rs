//! Who is in front of the program: styles, questions, the wish to stop, what may not be shown, and the live view of
//! a run.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use infra_core::{Diagnostic, Redaction, SourceMap, StackId};
use infra_engine::{Cancellation, EventReceiver};
use infra_render::{Format, Style, Surroundings, open_sink, write_diagnostics};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::arguments::Output;
use crate::environment;
use crate::recording::Recording;

/// How often a live view moves.
const TICK: Duration = Duration::from_millis(100);

/// The streams and how to write to them. Data goes to stdout, everything else to stderr.
#[derive(Debug, Clone)]
pub struct Terminal {
    /// The form of everything that is written.
    pub format: Format,
    /// For stdout.
    pub out: Style,
    /// For stderr.
    pub err: Style,
    /// Raised by signals.
    pub cancellation: Cancellation,
    /// What is taken out of everything that is written here.
    pub redaction: Redaction,
}

/// Stdout, for data. When its reader has gone (`infra plan | head`), the rest is written to nobody: that is no
/// error, and never the end of a run. What else keeps it from being written is kept in mind for the end of the process,
/// also where nobody looks at it before: a run is not ended by its picture.
pub fn data() -> impl Write {
    Data { out: io::stdout() }
}

/// Why something that was written to stdout is not there. A stdout that was closed from the start (`>&-`) is not among the
/// reasons: the runtime of Rust puts `/dev/null`, open for reading and writing, in place of a closed one before `main`, and
/// just so do Python's `subprocess.DEVNULL`, Node's `ignore` and daemon(3) open it for whoever wants no data. Nothing tells
/// the two apart, and a run whose output nobody asked for must not fail.
static LOST: OnceLock<String> = OnceLock::new();

/// Writes what is left for stdout, and tells why data are missing there; `None` when all were written or nobody wants
/// them.
pub fn lost_data() -> Option<&'static str> {
    let _ = data().flush();
    LOST.get().map(String::as_str)
}

struct Data {
    out: io::Stdout,
}

impl Write for Data {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let all = bytes.len();
        self.out.write(bytes).or_else(|error| unless_gone(error, all))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush().or_else(|error| unless_gone(error, ()))
    }
}

fn unless_gone<T>(error: io::Error, otherwise: T) -> io::Result<T> {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(otherwise),
        io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock => Err(error),
        _ => {
            let _ = LOST.set(error.to_string());
            Err(error)
        }
    }
}

impl Terminal {
    /// Decides by the streams and the environment.
    pub fn new(output: Option<Output>) -> Self {
        let format = match output {
            Some(output) => output.into(),
            None if io::stdout().is_terminal() || io::stderr().is_terminal() => Format::Human,
            None => Format::Plain,
        };
        let style = |terminal: bool| style(terminal).for_format(format);
        Self {
            format,
            out: style(io::stdout().is_terminal()),
            err: style(io::stderr().is_terminal()),
            cancellation: Cancellation::default(),
            redaction: Redaction::default(),
        }
    }

    /// Writes an error with its causes to stderr.
    pub fn error(&self, error: &anyhow::Error) {
        let mut text = String::new();
        for (depth, cause) in error.chain().enumerate() {
            let label = if depth == 0 { "error: " } else { "  because: " };
            text.push_str(&format!("{label}{cause}\n"));
            if let Some(hint) = cause
                .downcast_ref::<infra_core::ProviderError>()
                .and_then(|error| error.hint.as_ref())
            {
                text.push_str(&format!("  help: {hint}\n"));
            }
        }
        self.note(text.trim_end());
    }

    /// Writes a line for a person to stderr; a program that reads JSON is told on stderr as well.
    pub fn note(&self, text: &str) {
        // When the stream is closed there is nobody to tell.
        let _ = writeln!(io::stderr(), "{}", self.redaction.mask(text));
    }

    /// Writes diagnostics without what is sensitive: to stderr for people, as data for programs.
    ///
    /// # Errors
    /// When data cannot be written. A closed stderr is no error: there is nobody to tell.
    pub fn diagnostics(&self, diagnostics: &[Diagnostic], sources: &SourceMap) -> io::Result<()> {
        let masked = diagnostics.iter().cloned();
        let masked: Vec<Diagnostic> = masked.map(|one| self.redaction.diagnostic(one)).collect();
        match self.format {
            Format::Json => write_diagnostics(&mut data(), &masked, sources, self.format, &self.out),
            _ => {
                let _ = write_diagnostics(&mut io::stderr(), &masked, sources, self.format, &self.err);
                Ok(())
            }
        }
    }

    /// Whether somebody is there to answer a question.
    pub fn can_ask(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal() && self.format != Format::Json
    }

    /// Asks for `yes`. The wish to stop is a no.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub async fn ask(&self, question: &str) -> io::Result<bool> {
        let asked = format!("{question} Only `yes` is taken for a yes: ");
        let answer = self.line(&asked).await?;
        Ok(answer.is_some_and(|line| line.trim() == "yes"))
    }

    /// Asks for a line; `None` when the user wants to stop instead.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub async fn line(&self, asked: &str) -> io::Result<Option<String>> {
        let mut stderr = io::stderr();
        write!(stderr, "{asked}")?;
        stderr.flush()?;
        let (sender, answer) = oneshot::channel();
        // A thread of its own, which the end of the process need not wait for.
        std::thread::Builder::new()
            .name("question".into())
            .spawn(move || {
                let mut line = String::new();
                let read = io::stdin().lock().read_line(&mut line);
                let _ = sender.send(read.map(|_| line));
            })?;
        match self.cancellation.until(1, answer).await {
            Some(Ok(line)) => line.map(Some),
            Some(Err(_)) => Ok(None),
            None => {
                writeln!(stderr)?;
                Ok(None)
            }
        }
    }

    /// Shows the events of a stack's run until their channel is closed.
    pub fn watch(&self, stack: StackId, events: EventReceiver, sources: Option<Arc<SourceMap>>) -> View {
        let live = io::stderr().is_terminal();
        let out: Box<dyn Write + Send> = match self.format {
            Format::Json => Box::new(data()),
            _ => Box::new(io::stderr()),
        };
        let sink = open_sink(stack, self.format, self.err, sources, live, out);
        let (orders, receiver) = mpsc::unbounded_channel();
        View {
            orders,
            task: tokio::spawn(show(sink, events, receiver)),
        }
    }
}

fn style(terminal: bool) -> Style {
    let [no_color, term, lc_all, lc_ctype, lang] =
        ["NO_COLOR", "TERM", "LC_ALL", "LC_CTYPE", "LANG"].map(environment::variable);
    Style::decide(&Surroundings {
        terminal,
        no_color: no_color.as_deref(),
        term: term.as_deref(),
        locale: lc_all.as_deref().or(lc_ctype.as_deref()).or(lang.as_deref()),
        width: None,
    })
}

#[derive(Debug)]
enum Order {
    Status(String),
    Record(PathBuf),
    Clear(oneshot::Sender<()>),
}

/// The view of a run, which one task alone writes.
pub struct View {
    orders: mpsc::UnboundedSender<Order>,
    task: JoinHandle<()>,
}

impl View {
    /// Says what is being done outside of steps.
    pub fn status(&self, text: impl Into<String>) {
        let _ = self.orders.send(Order::Status(text.into()));
    }

    /// Writes the runs that begin from now on down in a folder.
    pub fn record_in(&self, folder: PathBuf) {
        let _ = self.orders.send(Order::Record(folder));
    }

    /// Takes away what is live, and returns when that is done.
    pub async fn clear(&self) {
        clear(&self.orders).await;
    }

    /// What can clear the view for a question, for as long as there is one.
    pub fn clearing(&self) -> Clearing {
        Clearing(self.orders.downgrade())
    }

    /// Returns when everything that was reported until now was shown. Somebody may still have a reporter, such as
    /// work that nobody waits for after a wish to stop.
    pub async fn finish(self) {
        drop(self.orders);
        // It fails only by a panic, which was told.
        let _ = self.task.await;
    }
}

async fn clear(orders: &mpsc::UnboundedSender<Order>) {
    let (done, cleared) = oneshot::channel();
    if orders.send(Order::Clear(done)).is_ok() {
        let _ = cleared.await;
    }
}

/// Clears a view that somebody else has.
#[derive(Debug, Clone)]
pub struct Clearing(mpsc::WeakUnboundedSender<Order>);

impl Clearing {
    /// As [`View::clear`].
    pub async fn clear(&self) {
        if let Some(orders) = self.0.upgrade() {
            clear(&orders).await;
        }
    }
}

/// A view that cannot be written (a closed pipe) goes on silently: the run is worth more than its picture.
async fn show(
    mut sink: Box<dyn infra_render::EventSink>,
    mut events: EventReceiver,
    mut orders: mpsc::UnboundedReceiver<Order>,
) {
    let started = Instant::now();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut listening = true;
    let mut recording = Recording::default();
    // A run is worth more than its record as well.
    let tell = |sink: &mut dyn infra_render::EventSink, error: &anyhow::Error| {
        let _ = sink.clear();
        let _ = writeln!(
            io::stderr(),
            "warning: the run is not recorded any further: {error}"
        );
    };
    loop {
        tokio::select! {
            biased;
            order = orders.recv(), if listening => match order {
                Some(Order::Status(text)) => { let _ = sink.status(&text); }
                Some(Order::Record(folder)) => recording.start_in(folder),
                Some(Order::Clear(done)) => {
                    let _ = sink.clear();
                    let _ = done.send(());
                }
                None => {
                    listening = false;
                    events.close();
                }
            },
            event = events.next() => match event {
                Some(event) => {
                    let _ = sink.event(&event);
                    if let Err(error) = recording.event(&event) {
                        tell(&mut *sink, &error);
                    }
                }
                None => break,
            },
            _ = ticks.tick() => {
                let _ = sink.tick(u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX));
                if let Err(error) = recording.flush() {
                    tell(&mut *sink, &error);
                }
            }
        }
    }
    let _ = sink.clear();
}
