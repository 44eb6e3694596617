#!/bin/bash
# SPDX-License-Identifier: MIT
# A stock guest with disks on Ceph (RBD) and in S3, whose server is Ceph's gateway.
# By hand: wants ceph-mon, ceph-osd, radosgw, ceph-common, python3-boto3, nbdkit-plugin-python and qemu-block-extra here.
# On Vellum; BACK_ON=xen: on Debian's Xen.
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/system/ceph-cluster
. "$top/tests/system/ceph-cluster"
missing=$(ceph_missing)
[ -z "$missing" ] || die "these packages are missing: ${missing//$'\n'/ }"
address=$(hostname -I | tr ' ' '\n' | grep -m 1 '\.') || die "this machine has no IPv4 address that dom0 could reach"
"$top/dom0/build-image" -f "$build" "$build/image-formats" >"$work/image.log" 2>&1 || { tail "$work/image.log"; die "no image with all formats"; }
image=$build/image-formats

# What dom0's image lacks, as this machine has it: QEMU's driver for RBD, nbdkit's S3 plugin with Python and boto3.
lib=/usr/lib/x86_64-linux-gnu
python=$(find /usr/lib -maxdepth 1 -name 'python3.*' | sort -V | tail -n 1)
{
    echo $lib/qemu/block-rbd.so $lib/nbdkit/plugins/nbdkit-{S3-plugin,python-plugin.so} $lib/nbdkit/filters/nbdkit-blocksize-filter.so |
        tr ' ' '\n'
    find "$python" /usr/lib/python3/dist-packages/{boto3,botocore,s3transfer,jmespath,dateutil,urllib3,requests,chardet,charset_normalizer,idna,certifi,six.py} \
        \( -path '*/test' -o -path '*/idlelib' -o -path '*/lib2to3' -o -path '*/config-*' -o -path '*/tkinter' \
        -o -path '*/botocore/data/[a-rt-z]*' -o -path '*/botocore/data/s[a-z]*' \) -prune -o -type f -print
    find /usr/lib/python3/dist-packages/botocore/data -maxdepth 1 -type f
    find /usr/lib/python3/dist-packages/botocore/data/s3 -type f
    find $lib/ceph -name 'libceph-common.so*'
} | sort -u >"$work/files"
grep '\.so' "$work/files" | xargs ldd 2>/dev/null | sed -n 's/.*=> \([^ ]*\) (.*/\1/p' | sort -u | while read -r f; do
    [ -e "$image/dom0$lib/${f##*/}" ] || echo "$f"
done >"$work/libraries"
tar -chf "$work/programs.tar" --transform 's,^lib/,usr/lib/,' -C / -T <(sed 's,^/,,' "$work/files" "$work/libraries")

trap 'ceph_stop "$work/ceph"; clean_up' EXIT
ceph_start "$work/ceph" "$address" || die "Ceph does not start"
head -c 8M /dev/urandom >"$work/seed"
cp "$work/seed" "$work/disk"
truncate -s 16M "$work/disk"
rbd import --no-progress "$work/disk" rbd/disk
s3 "s3.create_bucket(Bucket='disks'); s3.upload_file('$work/seed', 'disks', 'seed.img')"
{
    echo "[global]"
    grep '^mon host' "$CEPH_CONF"
} >"$work/ceph.conf"
{ echo "[client.vellum]"; grep -A1 '^.client.vellum' "$work/ceph/keyring" | tail -n 1; } >"$work/ceph.client.vellum.keyring"
printf '[default]\naws_access_key_id = ACCESS\naws_secret_access_key = SECRET\n' >"$work/credentials"
echo "$s3_port" >"$work/port"

on=${BACK_ON:-vellum}
hypervisor=
[ "$on" = vellum ] || hypervisor=$image/xen
mem=3072 dom0_mem=2000 dom0_args="vellum.xl=xl" limit=${LIMIT:-600} boot "$on" back-ceph.sh "$work/programs.tar:programs.tar" "$work/seed:test/seed" \
    "$work/port:test/port" "$work/ceph.conf:etc/ceph/ceph.conf" "$work/ceph.client.vellum.keyring:etc/ceph/ceph.client.vellum.keyring" \
    "$work/credentials:root/.aws/credentials"

# What the cluster has got.
rbd export --no-progress rbd/disk "$work/after"
(head -c 8M "$work/seed" && head -c 4M "$work/seed") >"$work/wanted"
if cmp -n $((12 << 20)) "$work/after" "$work/wanted"; then ok "$on: the RBD image has what the guest wrote"; else fail "$on: the RBD image has something else"; fi
if s3 "open('$work/pieces', 'wb').write(b''.join(s3.get_object(Bucket='disks', Key='rw/%016x' % n)['Body'].read() for n in range(64)))" &&
    cmp -n $((4 << 20)) "$work/pieces" "$work/seed"; then ok "$on: the bucket has what the guest wrote"; else fail "$on: the bucket has something else"; fi
finish
