//! Makes the example image: `examples/app/image/` from the files under `examples/app/rootfs/`.
//!
//! No Docker is needed, and the same files give the same bytes: run it after a change under `rootfs/`.

use std::error::Error;
use std::path::{Path, PathBuf};

use infra_oci::{ImageBuilder, ImageLayout, LayerFile};

/// The name that the layout gives the image.
const NAME: &str = "app:example";

/// The example's folder in the repository.
fn example_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/app")
}

/// The image that the files under `rootfs` make.
fn example_image(rootfs: &Path) -> Result<ImageLayout, Box<dyn Error>> {
    let mut files = Vec::new();
    collect(rootfs, "", &mut files)?;
    let image = ImageBuilder::new("amd64")
        .name(NAME)
        .env("APP_CONFIG", "/etc/app/app.toml")
        .working_directory("/srv/www")
        .exposed_port(8080)
        .layer(files);
    Ok(image.build()?)
}

/// All files below a folder, with their paths in the image.
fn collect(folder: &Path, prefix: &str, files: &mut Vec<LayerFile>) -> Result<(), Box<dyn Error>> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry
            .file_name()
            .into_string()
            .map_err(|name| format!("{name:?} is no text"))?;
        let path = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{path}/"), files)?;
        } else {
            files.push(LayerFile::new(path, std::fs::read(entry.path())?));
        }
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "whoever runs it wants to know what was made")]
fn main() -> Result<(), Box<dyn Error>> {
    let folder = example_folder();
    let image = example_image(&folder.join("rootfs"))?;
    let target = folder.join("image");
    if target.exists() {
        std::fs::remove_dir_all(&target)?;
    }
    image.write_folder(&target)?;
    println!("{NAME} {}", image.digest());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The committed folder is what the files make: file by file, and nothing besides.
    #[test]
    fn the_committed_image_is_up_to_date() {
        let folder = example_folder();
        let image = example_image(&folder.join("rootfs")).unwrap();
        let mut committed = Vec::new();
        collect(&folder.join("image"), "", &mut committed).unwrap();
        let mut committed: Vec<(String, Vec<u8>)> = committed
            .into_iter()
            .map(|file| (file.path, file.bytes))
            .collect();
        committed.sort();
        let made: Vec<(String, Vec<u8>)> = image
            .files()
            .map(|(path, bytes)| (path.to_owned(), bytes.to_vec()))
            .collect();
        let names =
            |files: &[(String, Vec<u8>)]| files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
        let advice = "run `cargo run -p infra-oci --example build_example_image`";
        assert_eq!(names(&committed), names(&made), "{advice}");
        assert!(committed == made, "{advice}");
    }
}
