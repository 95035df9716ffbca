//! The stack at two points of its life, in an account that can be emptied.

use crate::harness::{Project, Reference, Run};

/// The development stage with a file for each point.
pub struct Stage {
    /// The stack.
    pub reference: Reference,
}

/// A point of the stack's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    /// There is nothing.
    Nothing,
    /// The stack as it stands in the repository.
    Original,
    /// The same, changed in every way that a plan knows.
    Changed,
}

const CHANGED_FILE: &str = "stacks/changed.toml";

/// Over the development stage.
const CHANGED: &str = include_str!("changed.toml");

impl Stage {
    /// The development stage of the repository.
    pub fn development() -> Self {
        Self::development_in(Project::sandbox())
    }

    /// The same in this project.
    pub fn development_in(project: Project) -> Self {
        let reference = Reference::on(project, "stacks/dev02-us-east-1.toml");
        reference.project.write(CHANGED_FILE, CHANGED);
        reference.project.write_image("image", "changed");
        Self { reference }
    }

    /// Production of the repository, which has only one point.
    pub fn production() -> Self {
        Self {
            reference: Reference::prod01(),
        }
    }

    /// An empty account and an empty state.
    pub fn empty(&mut self) {
        self.reference.start_over();
    }

    /// Starts on the way to a point, as one command that is not asked anything.
    pub fn go(&self, point: Point) -> Run {
        match point {
            Point::Nothing => self.reference.run("destroy", &["-y"]),
            _ => self.reference.run_file("apply", self.file(point), &["-y"]),
        }
    }

    /// The stack's file at a point.
    pub fn file(&self, point: Point) -> &'static str {
        match point {
            Point::Changed => CHANGED_FILE,
            Point::Original | Point::Nothing => self.reference.file,
        }
    }
}
