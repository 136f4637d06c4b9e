#!/usr/bin/env bash
# Lays out the root file system of the image.  The Containerfile and `make image` both run this, and nothing else.
#
#   rootfs.sh base ROOT       Debian: the packages of packages.txt, trimmed
#   rootfs.sh packages ROOT   /opt/cdefence: an environment with the locked dependencies
#   rootfs.sh project ROOT    cdefence itself, bytecode, compiled patterns; then a first start as proof
#
# Each step adds to the ROOT that the one before left.  ARCH (amd64, arm64) is this machine's unless given; the last step runs
# programs of that architecture.  Needs apt-get, dpkg-deb, uv, and for `project` the right to chroot.
set -euo pipefail
shopt -s nullglob
here=$(cd "$(dirname "$0")" && pwd)
project=${PROJECT:-$(dirname "$here")}
suite=trixie python=python3.13 home=/opt/cdefence
step=${1:?step} root=${2:?root folder}
arch=${ARCH:-$(dpkg --print-architecture)}
list=${PACKAGES:-$here/packages.txt}
export PATH="$PATH:/usr/sbin:/sbin" LC_ALL=C

fail() { printf 'image: %s\n       remedy: %s\n' "$1" "$2" >&2; exit 1; }
inside() { env -i PATH="$PATH" LC_ALL=C chroot "$root" "$@"; }   # the caller's CDEFENCE_* settings are not the image's

# --- base -------------------------------------------------------------------------------------------------------------

sources() {  # the mirrors that this machine already uses, for our suite; or CDEFENCE_DEBIAN_MIRROR
    local uri keys=/usr/share/keyrings/debian-archive-keyring
    for keys in "$keys".pgp "$keys".gpg; do [[ -e $keys ]] && break; done
    [[ -e $keys ]] || fail "Debian's archive keys are missing" "apt-get install debian-archive-keyring"
    for uri in ${CDEFENCE_DEBIAN_MIRROR:-$(apt-get indextargets --format '$(ORIGIN) $(REPO_URI)' 'Created-By: Packages' \
            | awk '$1 == "Debian" {print $2}' | sort -u)}; do
        case $uri in
            *security*) echo "deb [signed-by=$keys] $uri $suite-security main" ;;
            *) echo "deb [signed-by=$keys] $uri $suite main" ;;
        esac
    done
}

fetch() {  # the newest .deb of each package into $1, with an apt that knows nothing of this machine
    local apt=$1/apt
    mkdir -p "$apt"/{lists/partial,cache/archives/partial}
    : >"$apt/status"
    sources >"$apt/sources.list"
    [[ -s $apt/sources.list ]] || fail "this machine has no Debian mirror" "set CDEFENCE_DEBIAN_MIRROR=URL"
    local options=(-qq -o "Dir::State::Lists=$apt/lists" -o "Dir::State::status=$apt/status" -o "Dir::Cache=$apt/cache"
        -o "Dir::Etc::SourceList=$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::Etc::Preferences=/dev/null
        -o Dir::Etc::PreferencesParts=/dev/null -o "APT::Architecture=$arch" -o "APT::Architectures=$arch"
        -o Acquire::Languages=none -o "APT::Sandbox::User=root")
    apt-get "${options[@]}" update || fail "the Debian mirror does not answer" "try again"
    (cd "$1" && awk '!/^#/ {print $1}' "$list" | xargs apt-get "${options[@]}" download) \
        || fail "a package of $list could not be had" "see above"
}

