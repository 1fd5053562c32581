//! The package in the build systems it is made for: the zip that the command line writes, unpacked and otherwise as it
//! is. Built and run as a CMake project on the emulated boards, as an Arduino library and sketch and as a Zephyr module
//! on this machine; packed by PlatformIO; its metadata checked against the documents. Needs `.ci/tools c peers`.

#[path = "packages/builds.rs"]
mod builds;
#[path = "packages/downloaded.rs"]
mod downloaded;
#[path = "board/toolchain.rs"]
mod toolchain;

use downloaded::Downloaded;
use std::process::Command;
use toolchain::{ARM_STATE, Program, STRICT, Target, checked};

/// The README's output is what the example prints, on the host by the README's own commands.
#[test]
fn the_readme_builds_the_example_in_cmake() {
    let package = Downloaded::new("host");
    let mut printed = String::new();
    for line in package.block("sh").lines() {
        let mut words = line.split_whitespace();
        let mut command = Command::new(words.next().expect("a command"));
        printed = checked(command.args(words).current_dir(&package.folder));
    }
    assert_eq!(printed, package.block("text"));
}

/// The same project, cross-compiled as firmware would be, prints the same on the boards.
#[test]
fn the_example_runs_on_the_boards() {
    let package = Downloaded::new("boards");
    for board in [Target::CortexM4, Target::CortexM7] {
        let program = builds::cmake_for_board(&package, board);
        let output = board.run(&program, &[]);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{board:?}: {}\n{text}", output.status);
        assert_eq!(text, package.block("text"), "{board:?}");
    }
}

#[test]
fn metadata_follows_the_documents() {
    let package = Downloaded::new("metadata");
    let output =
        checked(Command::new("peers-python").arg(builds::peer("check_metadata.py")).arg(&package.folder));
    let subjects: Vec<_> = output.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(subjects, ["arduino", "zephyr", "cmsis-pack", "report"], "{output}");
}

/// PlatformIO takes the package, and all that firmware needs is in its archive.
#[test]
fn platformio_packs_it() {
    let package = Downloaded::new("platformio");
    let archive = package.folder.with_extension("tar.gz");
    let mut command = Command::new("peers-python");
    let output = checked(command.arg(builds::peer("pio_pack.py")).arg(&package.folder).arg(&archive));
    let packed: Vec<&str> = output.lines().collect();
    for file in package.files_below("src") {
        assert!(packed.contains(&file.as_str()), "{file} is not among {packed:?}");
    }
    for file in ["library.json", "README.md", "examples/classify/classify.ino"] {
        assert!(packed.contains(&file), "{file} is not among {packed:?}");
    }
}

/// As the Arduino builder does it: all of src/ with src/ as the only folder of headers, and the sketch as C++ with the
/// core's header before it. The sketch says what the README says.
#[test]
fn the_sketch_builds_and_runs() {
    let package = Downloaded::new("arduino");
    let printed = builds::run_sketch(&package);
    let expected = package.block("text");
    let mut lines = printed.lines().zip(expected.lines());
    assert_eq!(lines.next().map(|(a, b)| a == b), Some(true), "{printed}");
    let class = lines.next().and_then(|(found, expected)| {
        let (class, _) = expected.split_once(", labelled")?;
        Some(found == format!("{class} in ms: 0"))
    });
    assert_eq!(class, Some(true), "{printed}\n{expected}");
}

/// As Zephyr does it, by its documented commands; with the self-test and the weights in C, too.
#[test]
fn the_zephyr_module_builds_and_runs() {
    let package = Downloaded::new("zephyr");
    let upper = package.name.to_ascii_uppercase();
    for weights_in_c in [false, true] {
        let mut settings = vec![format!("BITSMITH_{upper}"), format!("BITSMITH_{upper}_SELF_TEST")];
        if weights_in_c {
            settings.push(format!("BITSMITH_{upper}_WEIGHTS_IN_C"));
        }
        let program = builds::cmake_as_zephyr(&package, &settings);
        assert_eq!(checked(&mut Command::new(program)), package.block("text"), "{settings:?}");
    }
}

