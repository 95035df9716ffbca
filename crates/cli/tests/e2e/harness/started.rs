//! A run while it goes on: what it says, and signals to it.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::run::Run;

/// A run that has not ended by then hangs. It is killed, so that the test can say what it said.
const PATIENCE: Duration = Duration::from_secs(300);

/// What a run writes, line by line.
enum Said {
    Out(String),
    Err(String),
}

/// A run that goes on.
pub struct Started {
    arguments: Vec<String>,
    pid: Pid,
    said: Receiver<Said>,
    ended: Receiver<ExitStatus>,
    status: Option<ExitStatus>,
    output: (String, String),
    signalled: Option<Instant>,
}

impl Started {
    /// Starts a command without anybody in front of it.
    pub fn of(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, said) = channel();
        listen(child.stdout.take().unwrap(), sender.clone(), Said::Out);
        listen(child.stderr.take().unwrap(), sender, Said::Err);
        let arguments = command
            .get_args()
            .map(|argument| argument.to_string_lossy().into_owned());
        Self {
            arguments: arguments.collect(),
            pid: Pid::from_child(&child),
            said,
            ended: watched(child),
            status: None,
            output: Default::default(),
            signalled: None,
        }
    }

    /// The next line that it writes, to either stream; `None` when there are no more.
    pub fn line(&mut self) -> Option<String> {
        let (line, kept) = match self.said.recv().ok()? {
            Said::Out(line) => (line, &mut self.output.0),
            Said::Err(line) => (line, &mut self.output.1),
        };
        kept.push_str(&line);
        kept.push('\n');
        Some(line)
    }

    /// Waits until it writes a line with this.
    #[track_caller]
    pub fn until(&mut self, text: &str) -> &mut Self {
        while let Some(line) = self.line() {
            if line.contains(text) {
                return self;
            }
        }
        panic!("{text:?} was never said: {:?}", self.output);
    }

    /// Whether it has ended.
    pub fn is_over(&mut self) -> bool {
        if self.status.is_none() {
            self.status = self.ended.try_recv().ok();
        }
        self.status.is_some()
    }

    /// Sends it a signal. One that has ended is sent none.
    pub fn signal(&mut self, signal: Signal) -> &mut Self {
        // Its exit is collected only with this handle, so its number is still its own.
        let _ = kill_process(self.pid, signal);
        self.signalled = Some(Instant::now());
        self
    }

    /// Waits for its end; how it ended, and how long that took since the last signal.
    pub fn end(&mut self) -> (Run, Duration) {
        while self.line().is_some() {}
        let status = self.status.unwrap_or_else(|| self.ended.recv().unwrap());
        let took = self
            .signalled
            .map_or(Duration::ZERO, |signalled| signalled.elapsed());
        let output = Output {
            status,
            stdout: std::mem::take(&mut self.output.0).into_bytes(),
            stderr: std::mem::take(&mut self.output.1).into_bytes(),
        };
        let mut command = Command::new("infra");
        command.args(&self.arguments);
        (Run::new(&command, &output), took)
    }
}

fn listen(
    stream: impl Read + Send + 'static,
    sender: Sender<Said>,
    kind: impl Fn(String) -> Said + Send + 'static,
) {
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(kind(line)).is_err() {
                return;
            }
        }
    });
}

/// Tells how a process ended, by itself or because it hung.
fn watched(mut child: Child) -> Receiver<ExitStatus> {
    let (sender, ended) = channel();
    thread::spawn(move || {
        let started = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if started.elapsed() > PATIENCE {
                child.kill().unwrap();
            }
            thread::sleep(Duration::from_millis(5));
        }
        let _ = sender.send(child.wait().unwrap());
    });
    ended
}
