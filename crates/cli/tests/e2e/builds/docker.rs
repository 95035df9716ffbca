//! A docker that builds nothing.

use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::Project;

/// A docker that writes down how it is called. The image that it builds follows from `content` in the context and from
/// the image that it has to begin with.
pub struct Docker {
    pub folder: PathBuf,
}

impl Docker {
    pub fn new(folder: &Path) -> Self {
        let docker = Self {
            folder: folder.to_owned(),
        };
        fs::create_dir_all(folder).unwrap();
        docker.set("base", "old");
        docker.set("newest", "old");
        docker.set("calls", "");
        let script = format!(
            "#!/bin/sh\nset -e\ncd '{}'\necho \"$*\" >> calls\ncase \"$1\" in\n\
             buildx) exit 1;;\nversion) echo 28;;\n\
             build) before=; for context; do [ \"$before\" != --file ] || cp \"$context.dockerignore\" ignored; \
             before=$context; done\n\
             case \"$*\" in *--pull*) cp newest base;; esac\n\
             echo \"$(cat \"$context/content\")-$(cat base)\" > \"$3\";;\n\
             save) tar -cf \"$3\" -C \"images/$4\" .;;\n*) exit 1;;\nesac\n",
            folder.display()
        );
        let path = folder.join("docker");
        fs::write(&path, script).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&path, mode).unwrap();
        docker
    }

    /// With the images that can come out of it, each of which has its name as content.
    pub fn building(project: &Project, images: &[&str]) -> Self {
        let docker = Self::new(&project.root().join("tools"));
        for image in images {
            project.write_image(&format!("tools/images/{image}"), image);
        }
        docker
    }

    pub fn set(&self, name: &str, content: &str) {
        fs::write(self.folder.join(name), content).unwrap();
    }

    pub fn path(&self) -> String {
        format!("{}:/usr/bin:/bin", self.folder.display())
    }

    /// All calls since the last time.
    pub fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.folder.join("calls")).unwrap();
        self.set("calls", "");
        calls.lines().map(str::to_owned).collect()
    }

    /// The builds since the last time.
    pub fn builds(&self) -> Vec<String> {
        let calls = self.calls().into_iter();
        calls.filter(|call| call.starts_with("build ")).collect()
    }
}
