# SPDX-License-Identifier: MIT
# What the guest-building scripts share: the cache directory, Debian packages
# fetched and unpacked without touching the host's package database.
#
# Sourced, not run. A script sets nothing before sourcing it; afterwards
#   $guests      absolute output directory (DOPPEL_GUESTS or build/guests)
#   $top         the source tree
#   begin NAME INPUT...   exits the (sub)shell early if NAME is up to date
#   finish NAME           records that NAME is complete
#   unpack PACKAGE[:ARCH] DIR

set -euo pipefail
umask 022
export LC_ALL=C TZ=UTC

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
guests=${DOPPEL_GUESTS:-$top/build/guests}
mkdir -p "$guests"
guests=$(cd "$guests" && pwd)
mirror=${DOPPEL_MIRROR:-http://deb.debian.org/debian}
suite=bookworm

say() { printf '%s: %s\n' "${0##*/}" "$*"; }
die() { say "$*" >&2; exit 1; }

# need COMMAND PACKAGE: one clear line when a host tool is missing
need() {
    PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null || die "$1 not found: install package $2"
}
PATH=$PATH:/usr/sbin:/sbin

# begin NAME INPUT...: take NAME's lock; exit 0 if NAME was already built from
# the same inputs (contents of the files named, which include the caller).
begin() {
    local name=$1 flat=${1//\//-}
    shift
    exec 8>"$guests/.$flat.lock"
    flock 8
    stamp=$(cat "$0" "$@" | sha256sum | cut -d' ' -f1)
    if [ "$(cat "$guests/$name/.stamp" 2>/dev/null)" = "$stamp" ]; then
        say "$guests/$name is up to date"
        exit 0
    fi
    work=$(mktemp -d "$guests/.$flat.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    mkdir "$work/out"
}

# finish NAME: put $work/out in place of $guests/NAME in one step
finish() {
    echo "$stamp" >"$work/out/.stamp"
    mkdir -p "$(dirname "$guests/$1")"
    rm -rf "${guests:?}/$1"
    mv "$work/out" "$guests/$1"
    say "built $guests/$1"
}

# A package database of our own, so that packages of either architecture can
# be looked up and fetched without root and without changing the host's.
apt_root=$guests/.apt

apt_setup() {
    mkdir -p "$apt_root"/{state/lists/partial,cache/archives/partial,debs}
    : >"$apt_root/status"
    cat >"$apt_root/sources.list" <<LIST
deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main
LIST
    cat >"$apt_root/apt.conf" <<CONF
Dir::State "$apt_root/state";
Dir::State::status "$apt_root/status";
Dir::Cache "$apt_root/cache";
Dir::Etc::SourceList "$apt_root/sources.list";
Dir::Etc::SourceParts "/dev/null";
APT::Architecture "amd64";
APT::Architectures { "amd64"; "i386"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "20";
CONF
}

apt_here() { APT_CONFIG=$apt_root/apt.conf "$@"; }

# apt_update: refresh the lists when they are missing
apt_update() {
    exec 9>"$guests/.apt.lock"
    flock 9
    if ! [ -e "$apt_root/updated" ]; then
        apt_setup
        apt_here apt-get -q -q update
        touch "$apt_root/updated"
    fi
    flock -u 9
}

# The lists may be older than the archive's last point release.
apt_download() {
    apt_here apt-get -q -q download "$1" && return
    apt_here apt-get -q -q update
    apt_here apt-get -q -q download "$1"
}

# fetch PACKAGE[:ARCH]: print the path of the package file, downloading it once
fetch() {
    need apt-get apt
    apt_update
    exec 9>"$guests/.apt.lock"
    flock 9
    local dir=$apt_root/debs/${1/:/_}
    if ! compgen -G "$dir/*.deb" >/dev/null; then
        mkdir -p "$dir"
        (cd "$dir" && apt_download "$1" >&2)
    fi
    flock -u 9
    ls -t "$dir"/*.deb | head -n 1
}

# unpack PACKAGE[:ARCH] DIR
unpack() {
    need dpkg-deb dpkg
    local deb
    deb=$(fetch "$1")
    mkdir -p "$2"
    dpkg-deb -x "$deb" "$2"
}

# depends PACKAGE[:ARCH] PATTERN: the first dependency that matches
depends() {
    apt_update
    apt_here apt-cache depends "$1" | sed -n 's/^ *Depends: //p' | grep -m 1 -E "$2"
}

# loader DIR SCRIPT MODULE...: put modules of the kernel in $work/kernel into $work/tree/DIR, and a
# script that loads them in this order
loader() {
    local dir=$1 script=$work/tree/$1/$2 module file
    shift 2
    echo '#!/bin/sh' >"$script"
    for module; do
        file=$(find "$work/kernel" -name "$module.ko")
        [ -n "$file" ] || die "the kernel has no module $module"
        cp "$file" "$work/tree/$dir/"
        echo "insmod /$dir/$module.ko" >>"$script"
    done
    chmod 755 "$script"
}

# demo_with_modules NAME 'SCRIPT: MODULE...'...: the demo guest (amd64) with modules of Debian's
# kernel and scripts that load them, in /NAME of the guest
demo_with_modules() {
    local name=$1 image spec
    shift
    need cpio cpio
    "$top/scripts/guests/demo" amd64
    begin "$name" "$guests/demo/amd64/.stamp" "${BASH_SOURCE[0]}"
    image=$(depends linux-image-amd64:amd64 '^linux-image-[0-9]')
    unpack "${image%%:*}:amd64" "$work/kernel"
    mkdir -p "$work/tree/$name"
    for spec; do
        # shellcheck disable=SC2086
        loader "$name" "${spec%%:*}" ${spec#*:}
    done
    cp "$guests/demo/amd64/vmlinuz" "$work/out/vmlinuz"
    cp "$guests/demo/amd64/initrd.gz" "$work/out/initrd.gz"
    (cd "$work/tree" && find "$name" | sort | cpio -o -H newc -R 0:0 --reproducible --quiet) |
        gzip -n -9 >>"$work/out/initrd.gz"
    finish "$name"
}
