//! Where the project is that a stack file belongs to.

use std::path::{Path, PathBuf};

/// The nearest folder, from `start` outwards, that holds a `stacks` folder or is the top of a git checkout;
/// `start` itself when there is none.
pub fn root(start: &Path) -> PathBuf {
    let start = std::path::absolute(start).unwrap_or_else(|_| start.to_owned());
    start
        .ancestors()
        .find(|folder| folder.join("stacks").is_dir() || folder.join(".git").exists())
        .unwrap_or(&start)
        .to_owned()
}

/// The project of a stack file.
pub fn root_of_stack(file: &Path) -> PathBuf {
    root(match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_project_is_found_from_the_stack_file_outwards() {
        let top = std::env::temp_dir().join(format!("infra-project-{}", std::process::id()));
        let stacks = top.join("stacks").join("team");
        std::fs::create_dir_all(&stacks).unwrap();
        assert_eq!(root_of_stack(&stacks.join("dev.toml")), top);
        assert_eq!(root(&top), top);
        std::fs::remove_dir_all(&top).unwrap();
    }
}
