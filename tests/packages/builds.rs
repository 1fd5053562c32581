//! The package built in several ways.

use crate::downloaded::Downloaded;
use crate::toolchain::{self, Program, Target, checked};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn here(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/packages").join(file)
}

/// A script for other people's tools.
pub fn peer(script: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(script)
}

/// The example of the package's CMake project, for a board.
pub fn cmake_for_board(package: &Downloaded, board: Target) -> PathBuf {
    let build = package.folder.join(format!("build-{board:?}"));
    let upper = package.name.to_ascii_uppercase();
    configure_for_board(&package.folder, &build, board, &[format!("-D{upper}_EXAMPLE=ON")]);
    build.join(format!("{}_example", package.name))
}

/// A CMake project with several packages, for a board: all self-tests.
pub fn cmake_with_networks(packages: &[Downloaded], build: &Path, board: Target) -> PathBuf {
    let folders: Vec<_> = packages.iter().map(|package| package.folder.display().to_string()).collect();
    let main = build.with_extension("c");
    fs::write(&main, self_tests(packages)).expect("space for a source");
    let settings = [format!("-DNETWORKS={}", folders.join(";")), format!("-DMAIN={}", main.display())];
    configure_for_board(&here("several"), build, board, &settings);
    build.join("firmware")
}

/// What CMake says of the same project on this machine.
pub fn configure_networks(packages: &[Downloaded], build: &Path) -> Output {
    let folders: Vec<_> = packages.iter().map(|package| package.folder.display().to_string()).collect();
    let main = build.with_extension("c");
    fs::write(&main, self_tests(packages)).expect("space for a source");
    let mut configure = Command::new("cmake");
    configure.arg("-B").arg(build).arg("-S").arg(here("several"));
    configure.arg(format!("-DNETWORKS={}", folders.join(";"))).arg(format!("-DMAIN={}", main.display()));
    configure.output().expect("cmake")
}

/// A program that runs the self-tests of several networks, each with an arena of its own, and says what they say.
fn self_tests(packages: &[Downloaded]) -> String {
    let mut text = String::from("#include <stdio.h>\n");
    let mut main = String::new();
    for Downloaded { name, .. } in packages {
        let upper = name.to_ascii_uppercase();
        text += &format!("#include \"{name}.h\"\n");
        main += &format!(
            "    static _Alignas(8) uint8_t {name}_arena[{upper}_ARENA_BYTES];\n\
             \x20   const char *const {name}_wrong = {name}_self_test({name}_arena);\n\
             \x20   printf(\"{name}: %s\\n\", {name}_wrong == NULL ? \"all layers right\" : {name}_wrong);\n"
        );
    }
    format!("{text}\nint main(void)\n{{\n{main}    return 0;\n}}\n")
}

/// Several packages as build systems take them that make an archive of each library and show all folders of headers to all
/// of them, as Arduino and PlatformIO do; for a board. The archives come in the order of the packages.
pub fn archives_with_networks(packages: &[Downloaded], build: &Path, board: Target) -> PathBuf {
    fs::create_dir_all(build).expect("space for a build");
    let mut includes: Vec<_> = packages.iter().map(|package| package.folder.join("src")).collect();
    let mut inputs = vec![build.join("main.c"), here("retarget.c")];
    fs::write(&inputs[0], self_tests(packages)).expect("space for a source");
    for package in packages {
        let mut objects = Vec::new();
        for source in package.sources() {
            let name = source.file_name().expect("a file").to_string_lossy().into_owned();
            let object = build.join(format!("{}.{name}.o", package.name));
            let sources = [source];
            board.compile_object(&Program { sources: &sources, includes: &includes, flags: &[] }, &object);
            objects.push(object);
        }
        let archive = build.join(format!("{}.a", package.name));
        checked(Command::new("arm-none-eabi-ar").arg("rcs").arg(&archive).args(objects));
        inputs.push(archive);
    }
    includes.push(toolchain::folder());
    let program = build.join("firmware");
    board.compile(
        &Program { sources: &inputs, includes: &includes, flags: &["-Wl,--no-gc-sections"] },
        &program,
    );
    program
}

