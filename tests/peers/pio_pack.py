"""`pio pkg pack FOLDER -o ARCHIVE`, without a network; prints the files of the archive.

    peers-python pio_pack.py FOLDER ARCHIVE

PlatformIO fetches the list of SPDX licences from the network; here it gets the copy that the `packaging` package has.
"""

import sys
import tarfile

from packaging.licenses._spdx import LICENSES
from platformio.package.commands.pack import package_pack_cmd
from platformio.package.manifest.schema import ManifestSchema


def spdx_licenses():
    return {"licenses": [{"licenseId": entry["id"]} for entry in LICENSES.values()]}


ManifestSchema.load_spdx_licenses = staticmethod(spdx_licenses)
folder, archive = sys.argv[1:]
package_pack_cmd.main([folder, "-o", archive], standalone_mode=False)
with tarfile.open(archive) as tar:
    print("\n".join(sorted(tar.getnames())))
