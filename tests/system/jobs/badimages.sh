# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Kernels and config files that are wrong: one line that says why, and nothing half-made left behind.
. /usr/lib/vellum/job.sh
bad=/tmp/bad.cfg
# refused WHAT PATTERN: the config file on standard input is refused, in at most two lines besides "Parsing config", of
# which one matches the pattern.
refused() {
    what=$1
    pattern=$2
    cat >$bad
    if $XL create $bad >/tmp/out 2>&1; then
        fail "$what: it was taken"
        $XL destroy bad
        return
    fi
    grep -v '^Parsing config' /tmp/out >/tmp/reason
    lines=$(wc -l </tmp/reason)
    if [ "$lines" -ge 1 ] && [ "$lines" -le 2 ] && grep -q "$pattern" /tmp/reason; then ok "$what: $(head -n 1 /tmp/reason)"; else
        fail "$what: $lines lines: $(head -n 3 /tmp/reason | tr '\n' '|')"
    fi
    same "$what: no domain left" "$(domains)" 1
}
kernel() { printf 'name = "bad"\nkernel = "%s"\nmemory = %s\n' "$1" "${2:-128}"; }

before=$(free_pages)
head -c 1000000 /guests/vmlinuz >/tmp/truncated
head -c 64 /guests/vmlinuz >/tmp/stub
: >/tmp/empty
head -c 65536 /dev/urandom >/tmp/noise
cp /usr/bin/busybox /tmp/notpv
# A 32-bit ELF header before the tiny kernel's own contents.
{ head -c 4 /guests/tiny; printf '\001'; tail -c +6 /guests/tiny; } >/tmp/elf32
kernel /tmp/truncated | refused "truncated kernel" "/tmp/truncated"
kernel /tmp/stub | refused "64 bytes of a kernel" "/tmp/stub"
kernel /tmp/empty | refused "empty kernel" "/tmp/empty"
kernel /tmp/noise | refused "noise for a kernel" "/tmp/noise"
kernel /tmp/notpv | refused "program that is no PV kernel" "no Xen ELF notes"
kernel /tmp/elf32 | refused "32-bit ELF file" "32-bit"
kernel /tmp/none | refused "kernel that is not there" "No such file"
kernel /guests | refused "folder for a kernel" "not a regular file"
kernel /guests/vmlinuz 16 | refused "kernel larger than memory" "does not fit"
kernel /guests/vmlinuz 100000 | refused "more memory than there is" "not enough memory"
{ kernel /guests/vmlinuz; echo 'memry = 5'; echo 'disk = 7'; } | refused "wrong type of a key" "bad.cfg:4:1: .*memory"
{ kernel /guests/vmlinuz; echo 'vcpus = '; } | refused "missing value" "bad.cfg:4:"
{ kernel /guests/vmlinuz; echo 'disk = [ "file:/none.img,xvda,w" ]'; } | refused "missing disk" "/none.img"
{ kernel /guests/vmlinuz; echo 'vif = [ "bridge=nobridge" ]'; } | refused "missing bridge" "nobridge"
same "free memory (MiB) is what it was" "$(free_pages)" "$before"
check_store them
check "no loop device left" sh -c '[ -z "$(losetup -a)" ]'
job_end