/// Configures and builds a CMake project for a board as firmware would be.
fn configure_for_board(project: &Path, build: &Path, board: Target, settings: &[String]) {
    fs::create_dir_all(build).expect("space for a build");
    let sources =
        [toolchain::folder().join("startup.c"), toolchain::folder().join("board.c"), here("retarget.c")];
    let mut objects = Vec::new();
    for source in sources {
        let object = build.join(source.file_name().expect("a file")).with_extension("o");
        let (sources, includes) = ([source], [toolchain::folder()]);
        board.compile_object(&Program { sources: &sources, includes: &includes, flags: &[] }, &object);
        objects.push(object.to_str().expect("a path in UTF-8").to_owned());
    }
    // The optimization is the project's own business.
    let core: Vec<_> = board.flags().into_iter().filter(|flag| flag.starts_with("-m")).collect();
    let mut configure = Command::new("cmake");
    configure.arg("-B").arg(build).arg("-S").arg(project);
    configure.arg(format!("-DCMAKE_TOOLCHAIN_FILE={}", here("board.cmake").display())).args(settings);
    configure.env("BOARD_FLAGS", core.join(" "));
    configure.env("BOARD_SCRIPT", toolchain::folder().join("mps2.ld"));
    checked(configure.env("BOARD_OBJECTS", objects.join(" ")));
    checked(Command::new("cmake").arg("--build").arg(build));
}

/// An application of the package's Zephyr module with settings of Kconfig.
pub fn cmake_as_zephyr(package: &Downloaded, settings: &[String]) -> PathBuf {
    let build = package.folder.join(format!("build-{}", settings.len()));
    let mut configure = Command::new("cmake");
    configure.arg("-B").arg(&build).arg("-S").arg(here("zephyr"));
    configure.arg(format!("-DMODULE={}", package.folder.display()));
    configure.arg(format!("-DLIBRARY={}", package.name));
    configure.args(settings.iter().map(|setting| format!("-DCONFIG_{setting}=y")));
    checked(&mut configure);
    checked(Command::new("cmake").arg("--build").arg(&build));
    build.join("application")
}

/// What the example sketch prints on this machine.
pub fn run_sketch(package: &Downloaded) -> String {
    let build = package.folder.join("build-arduino");
    fs::create_dir_all(&build).expect("space for a build");
    let include = package.folder.join("src");
    let mut objects = Vec::new();
    for source in package.sources() {
        let name = source.file_name().expect("a file").to_string_lossy().into_owned();
        let object = build.join(format!("{name}.o"));
        checked(
            Command::new("clang").args(["-Os", "-c", "-I"]).arg(&include).arg(&source).arg("-o").arg(&object),
        );
        objects.push(object);
    }
    let sketch = package.folder.join("examples/classify/classify.ino");
    let object = build.join("classify.ino.o");
    let mut command = Command::new("clang");
    command.args([
        "-x",
        "c++",
        "-std=gnu++17",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-fno-exceptions",
        "-Os",
        "-c",
        "-I",
    ]);
    command.arg(&include).arg("-include").arg(here("arduino.h")).arg(&sketch);
    checked(command.arg("-o").arg(&object));
    let program = build.join("sketch");
    checked(Command::new("clang").args(objects).arg(&object).arg("-o").arg(&program));
    checked(&mut Command::new(program))
}

/// Firmware that only classifies: linked with the package as an archive, without collecting sections; and with all its
/// objects, collecting them.
pub fn products(package: &Downloaded) -> (PathBuf, PathBuf) {
    let target = Target::CortexM4;
    let build = package.folder.join("build-product");
    fs::create_dir_all(&build).expect("space for a build");
    let include = [package.folder.join("src")];
    let mut objects = Vec::new();
    for source in package.sources() {
        let name = source.file_name().expect("a file").to_string_lossy().into_owned();
        let object = build.join(format!("{name}.o"));
        let sources = [source];
        target.compile_object(&Program { sources: &sources, includes: &include, flags: &[] }, &object);
        objects.push(object);
    }
    let main = build.join("product.c");
    let (name, upper) = (&package.name, package.name.to_ascii_uppercase());
    let text = format!(
        "#include \"{name}.h\"\n\
         static _Alignas(8) uint8_t arena[{upper}_ARENA_BYTES];\n\
         int main(void)\n{{\n    return (int){name}_classify(arena);\n}}\n"
    );
    fs::write(&main, text).expect("space for a source");
    let archive = build.join("library.a");
    checked(Command::new("arm-none-eabi-ar").arg("rcs").arg(&archive).args(&objects));
    let link = |inputs: Vec<PathBuf>, flags: &[&str], program: &str| {
        let program = build.join(program);
        let sources = [vec![main.clone()], inputs].concat();
        target.compile(&Program { sources: &sources, includes: &include, flags }, &program);
        program
    };
    let archived = link(vec![archive], &["-Wl,--no-gc-sections"], "archived");
    let collected = link(objects, &[], "collected");
    (archived, collected)
}