base() {
    local work deb name
    work=$(mktemp -d) && trap "rm -rf '$work'" EXIT
    fetch "$work"
    mkdir -p "$root"/usr/{bin,lib,lib64,sbin} "$root"/{proc,sys,dev,run,etc} "$root/var/lib/dpkg/status.d"
    for name in bin lib lib64 sbin; do ln -sfn "usr/$name" "$root/$name"; done
    mkdir -p -m 1777 "$root/tmp"
    for deb in "$work"/*.deb; do
        name=$(dpkg-deb -f "$deb" Package)
        dpkg-deb -x "$deb" "$work/all"
        dpkg-deb -f "$deb" >"$root/var/lib/dpkg/status.d/$name"   # vulnerability scanners look here
    done
    cp -a "$work/all/usr/." "$root/usr/"
    cp -a "$work/all/etc/debian_version" "$root/etc/"
    ln -sfn ../usr/lib/os-release "$root/etc/os-release"
    trim
    printf '%s\n' root:x:0:0:root:/:/nonexistent cdefence:x:15001:15001:cdefence:/:/nonexistent >"$root/etc/passwd"
    printf '%s\n' root:x:0: cdefence:x:15001: >"$root/etc/group"
    echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
    bytecode "/usr/lib/$python"
}

trim() {  # what no program here reads, and modules whose libraries are not in the image; copyright notices stay
    local lib=$root/usr/lib/$python module
    find "$root/usr/share" -mindepth 1 -maxdepth 1 ! -name doc -exec rm -rf {} +
    find "$root/usr/share/doc" -type f ! -name copyright -delete
    find "$root/usr/share/doc" -depth -type d -empty -delete
    rm -rf "$root"/usr/lib/*/gconv "$root"/usr/lib/locale "$root"/usr/lib/valgrind "$root"/usr/{sbin,games,src,include}/*
    rm -rf "$lib"/{test,idlelib,pydoc_data,ensurepip,tkinter,turtledemo,lib2to3,curses,dbm,venv,config-*,__phello__}
    for module in _curses _curses_panel _dbm _gdbm readline _crypt nis _tkinter _test* xx*; do
        rm -f "$lib"/lib-dynload/$module.*.so
    done
    find "$root/usr" -name __pycache__ -prune -exec rm -rf {} +
    local program kept=()
    for program in $(awk '!/^#/ {$1 = ""; print}' "$list"); do kept+=(! -name "$program"); done
    find "$root/usr/bin" -mindepth 1 "${kept[@]}" -exec rm -rf {} +
}

# --- packages ----------------------------------------------------------------------------------------------------------

uv() { command "${UV:-uv}" --quiet --no-progress --directory "$project" "$@"; }

install_into() {  # wheels only, for the image's Python and architecture, whatever this machine has
    local machine=x86_64; [[ $arch == arm64 ]] && machine=aarch64
    uv pip install --target "$root$home/lib/$python/site-packages" --python-version "${python#python}" \
        --python-platform "$machine-manylinux_2_40" --only-binary :all: --no-deps --link-mode copy "$@"
}

packages() {
    local locked; locked=$(mktemp) && trap "rm -f '$locked'" EXIT
    mkdir -p "$root$home/bin" "$root$home/lib/$python/site-packages"
    printf 'home = /usr/bin\ninclude-system-site-packages = false\nversion = %s\n' "${python#python}" >"$root$home/pyvenv.cfg"
    ln -sfn "/usr/bin/$python" "$root$home/bin/python"
    uv export --locked --no-dev --no-emit-project --extra controller --output-file "$locked" >/dev/null
    install_into --require-hashes -r "$locked"
    local site=$root$home/lib/$python/site-packages
    rm -rf "$site/bin" "$site/.lock"
    find "$site" \( -name '*.pyx' -o -name '*.pxd' -o -name '*.c' -o -name '*.h' -o -name '*.pyi' \) -type f -delete
    find "$site" -mindepth 2 -maxdepth 2 -type d \( -name tests -o -name test \) -exec rm -rf {} +
    bytecode "$home/lib/$python/site-packages"
}

# --- project -------------------------------------------------------------------------------------------------------------

project() {
    local wheels; wheels=$(mktemp -d) && trap "rm -rf '$wheels'" EXIT
    uv build --wheel --out-dir "$wheels"
    install_into "$wheels"/*.whl
    local site=$root$home/lib/$python/site-packages
    rm -rf "$site/bin" "$site/.lock"
    printf '#!%s/bin/python -I\nimport sys\n\nfrom sidecar.cli import main\n\nsys.exit(main())\n' "$home" \
        >"$root$home/bin/cdefence"
    chmod 755 "$root$home/bin/cdefence"
    chmod -R u=rwX,go=rX "$root$home"
    bytecode "$home/lib/$python/site-packages"/{sidecar,injector,dlp_patterns}
    patterns
    inside "$home/bin/python" -I -c "$(cat "$here/complete.py")" || fail "something is missing in the image" "add it to packages.txt"
    inside "$home/bin/cdefence" --version >/dev/null || fail "the image does not start" "see above"
}

bytecode() {  # unchecked-hash: the file system is read-only, so nobody has to compare times at every start
    inside "/usr/bin/$python" -I -m compileall -q --invalidation-mode unchecked-hash "$@"
}

patterns() {  # the proxy trusts a cache that is its own and private: mode here, owner 15001 when the image is written
    rm -rf "$root$home/cache" && mkdir -m 700 "$root$home/cache"
    inside "$home/bin/python" -I -c "$(cat "$here/patterns.py")" "$home/cache"
}

case $step in
    base | packages | project) "$step" ;;
    *) fail "no step called $step" "base, packages or project" ;;
esac
