"""Checks a package's metadata against what the build systems' documents ask for; the first problem ends it.

    peers-python check_metadata.py FOLDER

- Arduino: library specification, revision 2.2 (docs.arduino.cc/arduino-cli/library-specification).
- Zephyr: module.yml as "Modules (External projects)" describes it; Kconfig as kconfiglib reads it.
- CMSIS-Pack: the elements and types of Open-CMSIS-Pack's PACK.xsd 1.7 that a software pack needs. With PACK_XSD=FILE the
  schema itself, which no package registry has.
- Report: one file, nothing from elsewhere, no script, tables that a screen reader can read.
"""

import os
import re
import sys
from pathlib import Path

import kconfiglib
import yaml
from lxml import etree, html

SEMVER = r"\d+\.\d+\.\d+(\-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?"


def expect(condition, problem):
    if not condition:
        sys.exit(f"error: {problem}")


def arduino(folder):
    lines = (folder / "library.properties").read_text().splitlines()
    fields = dict(line.split("=", 1) for line in lines)
    expect(len(fields) == len(lines), "library.properties: a field twice")
    for name in ("name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url", "architectures"):
        expect(name in fields, f"library.properties: no {name}")
    expect(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_ .-]{0,62}", fields["name"]), f"the name {fields['name']!r}")
    expect(not fields["name"].lower().startswith("arduino"), "names do not begin with Arduino")
    expect(re.fullmatch(SEMVER, fields["version"]), f"the version {fields['version']!r}")
    categories = ("Display", "Communication", "Signal Input/Output", "Sensors", "Device Control", "Timing",
                  "Data Storage", "Data Processing", "Other")
    expect(fields["category"] in categories, f"the category {fields['category']!r}")
    for header in fields["includes"].split(","):
        expect((folder / "src" / header).is_file(), f"no src/{header}")
    expect(not (folder / "utility").exists(), "src/ and utility/ exclude each other")
    sketches = [path for path in (folder / "examples").iterdir() if path.is_dir()]
    expect(sketches, "no example sketch")
    for sketch in sketches:
        expect((sketch / f"{sketch.name}.ino").is_file(), f"{sketch}: no sketch of the folder's name")
    print(f"arduino {fields['name']} {fields['version']}")


def zephyr(folder, name):
    module = yaml.safe_load((folder / "zephyr/module.yml").read_text())
    expect(set(module) <= {"name", "build", "samples", "tests", "blobs", "runners", "security"}, f"keys {set(module)}")
    expect(module["name"] == name, f"the module {module['name']!r}")
    expect((folder / module["build"]["cmake"] / "CMakeLists.txt").is_file(), "no CMakeLists.txt where build.cmake says")
    kconfig = kconfiglib.Kconfig(str(folder / module["build"]["kconfig"]), warn_to_stderr=False)
    expect(not kconfig.warnings, f"Kconfig: {kconfig.warnings}")
    symbols = {symbol.name for symbol in kconfig.unique_defined_syms}
    cmake = (folder / "zephyr/CMakeLists.txt").read_text()
    used = set(re.findall(r"CONFIG_(\w+)", cmake))
    expect(used == symbols, f"Kconfig defines {symbols}, CMakeLists.txt uses {used}")
    expect(all(symbol.str_value == "n" for symbol in kconfig.unique_defined_syms), "a setting that is on by itself")
    print(f"zephyr {name} {len(symbols)} settings")


CATEGORIES = {"doc", "header", "include", "library", "object", "source", "linkerScript", "utility", "image", "other"}


def cmsis_pack(folder):
    (path,) = folder.glob("*.pdsc")
    tree = etree.parse(path)
    schema = os.environ.get("PACK_XSD")
    if schema:
        etree.XMLSchema(etree.parse(schema)).assertValid(tree)
    package = tree.getroot()
    expect(package.tag == "package" and package.get("schemaVersion"), "no package with a schemaVersion")
    for tag in ("vendor", "name", "description", "url", "releases", "components"):
        expect(len(package.findall(tag)) == 1, f"{tag}: not once")
    vendor, name = package.findtext("vendor"), package.findtext("name")
    expect(path.name == f"{vendor}.{name}.pdsc", f"{path.name} is not vendor.name.pdsc")
    expect(all(re.fullmatch(r"[-_A-Za-z0-9]+", text) for text in (vendor, name)), "vendor or name")
    for release in package.findall("releases/release"):
        expect(re.fullmatch(SEMVER, release.get("version")), f"the version {release.get('version')!r}")
    for component in package.findall("components/component"):
        for part in ("Cclass", "Cgroup", "Csub"):
            expect(2 <= len(component.get(part)) <= 32 or part == "Csub", f"{part} {component.get(part)!r}")
        expect(re.fullmatch(r"\d+\.\d+\.\d+", component.get("Cversion")), f"Cversion {component.get('Cversion')!r}")
        expect(component.findtext("description"), "a component without description")
    files = package.findall("components/component/files/file")
    for file in files:
        expect(file.get("category") in CATEGORIES, f"the category {file.get('category')!r}")
        expect((folder / file.get("name")).exists(), f"no {file.get('name')}")
    conditions = {condition.get("id"): condition for condition in package.findall("conditions/condition")}
    for component in package.findall("components/component[@condition]"):
        (require,) = conditions[component.get("condition")].findall("require")
        names = ("Cclass", "Cgroup", "Csub")
        expect(any(all(other.get(part) == require.get(part) for part in names)
                   for other in package.findall("components/component")), "a condition that no component meets")
    for license_file in package.findall("licenseSets/licenseSet/license"):
        expect((folder / license_file.get("name")).is_file(), f"no {license_file.get('name')}")
    listed = {file.get("name") for file in files}
    sources = {str(path.relative_to(folder)) for path in (folder / "src").rglob("*") if path.is_file()}
    # CMake's own.
    missing = sources - listed - {"src/runtime/CMakeLists.txt"}
    expect(not missing, f"{path.name} does not list {missing}")
    print(f"cmsis-pack {path.name} {len(files)} files, {'schema' if schema else 'structure'}")


def report(folder):
    text = (folder / "report.html").read_text()
    page = html.document_fromstring(text)
    expect(text.startswith("<!doctype html>") and page.get("lang"), "no doctype or language")
    for tag in ("script", "link", "img", "iframe", "object", "form"):
        expect(not page.findall(f".//{tag}"), f"<{tag}> in the report")
    expect(not re.search(r"(https?:)?//|url\(|@import|\son\w+=", text), "something from elsewhere in the report")
    expect(page.xpath("//meta[@name='viewport']"), "no viewport for phones")
    expect("prefers-color-scheme: dark" in text, "no dark colours")
    expect(len(page.findall(".//h1")) == 1, "not one h1")
    for table in page.findall(".//table"):
        expect(table.find("caption") is not None, "a table without caption")
        for row in table.findall("tbody/tr"):
            expect(row[0].tag == "th" and row[0].get("scope") == "row", "a row without header")
        heads = table.findall("thead/tr/th")
        expect(all(head.get("scope") == "col" for head in heads), "a column header without scope")
        widths = {len(row) for row in table.iter("tr")}
        expect(len(widths) == 1, f"rows of different length: {widths}")
        region = table.getparent()
        expect(region.get("tabindex") == "0" and region.get("aria-labelledby"), "a table that keys cannot scroll")
    print(f"report {len(page.findall('.//table'))} tables")


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    arduino(folder)
    zephyr(folder, folder.name)
    cmsis_pack(folder)
    report(folder)
