//! A past run as one HTML page that needs nothing else: no script, no font, no picture from elsewhere.
//!
//! What a run, a stack file or AWS brings in is text and stays text: everything goes through [`text::escaped`],
//! and the page's own policy refuses scripts and whatever would have to be fetched.

mod chart;
mod head;
mod rows;
mod tables;
mod text;

use std::fmt::Write as _;
use std::io;

use infra_record::{RecordedPath, Timeline};

use self::rows::Layout;
use self::text::escaped;

/// How the page looks.
const STYLE: &str = include_str!("style.css");

/// A run with what is worked out of it once.
struct View<'a> {
    run: &'a Timeline,
    path: RecordedPath,
    /// By step: the calls made for it, as places in [`Timeline::calls`].
    calls: Vec<Vec<usize>>,
    layout: Layout,
}

/// Writes a past run as an HTML page, by whose second line it is known among the sources of an image: what it took and why, a chart of its steps over time with the critical
/// path, what failed, the slowest steps, and the calls to AWS.
///
/// # Errors
/// When `out` fails.
pub fn write_report(out: &mut dyn io::Write, run: &Timeline) -> io::Result<()> {
    let path = run.critical_path();
    let view = View {
        run,
        calls: run.calls_by_step(),
        layout: Layout::of(run, &path),
        path,
    };
    out.write_all(page(&view).as_bytes())
}

fn page(view: &View<'_>) -> String {
    let mut html = String::new();
    let title = escaped(&format!("{} of {}", view.run.command, view.run.stack));
    // Writing to a string cannot fail, here and below.
    let _ = write!(
        html,
        "<!DOCTYPE html>\n<!-- written by infra report -->\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n"
    );
    head::write(&mut html, view);
    tables::failures(&mut html, view);
    chart::write(&mut html, view);
    tables::slowest(&mut html, view);
    tables::calls(&mut html, view);
    tables::skipped(&mut html, view);
    tables::steps(&mut html, view);
    html.push_str("</main>\n</body>\n</html>\n");
    html
}
