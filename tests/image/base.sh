#!/bin/sh
# A stand-in for the base image where it cannot be pulled: Debian bookworm with a Python at the same places.
#
#   base.sh IMAGE TARBALL    writes a root file system to TARBALL and imports it as IMAGE
#
# The Python is this machine's own 3.12 where there is one apart from Debian's, else Debian's 3.11.
set -eu

image=$1
tarball=$2
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
chmod 755 "$tree"

# Apart from /usr, a CPython is one folder that runs wherever it is copied to (it finds its library from its own place).
prefix=
for python in python3.12 /usr/local/bin/python3.12 "$HOME"/.pyenv/versions/3.12*/bin/python3.12; do
    prefix=$("$python" -c 'import sys; print(sys.base_prefix)' 2>/dev/null) && [ "$prefix" != /usr ] && break
    prefix=
done

mkdir -p "$tree/usr/local/bin"
if [ -n "$prefix" ]; then
    packages=ca-certificates
    mkdir -p "$tree/usr/local/lib"
    cp -a "$prefix"/bin/python3* "$tree/usr/local/bin/"
    cp -a "$prefix"/lib/python3.12 "$tree/usr/local/lib/"
    cp -a "$prefix"/lib/libpython3*.so* "$tree/usr/local/lib/" 2>/dev/null || true
    # What slim images lack, and the tests that take the most room.
    rm -rf "$tree"/usr/local/lib/python3.12/site-packages/* "$tree"/usr/local/lib/python3.12/test
    find "$tree" -name __pycache__ -prune -exec rm -rf {} +
    # Its shared libraries, from here: this machine's may be newer than bookworm's.
    mkdir -p "$tree/usr/local/lib/python-libraries"
    find "$tree/usr/local" \( -name 'python3.12' -o -name '*.so*' \) -type f -exec ldd {} + 2>/dev/null |
        sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p' | sort -u |
        grep -vE '/(libc|libm|libdl|libpthread|librt|libutil|ld-linux[^/]*)\.so' |
        while read -r library; do cp -L "$library" "$tree/usr/local/lib/python-libraries/"; done
    mkdir -p "$tree/etc/ld.so.conf.d"
    echo /usr/local/lib/python-libraries >"$tree/etc/ld.so.conf.d/zz-python.conf" # last: Debian's own come first
    ln -sf python3.12 "$tree/usr/local/bin/python3"
    after='ldconfig && /usr/local/bin/python3 -m ensurepip --default-pip >/dev/null && ln -sf pip3 /usr/local/bin/pip'
else
    packages=ca-certificates,python3,python3-venv,python3-pip
    ln -s /usr/bin/python3 "$tree/usr/local/bin/python3"
    after=true
fi

mmdebstrap --quiet --variant=minbase --include="$packages" \
    --customize-hook="sync-in '$tree' /" --customize-hook="chroot \"\$1\" sh -c '$after'" \
    bookworm "$tarball"
podman import --quiet --change 'ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin' \
    --change 'CMD ["python3"]' "$tarball" "$image"
