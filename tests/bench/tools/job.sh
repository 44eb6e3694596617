# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# Runs in dom0: the same commands with Debian's xl and with ours, timed. Lines "BENCH NAME XL MILLISECONDS".
[ -n "${BASH_VERSION:-}" ] || exec bash "$0"
mkdir -p /run/b
guests=$(sed -n 's/.*bench\.guests=\([0-9]*\).*/\1/p' /proc/cmdline)
cfg() { printf 'name = "%s"\nkernel = "%s"\nmemory = %s\n' "$1" "$2" "$3" >"/run/b/$1.cfg"; }
cfg stock /guests/vmlinuz 128
cfg tiny /guests/tiny 8

# timed NAME XL COUNT COMMAND…: the time of one run, in ms.
timed() {
    local name=$1 xl=$2 count=$3 i start
    shift 3
    start=$EPOCHREALTIME
    for ((i = 0; i < count; i++)); do "$@" >/run/b/out 2>&1 || { echo "BENCH-FAILED $name $xl: $(tail -1 /run/b/out)"; return; }; done
    awk "BEGIN { printf \"BENCH %s %s %.3f\\n\", \"$name\", \"$xl\", ($EPOCHREALTIME - $start) * 1000 / $count }"
}
pair() { "$1" create -q -p -e /run/b/tiny.cfg && "$1" destroy tiny; }

# What one xl needs among N guests.
round() {
    local xl=$1 n=$2
    timed "create+destroy small@$n" "$xl" 5 pair "$xl"
    timed "list@$n" "$xl" 5 "$xl" list
}
# once each, so that what is made at a first use is not counted
for xl in xl-debian xl; do pair $xl; $xl list; done >/dev/null 2>&1
for xl in xl-debian xl; do
    rm -rf /run/vellum/kernels
    timed "create stock, first" $xl 1 $xl create -q -p -e /run/b/stock.cfg
    timed "destroy stock" $xl 1 $xl destroy stock
    timed "create stock, again" $xl 1 $xl create -q -p -e /run/b/stock.cfg
    $xl destroy stock
    timed "create small" $xl 1 $xl create -q -p -e /run/b/tiny.cfg
    timed "destroy small" $xl 1 $xl destroy tiny
    timed "list, nothing there" $xl 5 $xl list
    round $xl 0
done
if [ "${guests:-0}" -gt 0 ]; then
    for ((g = 1; g <= guests; g++)); do
        cfg "g$g" /guests/tiny 8
        xl create -q -p -e "/run/b/g$g.cfg" || break
    done
    for xl in xl-debian xl; do round $xl "$guests"; done
fi
echo "JOB end"
