//! JSON lines: one object per line, each with the format's version and what the line is.

pub(crate) use infra_record::write_line as write;
