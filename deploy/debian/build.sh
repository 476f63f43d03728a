#!/bin/sh
# Makes latency-exporter_VERSION_ARCHITECTURE.deb for Debian 12, of wheels and of files of this clone, with dpkg-deb.
#
#   build.sh PYTHON WHEELS INTO [VERSION]
#
# The same commit gives the same bytes: times are those of the commit, or of $SOURCE_DATE_EPOCH.
set -eu
umask 022
cd "$(dirname "$0")/../.."
python=$1 wheels=$2 into=$3
version=${4:-$("$python" -c 'import exporter; print(exporter.__version__)')-1}
case $(echo "$wheels"/*.whl) in # what compiled wheels are for is what the package is for
*_x86_64.whl*) architecture=amd64 ;;
*_aarch64.whl*) architecture=arm64 ;;
*) echo "$wheels: no wheels of an architecture that Debian 12 has" >&2 && exit 1 ;;
esac
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -c safe.directory='*' log -1 --format=%ct)}
export SOURCE_DATE_EPOCH

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
chmod 755 "$tree"
for folder in DEBIAN usr/bin usr/lib/latency-exporter/bin usr/lib/latency-exporter/lib/python3.11/site-packages lib/systemd/system \
    etc/latency-exporter etc/default usr/share/latency-exporter usr/share/doc/latency-exporter usr/share/man/man1 \
    usr/share/bash-completion/completions usr/share/zsh/vendor-completions usr/share/fish/vendor_completions.d; do
    mkdir -p "$tree/$folder"
done

# --- The program: a virtual environment of the system's Python ----------------------------------------------------
home=/usr/lib/latency-exporter
sh deploy/wheels.sh unpack "$python" "$wheels" "$tree$home/lib/python3.11/site-packages"
ln -s ../../../bin/python3.11 "$tree$home/bin/python"
printf 'home = /usr/bin\ninclude-system-site-packages = false\n' >"$tree$home/pyvenv.cfg"
{
    sed "s|\"@PYTHON@\"|$home/bin/python -I|" deploy/launcher # isolated: also from variables such as PYTHONPATH
    printf 'import sys\nfrom exporter.__main__ import main\nsys.exit(main())\n'
} >"$tree/usr/bin/latency-exporter"
chmod 755 "$tree/usr/bin/latency-exporter"

# --- The service --------------------------------------------------------------------------------------------------
# The unit of the clone, with the places and the user of a package.
arguments='--config.file=/etc/latency-exporter/fleet.yml --web.config.file=/etc/latency-exporter/web.yml $ARGS'
sed -e '1,/^\[Unit\]/{/^#/d}' \
    -e 's|^Documentation=.*|Documentation=man:latency-exporter(1)|' \
    -e "s|^ExecStart=.*|ExecStart=/usr/bin/latency-exporter $arguments|" \
    -e 's|^# A user of its own.*|# A user of its own, with the one capability that ICMP needs. systemd gives it as|' \
    -e 's|^DynamicUser=yes|User=latency-exporter\nStateDirectory=latency-exporter|' \
    -e 's|^Environment=|EnvironmentFile=-/etc/default/latency-exporter\n&|' \
    deploy/latency-exporter.service >"$tree/lib/systemd/system/latency-exporter.service"
install -m 644 config/exporter.yml "$tree/usr/share/latency-exporter/fleet.yml" # to begin with; postinst copies it
{
    echo "# TLS and users for everything on :9102. Nothing is on until its lines are uncommented."
    sed -e '1d' -e 's/^[^#]/# &/' config/web.example.yml
} >"$tree/etc/latency-exporter/web.yml"
install -m 644 deploy/debian/default "$tree/etc/default/latency-exporter"

# --- What explains it ---------------------------------------------------------------------------------------------
documents=$tree/usr/share/doc/latency-exporter
"$python" -m deploy.from_flags.man | gzip -9n >"$tree/usr/share/man/man1/latency-exporter.1.gz"
"$python" -m deploy.from_flags.completion bash >"$tree/usr/share/bash-completion/completions/latency-exporter"
"$python" -m deploy.from_flags.completion zsh >"$tree/usr/share/zsh/vendor-completions/_latency-exporter"
"$python" -m deploy.from_flags.completion fish >"$tree/usr/share/fish/vendor_completions.d/latency-exporter.fish"
"$python" -m deploy.debian.copyright "$tree$home/lib/python3.11/site-packages" >"$documents/copyright"
gzip -9n <CHANGELOG.md >"$documents/changelog.gz"
gzip -9n >"$documents/changelog.Debian.gz" <<END
latency-exporter ($version) stable; urgency=medium

  * Package of latency-exporter, which changelog.gz is about.

 -- $(sed -n 's/^Maintainer: //p' deploy/debian/control)  $(LC_ALL=C date --utc --rfc-email --date="@$SOURCE_DATE_EPOCH")
END

# --- The package --------------------------------------------------------------------------------------------------
cp deploy/debian/postinst deploy/debian/prerm deploy/debian/postrm "$tree/DEBIAN"
chmod 755 "$tree"/DEBIAN/p*
(cd "$tree" && find etc -type f -printf '/%p\n' | sort >DEBIAN/conffiles)
(cd "$tree" && find etc lib usr -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" \
    -e "s/@SIZE@/$(du -sk --apparent-size "$tree" | cut -f1)/" deploy/debian/control >"$tree/DEBIAN/control"
mkdir -p "$into"
# zstd: dpkg of Debian 12 reads it, and it takes a second of CPU where xz takes a minute for a fifth less.
dpkg-deb --root-owner-group -Zzstd -z6 --build "$tree" "$into/latency-exporter_${version}_$architecture.deb"
echo "install it: sudo apt-get install $(realpath "$into/latency-exporter_${version}_$architecture.deb")"