/// Three networks in one firmware: two of one architecture, under different names, and one that runs other operators. They
/// share one runtime, and compute what they compute alone: in CMake, and as archives in any order whose sources all see the
/// same folders of headers.
#[test]
fn several_networks_share_one_firmware() {
    let root = Downloaded::root("several");
    let packages = [
        Downloaded::export(&root, "mobilenet-v1-0.25-32", "4/8", Some("plain")),
        Downloaded::export(&root, "mobilenet-v2-0.35-32", "4/8", Some("residual")),
        Downloaded::export(&root, "mobilenet-v2-0.35-32", "2/4", None),
    ];
    let shared = |package: &Downloaded| {
        let files = package.files_below("src/runtime");
        assert!(files.len() > 20, "{files:?}");
        let text =
            |file: String| (std::fs::read_to_string(package.folder.join(&file)).expect("a source"), file);
        files.into_iter().map(text).collect::<Vec<_>>()
    };
    let runtime = shared(&packages[0]);
    assert!(packages.iter().all(|package| shared(package) == runtime), "one runtime for all packages");

    let board = Target::CortexM4;
    let mut programs = vec![builds::cmake_with_networks(&packages, &root.join("build"), board)];
    programs.push(builds::archives_with_networks(&packages, &root.join("archives"), board));
    let expected: String =
        packages.iter().map(|package| format!("{}: all layers right\n", package.name)).collect();
    for program in programs {
        let output = board.run(&program, &[]);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{program:?}: {}\n{text}", output.status);
        assert_eq!(text, expected, "{program:?}");
        let symbols = checked(Command::new("arm-none-eabi-nm").arg(&program));
        let count =
            |symbol: &str| symbols.lines().filter(|line| line.ends_with(&format!(" {symbol}"))).count();
        assert_eq!(["bs_pointwise", "bs_residual_add"].map(count), [1, 1], "{program:?}");
    }
    // A linker takes no operator out of an archive that no network calls.
    let program = builds::archives_with_networks(&packages[..1], &root.join("plain-alone"), board);
    let symbols = checked(Command::new("arm-none-eabi-nm").arg(&program));
    assert!(symbols.contains(" bs_pointwise") && !symbols.contains(" bs_residual_add"), "{symbols}");
}

/// Networks of two versions in one project would share the runtime of one of them: CMake refuses, and says which they are.
#[test]
fn networks_of_two_versions_are_told_apart() {
    let root = Downloaded::root("versions");
    let version = env!("CARGO_PKG_VERSION");
    let packages =
        ["older", "newer"].map(|name| Downloaded::export(&root, "mobilenet-v1-0.25-32", "4/8", Some(name)));
    let project = packages[1].folder.join("CMakeLists.txt");
    let text = std::fs::read_to_string(&project).expect("a project");
    std::fs::write(&project, text.replace(version, "99.0.0")).expect("space for a project");
    let output = builds::configure_networks(&packages, &root.join("build"));
    let said: String =
        String::from_utf8_lossy(&output.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
    let expected = format!(
        "newer was exported by Bitsmith 99.0.0, another network of this project by {version}: export both"
    );
    assert!(!output.status.success() && said.contains(&expected), "{said}");
}

/// The kernels for the DSP extension are written for the M profile. Elsewhere - in ARM and in Thumb state, on cores that
/// have the extension - the portable ones are compiled, without a warning, and compute the same.
#[test]
fn cores_of_other_profiles_compile_and_run_it() {
    let package = Downloaded::new("arm-state");
    for (flags, cpu) in ARM_STATE {
        let build = package.folder.join(format!("build{}", flags.concat()));
        std::fs::create_dir_all(&build).expect("space for a build");
        let mut compile = Command::new("arm-none-eabi-gcc");
        compile.args(STRICT).args(flags).args(["-O2", "-mfloat-abi=soft", "--specs=rdimon.specs", "-I"]);
        compile.arg(package.folder.join("src")).args(package.sources());
        let program = build.join("example");
        checked(compile.arg(package.folder.join("examples/main.c")).arg("-o").arg(&program));
        let mut run = Command::new("qemu-system-arm");
        run.args(["-machine", "integratorcp", "-cpu", cpu, "-display", "none", "-monitor", "none"]);
        run.args(["-serial", "none", "-audiodev", "none,id=none"]);
        run.args(["-semihosting-config", "enable=on,target=native", "-kernel"]).arg(&program);
        let output = run.output().expect("an emulator");
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        assert!(output.status.success() && text.contains(package.block("text")), "{flags:?}: {text}");
    }
}

/// Firmware that does not call the self-test holds none of its images and sums, however it is linked.
#[test]
fn the_self_test_costs_nothing_where_it_is_not_called() {
    let package = Downloaded::new("product");
    let (archived, objects) = builds::products(&package);
    let symbols = |program: &std::path::Path| checked(Command::new("arm-none-eabi-nm").arg(program));
    for program in [&archived, &objects] {
        let symbols = symbols(program);
        assert!(symbols.contains(&format!("{}_weights", package.name)), "{symbols}");
        for absent in ["golden", "outputs", "self_test"] {
            assert!(!symbols.contains(absent), "{program:?} holds {absent}\n{symbols}");
        }
    }
    // The same check sees them where they are.
    let sources = package.sources();
    let target = Target::CortexM4;
    let object = package.folder.join("golden.o");
    let golden: Vec<_> = sources.into_iter().filter(|path| path.ends_with("golden.c")).collect();
    let includes = [package.folder.join("src")];
    target.compile_object(&Program { sources: &golden, includes: &includes, flags: &[] }, &object);
    assert!(symbols(&object).contains("golden"));
}
