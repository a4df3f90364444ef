#!/bin/sh
# Make .venv in the checkout, or bring it up to date.
#
#   tools/venv.sh demo    Heat and the clients: what the demonstration needs
#   tools/venv.sh test    that, and what the tests need
#
# PYTHON names the interpreter; the default is the first one in PATH that is
# new enough. Each package has the version of constraints/heatNN.txt, where NN
# is the newest Heat that this Python can have; NEWEST=1 takes the newest
# version of each package instead.
set -eu

cd "$(dirname "$0")/.."
here=$(pwd -P)
what=${1:-test}
log=.venv/install.log
case $what in
    demo) script=./run_demo.sh ;;
    test) script=./run_tests.sh ;;
    *) echo "venv: error: demo or test, not $what" >&2; exit 2 ;;
esac

say() {
    echo "venv: $*"
}

die() {
    echo "venv: error: $*" >&2
    exit 1
}

wanted=$(sed -n 's/^requires-python = ">=\([0-9.]*\)".*/\1/p' pyproject.toml)

version_of() {
    "$1" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null
}

is_new_enough() {
    "$1" -c "import sys
sys.exit(sys.version_info[:2] < ($(echo "$wanted" | tr . ,)))" 2>/dev/null
}

# Print the interpreter to make .venv with.
find_python() {
    if [ -n "${PYTHON:-}" ]; then
        version=$(version_of "$PYTHON") || die "PYTHON=$PYTHON does not run"
        is_new_enough "$PYTHON" || die "PYTHON=$PYTHON is Python $version," \
            "and Python $wanted or newer is needed"
        echo "$PYTHON"
        return
    fi
    found=
    for python in python3 python3.14 python3.13 python3.12 python3.11 \
            python3.10 python3.9; do
        if is_new_enough "$python"; then
            echo "$python"
            return
        fi
        version=$(version_of "$python") && found="$found, $python is $version"
    done
    die "Python $wanted or newer is needed, and PATH has none${found};" \
        "install one, or name it: PYTHON=/path/to/python3 $script"
}

# Whether .venv works, was made in this folder (its commands begin with its
# path) and has the Python that PYTHON asks for.
is_usable() {
    pip=$(.venv/bin/pip --version 2>/dev/null) || return 1
    case $pip in
        *"$here/.venv/"*) ;;
        *) return 1 ;;
    esac
    [ -z "${PYTHON:-}" ] ||
        [ "$(version_of "$PYTHON")" = "$(version_of .venv/bin/python)" ]
}

make_venv() {
    python=$(find_python)
    version=$(version_of "$python")
    # A folder that is empty can be imported, too.
    "$python" -c 'import venv; from ensurepip import version' 2>/dev/null ||
        die "$python (Python $version) has no venv module; install it" \
            "(on Debian and Ubuntu: apt install python${version%.*}-venv)," \
            "or name another Python: PYTHON=/path/to/python3 $script"
    say "making .venv with $python (Python $version)"
    # Through a link, --clear would empty the environment of another checkout.
    [ ! -L .venv ] || rm .venv
    mkdir -p .venv 2>/dev/null && [ -w .venv ] || die "$here is not writable"
    said=$("$python" -m venv --clear .venv 2>&1) && return
    full=$(disk_is_full)
    die "cannot make .venv${full:-: $(echo "$said" | grep . | tail -n 1)}"
}

# The newest release of Heat for the Python in .venv.
release() {
    version=$(version_of .venv/bin/python)
    case ${version%.*} in
        3.9) echo 24 ;;
        3.10) echo 26 ;;
        *) echo 27 ;;
    esac
}

disk_is_full() {
    if head -c 1000000 /dev/zero 2>/dev/null >.venv/.room &&
            ! grep -qs 'No space left on device' "$log"; then
        rm -f .venv/.room
        return
    fi
    rm -f .venv/.room
    echo ": the disk is full; .venv needs 1 GB"
}

why_not() {
    full=$(disk_is_full)
    if [ -n "$full" ]; then
        echo "$full"
    elif grep -q 'Retry(total=0.* after connection broken by' "$log"; then
        echo ": no package index answers"
    else
        # The first ones may be those of uv.
        grep -i '^error' "$log" | tail -n 1 | sed 's/^/: /'
    fi
}

# Run a command, print a line every 10 seconds, and return its status.
logged() {
    "$@" >>"$log" 2>&1 &
    command=$!
    trap 'kill $command 2>/dev/null; exit 130' INT TERM
    fifths=0
    while kill -0 $command 2>/dev/null; do
        sleep 0.2
        fifths=$((fifths + 1))
        if [ $((fifths % 50)) -eq 0 ]; then
            say "$((fifths / 5)) s: $(grep . "$log" | tail -n 1 | cut -c 1-66)"
        fi
    done
    wait $command && status=0 || status=$?
    trap - INT TERM
    return $status
}

pip_install() {
    logged .venv/bin/python -m pip install --disable-pip-version-check \
        --no-input --progress-bar off --retries 2 "$@"
}

# uv installs in a small part of the time. It does not read the settings of
# pip, so it is left out where these name another index.
get_uv() {
    ! .venv/bin/python -m pip config list 2>/dev/null |
        grep -q '[.]index-url=' &&
        pip_install $constraints --only-binary uv uv && [ -x .venv/bin/uv ]
}

# Install packages with uv, or with pip if that fails.
install_packages() {
    if [ -n "$uv" ]; then
        logged .venv/bin/uv pip install --python .venv/bin/python "$@" &&
            return
        uv=
    fi
    pip_install "$@" || die "pip failed$(why_not) (all that it said is in" \
        "$log); run $script again; it continues from here"
}

install() {
    # What an interrupted pip has left half installed is installed again.
    for info in .venv/lib/python*/site-packages/*.dist-info; do
        [ -s "$info/RECORD" ] || rm -rf "$info"
    done
    : >"$log" || die "cannot write $log$(disk_is_full)"
    uv=
    ! get_uv || uv=yes
    # What builds the editable package is of a fixed version, too.
    install_packages $constraints hatchling hatch-vcs editables
    if [ "$what" = test ]; then
        install_packages $constraints --no-build-isolation \
            --editable '.[test]' tox tox-uv
    else
        install_packages $constraints --no-build-isolation \
            --editable '.[demo]'
    fi
}

is_usable || make_venv
constraints=
if [ -z "${NEWEST:-}" ]; then
    constraints="-c constraints/heat$(release).txt -c constraints/tools.txt"
fi
key=$(echo "$constraints" | cat - pyproject.toml constraints/heat*.txt \
    constraints/tools.txt | cksum)
for installed in "$what" test; do
    if [ "$(cat ".venv/.installed-$installed" 2>/dev/null)" = "$key" ]; then
        say ".venv is up to date"
        exit 0
    fi
done
say "installing Heat$([ "$what" = demo ] || echo ' and the test tools')" \
    "into .venv (up to 3 minutes)"
install
echo "$key" >".venv/.installed-$what"
